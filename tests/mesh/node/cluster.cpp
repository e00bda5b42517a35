#include "tests/mesh/node/cluster.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "base/overloaded.h"
#include "mesh/journal/idempotency.h"
#include "mesh/watermark/telling.h"

namespace titan::mesh::testing {

constexpr Duration recovery_takes = milliseconds(400);

// ---- disk --------------------------------------------------------------------------------------

StoredRepeats MemoryDisk::commit(const StoreRequest& request, const DeviceId& device) {
  StoredRepeats repeats;
  committed_.push_back(request);
  for (const auto& entry : request.entries) {
    const Envelope& envelope = entry->envelope;
    if (envelope.device == device && !envelope.idempotency_key.empty()) {
      const auto duplicate = remember_key(keys_[envelope.idempotency_key], *entry);
      if (duplicate) repeats.duplicates.push_back({*duplicate, entry->hash});
    }
    if (!claims_its_request(envelope)) continue;
    const auto [first, is_new] = first_with_claim_.emplace(envelope.claim, entry);
    const Entry& older = *first->second;
    if (is_new || older.hash == entry->hash) continue;
    repeats.twins.push_back({envelope.claim,
                             {older.hash, older.envelope.stock_effects},
                             {entry->hash, envelope.stock_effects}});
  }
  return repeats;
}

std::optional<IdempotencyRecord> MemoryDisk::find_key(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? std::nullopt : found->second;
}

std::map<std::tuple<JournalId, std::uint64_t, Hash>, std::shared_ptr<const Entry>>
MemoryDisk::entries() const {
  std::map<std::tuple<JournalId, std::uint64_t, Hash>, std::shared_ptr<const Entry>> all;
  for (const StoreRequest& request : committed_) {
    for (const auto& entry : request.entries) {
      all.emplace(std::tuple(entry->envelope.id.journal, entry->envelope.id.number, entry->hash),
                  entry);
    }
  }
  return all;
}

// As StoredWatermark says.
void take(const StoredWatermark& change, std::optional<StoredWatermark>& held) {
  crdt::VersionVector vector;
  if (held && !change.is_whole) mesh::apply(held->journals, vector);
  mesh::apply(change.journals, vector);
  held = StoredWatermark{change.watermark, true, difference({}, vector)};
}

StoredState MemoryDisk::load(const DeviceId& device) const {
  StoredState state;
  std::map<DeviceId, RememberedMember> members;
  for (const StoreRequest& request : committed_) {
    for (const auto& key : request.devices) state.devices.push_back(key);
    if (request.promise) state.promise = *request.promise;
    if (request.watermark) take(*request.watermark, state.watermark);
    for (const auto& member : request.members) members[member.member.device()] = member;
  }
  for (const auto& [id, member] : members) state.members.push_back(member);
  std::uint64_t last_clock = 0;
  std::set<std::pair<EntryId, Hash>> seen;
  std::map<std::string, std::optional<IdempotencyRecord>> keys;
  for (const StoreRequest& request : committed_) {
    for (const auto& entry : request.entries) {
      const Envelope& envelope = entry->envelope;
      if (!seen.emplace(envelope.id, entry->hash).second) continue;
      state.vector.add(envelope.device, envelope.id.journal, envelope.id.number, entry->hash);
      state.stock.apply(entry->hash, envelope.claim, envelope.stock_effects);
      state.logical_clock = std::max(state.logical_clock, envelope.logical_clock);
      observe_date(state.dates, envelope);
      if (envelope.device != device) continue;
      if (envelope.logical_clock >= last_clock) {
        last_clock = envelope.logical_clock;
        state.last_journal = envelope.id.journal;
        state.last_number = envelope.id.number;
        state.last_hash = entry->hash;
      }
      if (envelope.receipt) {
        state.last_receipt_number = std::max(state.last_receipt_number, envelope.receipt->number);
      }
      if (envelope.idempotency_key.empty()) continue;
      const auto duplicate = remember_key(keys[envelope.idempotency_key], *entry);
      if (duplicate && !duplicate->is_same_request) state.reused_keys.push_back(*duplicate);
      if (!duplicate || !duplicate->is_same_request || claims_its_request(envelope)) continue;
      state.duplicates.push_back(*duplicate);
    }
  }
  for (const auto& [key, record] : keys_) state.keys.add(hash_of_key(key));
  drop_voided(state.duplicates, state.stock);
  return state;
}

void MemoryDisk::roll_back_to(std::size_t requests, const DeviceId& device) {
  first_with_claim_.clear();
  keys_.clear();
  const std::vector<StoreRequest> kept(committed_.begin(),
                                       committed_.begin() + static_cast<std::ptrdiff_t>(requests));
  committed_.clear();
  for (const StoreRequest& request : kept) commit(request, device);
}

std::shared_ptr<const Entry> MemoryDisk::find(const EntryId& id, const Hash& hash) const {
  const auto all = entries();
  const auto found = all.find({id.journal, id.number, hash});
  return found == all.end() ? nullptr : found->second;
}

namespace {

bool is_state(Kind kind) {
  return kind == Kind::product || kind == Kind::setting || kind == Kind::user;
}

}  // namespace

std::vector<Bytes> MemoryDisk::read(const ReadRequest& request) const {
  std::vector<Bytes> found;
  std::uint64_t bytes = 0;
  auto take = [&](const auto& item) {
    const auto& [identity, entry] = item;
    if (std::get<0>(identity) != request.journal || bytes > request.bytes_max) return;
    const bool by_hash = std::find(request.hashes.begin(), request.hashes.end(), entry->hash) !=
                         request.hashes.end();
    if (!by_hash && !request.numbers.contains(entry->envelope.id.number)) return;
    if (request.state_only && !is_state(entry->envelope.kind)) return;
    bytes += entry->bytes.size();
    found.push_back(entry->bytes);
  };
  const auto all = entries();
  if (request.newest_first) {
    std::for_each(all.rbegin(), all.rend(), take);
    std::reverse(found.begin(), found.end());
  } else {
    std::for_each(all.begin(), all.end(), take);
  }
  return found;
}

std::vector<std::pair<std::uint64_t, Hash>> MemoryDisk::hash_list(const JournalId& journal) const {
  std::vector<std::pair<std::uint64_t, Hash>> list;
  for (const auto& [identity, entry] : entries()) {
    if (std::get<0>(identity) == journal) list.emplace_back(std::get<1>(identity), entry->hash);
  }
  return list;
}

// ---- life --------------------------------------------------------------------------------------

Cluster::Cluster(ClusterConfig config)
    : config_(config), random_(config.seed), time_{seconds(1)}, tills_(config.tills) {
  for (std::size_t i = 0; i < tills_.size(); ++i) {
    tills_[i].key = KeyPair::from_seed(SecretSeed::draw(random_));
  }
  for (const auto& [copy, original] : config_.copies) tills_[copy].key = tills_[original].key;
  if (!config_.cut_at_start.empty()) cut(config_.cut_at_start);
  for (std::size_t i = 0; i < tills_.size(); ++i) start(i);
}

void Cluster::start(std::size_t till) {
  Till& t = tills_[till];
  if (t.node) return;
  NodeConfig node_config;
  node_config.tenant = "acme";
  node_config.store = "london-1";
  node_config.terminal = "till-" + std::to_string(till + 1);
  node_config.addresses = {"10.77.0." + std::to_string(till + 1) + ":7411"};
  node_config.started = now().wall;
  node_config.anti_entropy = config_.anti_entropy;
  node_config.cloud_key = config_.cloud_key;
  t.process = ProcessId::draw(random_);
  t.random_seed = random_.next();
  for (const auto& [copy, original] : config_.copies) {
    if (copy != till) continue;
    node_config.terminal =
        "till-" + std::to_string(original + 1);  // its configuration was copied, too
    if (t.life > 0) continue;
    t.process = tills_[original].process;
    t.random_seed = tills_[original].random_seed;
  }
  ++t.life;
  t.node = std::make_unique<Node>(node_config, t.key, t.process,
                                  t.disk.load(device_of(t.key.public_key)), codec_,
                                  Random(t.random_seed), now());
  carry_out(till);
  update_links();
}

void Cluster::renew(std::size_t till) {
  tills_[till].key = KeyPair::from_seed(SecretSeed::draw(random_));
  tills_[till].disk = {};
}

void Cluster::crash(std::size_t till) {
  Till& t = tills_[till];
  if (!t.node) return;
  for (std::size_t other = 0; other < tills_.size(); ++other) {
    if (other == till || !tills_[other].links.contains(till)) continue;
    at(time_ + milliseconds(1), [this, other, till, life = tills_[other].life] {
      if (tills_[other].node && tills_[other].life == life) {
        unlink(other, till, LinkEnd::refused);
        update_links();  // it may be back already
      }
    });
  }
  t.node.reset();
  t.links.clear();
  t.queue.clear();
  t.committing = false;
  t.tick_scheduled = false;
  ++t.life;
}

void Cluster::stall(std::size_t till, Duration length) {
  tills_[till].stalled_until = time_ + length;
}

void Cluster::damage(std::size_t till) {
  input(till, [&](Node& node) { node.on_damage_met(now()); });
}

void Cluster::open_again_unasked(std::size_t till) {
  input(till, [&](Node& node) { node.on_storage_opened(now(), StoredState{}); });
}

void Cluster::fail_next_commit(std::size_t till, bool yet_is_there) {
  tills_[till].fail_commit = true;
  tills_[till].fail_yet_there = yet_is_there;
}

std::uint64_t Cluster::sell(std::size_t till, const std::string& product, std::uint64_t pieces,
                            const std::string& key) {
  EntryDraft draft;
  draft.kind = Kind::sale;
  draft.time = now().wall;
  draft.business_date = 20261122;
  draft.idempotency_key = key;
  draft.request_hash = blake2b(product + std::to_string(pieces));
  draft.stock_effects = {{product, 0, pieces * crdt::stock_units_per_piece}};
  draft.wants_receipt = true;
  return append(till, draft);
}

std::uint64_t Cluster::append(std::size_t till, const EntryDraft& draft) {
  std::uint64_t ticket = 0;
  input(till, [&](Node& node) { ticket = node.append(now(), draft); });
  return ticket;
}

// ---- network -----------------------------------------------------------------------------------

bool Cluster::reaches(std::size_t from, std::size_t to) const {
  return tills_[to].node && !cut_.contains({from, to}) &&
         tills_[to].process != tills_[from].process;
}

void Cluster::cut(const std::vector<std::vector<std::size_t>>& groups) {
  std::vector<std::size_t> group_of(tills_.size(), groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const std::size_t till : groups[g]) group_of[till] = g;
  }
  for (std::size_t a = 0; a < tills_.size(); ++a) {
    for (std::size_t b = 0; b < tills_.size(); ++b) {
      if (group_of[a] != group_of[b]) cut_.insert({a, b});
    }
  }
  update_links();
}

void Cluster::cut_one_way(std::size_t from, std::size_t to) {
  cut_.insert({from, to});
  update_links();
}

void Cluster::heal() {
  cut_.clear();
  update_links();
}

// A link needs both ways, as TCP does. A cut is noticed late, a new way is taken soon.
void Cluster::update_links() {
  for (std::size_t a = 0; a < tills_.size(); ++a) {
    for (std::size_t b = 0; b < tills_.size(); ++b) {
      if (a == b || !tills_[a].node) continue;
      const bool possible = reaches(a, b) && reaches(b, a);
      const bool linked = tills_[a].links.contains(b);
      if (possible == linked) continue;
      const Duration wait =
          possible ? config_.connect + Duration(random_.below(5000)) : config_.cut_noticed;
      at(time_ + wait, [this, a, b, possible, life = tills_[a].life] {
        if (!tills_[a].node || tills_[a].life != life) return;
        if ((reaches(a, b) && reaches(b, a)) != possible) return;
        if (possible) {
          link(a, b);
        } else {
          unlink(a, b, LinkEnd::timed_out);
        }
      });
    }
  }
}

void Cluster::link(std::size_t from, std::size_t to) {
  if (!tills_[from].links.insert(to).second) return;
  const MemberInfo peer = tills_[to].node->self();
  input(from, [&](Node& node) { node.on_link_up(now(), peer); });
}

void Cluster::unlink(std::size_t from, std::size_t to, LinkEnd end) {
  if (tills_[from].links.erase(to) == 0) return;
  std::optional<ProcessId> gone;
  for (const MemberView& view : tills_[from].node->members()) {
    if (view.linked && view.member.device() == device_of(tills_[to].key.public_key)) {
      gone = view.member.process;
    }
  }
  if (gone) input(from, [&](Node& node) { node.on_link_down(now(), *gone, end); });
}

std::optional<std::size_t> Cluster::linked_till(std::size_t from, const ProcessId& process) const {
  for (const std::size_t other : tills_[from].links) {
    if (tills_[other].node && tills_[other].node->process() == process) return other;
  }
  return std::nullopt;
}

// ---- effects -----------------------------------------------------------------------------------

void Cluster::input(std::size_t till, const std::function<void(Node&)>& act) {
  act(*tills_[till].node);
  carry_out(till);
}

void Cluster::carry_out(std::size_t till) {
  Till& t = tills_[till];
  for (Effect& effect : t.node->take_effects()) {
    std::visit(Overloaded{
                   [&](Send& send) {
                     const auto to = linked_till(till, send.to);
                     if (!to) return;
                     bytes_sent_ += send.frame.size();
                     if (!reaches(till, *to) || random_.chance(config_.loss)) return;
                     const auto spread = (config_.delay_max - config_.delay_min).count();
                     MonoTime arrival =
                         time_ + config_.delay_min +
                         Duration(random_.below(static_cast<std::uint64_t>(spread) + 1));
                     // One connection keeps its order.
                     MonoTime& last = last_arrival_[{till, *to}];
                     last = arrival = std::max(arrival, last + Duration(1));
                     deliver(*to, arrival,
                             [this, from = t.node->process(), frame = std::move(send.frame)](
                                 Node& node) { node.on_frame(now(), from, frame); });
                   },
                   [&](StoreRequest& request) {
                     t.queue.push_back(std::move(request));
                     start_commit(till);
                   },
                   [&](ReadRequest& request) {
                     deliver(till, time_ + Duration(200), [this, till, request](Node& node) {
                       const MemoryDisk& disk = tills_[till].disk;
                       if (tills_[till].fail_reads > 0) {
                         --tills_[till].fail_reads;
                         node.on_read_failed(now(), request.id);
                       } else if (request.hash_list_only) {
                         node.on_read(now(), request.id, {}, disk.hash_list(request.journal));
                       } else {
                         node.on_read(now(), request.id, disk.read(request), {});
                       }
                     });
                   },
                   [&](KeyLookUp& wanted) { look_up(till, wanted); },
                   [&](DiskJob& job) {
                     const auto open = [this, till](Node& node) {
                       node.on_storage_opened(
                           now(), tills_[till].disk.load(device_of(tills_[till].key.public_key)));
                     };
                     if (job == DiskJob::reopen) return deliver(till, time_ + Duration(1), open);
                     // The commit under way is ended first.
                     deliver(till, time_ + config_.commit + Duration(1),
                             [this](Node& node) { node.on_beside_open(now()); });
                     deliver(till, time_ + recovery_takes, open);
                   },
                   [&](AppendReply& reply) { t.replies.push_back(std::move(reply)); },
                   [&](Event& event) { t.events.push_back(std::move(event)); },
               },
               effect);
  }
  if (config_.check_every_step) t.node->check_invariants();
  schedule_tick(till);
}

void Cluster::look_up(std::size_t till, const KeyLookUp& look_up) {
  ++tills_[till].look_ups;
  deliver(till, time_ + Duration(200), [this, till, look_up](Node& node) {
    Till& t = tills_[till];
    if (t.fail_look_ups > 0) {
      --t.fail_look_ups;
      return node.on_key_look_up_failed(now(), look_up.id);
    }
    node.on_key_looked_up(now(), look_up.id, t.disk.find_key(look_up.key));
  });
}

void Cluster::start_commit(std::size_t till) {
  Till& t = tills_[till];
  if (t.committing || t.queue.empty()) return;
  t.committing = true;
  at(time_ + config_.commit, [this, till, life = t.life, batch = std::exchange(t.queue, {})] {
    Till& committer = tills_[till];
    if (!committer.node || committer.life != life) return;
    committer.committing = false;
    const DeviceId device = device_of(committer.key.public_key);
    if (committer.fail_commit) {
      committer.fail_commit = false;
      if (committer.fail_yet_there) {
        for (const StoreRequest& request : batch) committer.disk.commit(request, device);
      }
      committer.queue.clear();
      input(till, [&](Node& node) { node.on_store_failed(now(), false); });
      committer.queue.clear();
      return;
    }
    StoredRepeats told;
    for (const StoreRequest& request : batch) {
      StoredRepeats repeats = committer.disk.commit(request, device);
      std::move(repeats.twins.begin(), repeats.twins.end(), std::back_inserter(told.twins));
      std::move(repeats.duplicates.begin(), repeats.duplicates.end(),
                std::back_inserter(told.duplicates));
    }
    std::vector<std::uint64_t> ids;
    for (const StoreRequest& request : batch) ids.push_back(request.id);
    deliver(till, time_, [this, ids, told](Node& node) { node.on_stored(now(), ids, told); });
    start_commit(till);
  });
}

void Cluster::schedule_tick(std::size_t till) {
  Till& t = tills_[till];
  if (t.tick_scheduled) return;
  t.tick_scheduled = true;
  const MonoTime deadline =
      std::max({t.node->next_deadline(), time_ + Duration(1), t.stalled_until});
  at(deadline, [this, till, life = t.life] {
    if (!tills_[till].node || tills_[till].life != life) return;
    tills_[till].tick_scheduled = false;
    input(till, [&](Node& node) { node.on_tick(now()); });
  });
}

// ---- time --------------------------------------------------------------------------------------

void Cluster::at(MonoTime when, std::function<void()> act) {
  steps_.push({when, next_sequence_++, std::move(act)});
}

void Cluster::deliver(std::size_t till, MonoTime when, std::function<void(Node&)> act) {
  at(when, [this, till, life = tills_[till].life, act = std::move(act)] {
    Till& t = tills_[till];
    if (!t.node || t.life != life) return;
    if (t.stalled_until > time_) {
      deliver(till, t.stalled_until, act);
    } else {
      input(till, act);
    }
  });
}

void Cluster::run_for(Duration length) {
  run_until([] { return false; }, length);
}

bool Cluster::run_until(const std::function<bool()>& condition, Duration limit) {
  const MonoTime end = time_ + limit;
  while (!condition()) {
    if (steps_.empty() || steps_.top().at > end) {
      time_ = end;
      return condition();
    }
    const Step step = steps_.top();
    steps_.pop();
    time_ = step.at;
    step.act();
  }
  return true;
}

// ---- questions ---------------------------------------------------------------------------------

bool Cluster::agrees() const {
  const Node* first = nullptr;
  for (const Till& till : tills_) {
    if (!till.node) continue;
    if (first == nullptr) first = till.node.get();
    if (!(till.node->vector() == first->vector())) return false;
    if (till.node->stock_digest() != first->stock_digest()) return false;
  }
  return true;
}

std::optional<std::size_t> Cluster::leader() const {
  for (std::size_t i = 0; i < tills_.size(); ++i) {
    if (tills_[i].node && tills_[i].node->is_leader()) return i;
  }
  return std::nullopt;
}

bool Cluster::has_one_leader() const {
  const auto leading = leader();
  if (!leading) return false;
  for (const Till& till : tills_) {
    if (till.node && till.node->leader() != tills_[*leading].node->leader()) return false;
  }
  return true;
}

std::string Cluster::describe() const {
  std::ostringstream text;
  for (std::size_t i = 0; i < tills_.size(); ++i) {
    text << "till-" << i + 1 << ": ";
    if (!tills_[i].node) {
      text << "down\n";
      continue;
    }
    const Node& node = *tills_[i].node;
    text << node.process().hex().substr(0, 6) << " entries " << node.vector().entry_count()
         << " digest " << node.stock_digest() << " links " << tills_[i].links.size() << " leader ";
    if (node.leader()) {
      text << node.leader()->term << "/" << node.leader()->process.hex().substr(0, 6);
    } else {
      text << "none";
    }
    text << "\n";
  }
  return text.str();
}

}  // namespace titan::mesh::testing
