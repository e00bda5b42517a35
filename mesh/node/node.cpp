// The Node's inputs from host and disk, and the order in which effects come out.
#include "mesh/node/node.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/overloaded.h"
#include "mesh/journal/idempotency.h"

namespace titan::mesh {
namespace {

// The loop ticks at least this often, so that a longer silence of its own is a stall.
constexpr Duration tick_max = milliseconds(100);

MemberInfo self_info(const NodeConfig& config, const PublicKey& key, const ProcessId& process) {
  MemberInfo self;
  self.process = process;
  self.device_key = key;
  self.terminal = config.terminal;
  self.addresses = config.addresses;
  self.may_lead = config.may_lead;
  self.priority = config.priority;
  self.started = config.started;
  return self;
}

std::set<DeviceId> devices_of(const std::vector<PublicKey>& keys) {
  std::set<DeviceId> devices;
  for (const PublicKey& key : keys) devices.insert(device_of(key));
  return devices;
}

}  // namespace

Node::Node(NodeConfig config, KeyPair device_key, ProcessId process, StoredState state,
           const Codec& codec, Random random, Now now)
    : config_(std::move(config)),
      device_(titan::device_of(device_key.public_key)),
      process_(process),
      codec_(codec),
      tenant_store_(tenant_store_hash(config_.tenant, config_.store)),
      random_(random),
      self_(self_info(config_, device_key.public_key, process)),
      index_(state.vector, state.devices),
      stored_stock_(state.stock),
      shown_stock_(state.stock),
      own_(codec, device_key, process, {config_.terminal, tenant_store_, {}, 1}, state, random_),
      dates_(state.dates),
      keys_on_disk_(devices_of(state.devices)),
      membership_(config_.membership, self_, Random(random_.next()), now),
      anti_entropy_(config_.anti_entropy, index_, Random(random_.next())),
      election_(config_.election, process, device_, config_.may_lead, config_.priority,
                state.promise, 0, Random(random_.next()), now) {
  index_.learn(device_key.public_key);
  if (!config_.cloud_key.is_none()) {
    index_.learn(config_.cloud_key);
    anti_entropy_.set_first_device(titan::device_of(config_.cloud_key));
  }
  for (const RememberedMember& member : state.members) {
    if (member.member.device() != device_) remembered_[member.member.device()] = member;
  }
  membership_.set_news_source(
      [this](Now at, const ProcessId& to) { return election_.news(at, to); });
  membership_.remember(now, state.members);
  if (state.watermark) {
    take_watermark(*state.watermark);
    watermark_due_ = false;
  }
  anti_entropy_.set_stock_digest(stored_stock_.digest());
  begin(now);
  // The process before may have ended between finding them and storing their void.
  for (const DuplicateRecord& duplicate : state.duplicates) emit(DuplicateFound{duplicate});
  finish(now);
}

// ---- the frame around every input ---------------------------------------------------------------

void Node::begin(Now now) {
  if (last_input_) {
    const Duration silence = now.mono - *last_input_;
    if (silence > config_.election.lease) {
      emit(Note{"this terminal stood still for " + std::to_string(silence / milliseconds(1)) +
                " ms; judging nobody for it"});
      membership_.on_stalled(now, silence);
      election_.on_stalled(now, silence);
    }
  }
  last_input_ = now.mono;
}

void Node::finish(Now now) {
  take_membership(now);
  if (view_stale_) update_view(now);
  take_election();
  // Frames that the election sent may have brought membership news with them.
  take_membership(now);
  take_anti_entropy();
  if (leaving_ && election_.has_left() && !membership_.has_left()) {
    membership_.leave(now);
    take_membership(now);
  }
  send_haves(now);
  pass_on_watermark(now);
  for (AppendReply& reply : own_.take_replies()) effects_.emplace_back(std::move(reply));
  flush_store_request();
  if (const auto job = disk_.take_job()) effects_.emplace_back(*job);
}

// ---- the network's links ------------------------------------------------------------------------

void Node::on_link_up(Now now, const MemberInfo& peer) {
  begin(now);
  links_[peer.process] = peer;
  if (index_.learn(peer.device_key)) view_stale_ = true;
  membership_.on_link_up(now, peer);
  anti_entropy_.on_peer_up(now, peer.process, peer.device());
  remember(now, peer);
  if (watermark_ && is_leader()) send(peer.process, *watermark_);
  finish(now);
}

void Node::on_link_down(Now now, const ProcessId& peer, LinkEnd reason) {
  begin(now);
  if (links_.erase(peer) > 0) anti_entropy_.on_peer_down(now, peer);
  membership_.on_link_down(now, peer, reason);
  finish(now);
}

// ---- the disk -----------------------------------------------------------------------------------

StoreRequest& Node::store_request() {
  if (!request_) request_.emplace();
  return *request_;
}

void Node::flush_store_request() {
  if (!request_ || !disk_.takes_writes()) return;
  StoreRequest request = std::move(*request_);
  request_.reset();
  request.id = next_request_++;
  storing_[request.id] = {request.entries, request.promise};
  effects_.emplace_back(std::move(request));
}

void Node::on_stored(Now now, std::span<const std::uint64_t> request_ids,
                     std::span<const StoredTwin> twins) {
  begin(now);
  std::vector<std::shared_ptr<const Entry>> entries;
  std::vector<election::Promise> promises;
  for (const std::uint64_t id : request_ids) {
    auto stored = storing_.extract(id);
    if (stored.empty()) continue;
    Storing& what = stored.mapped();
    entries.insert(entries.end(), what.entries.begin(), what.entries.end());
    if (what.promise) promises.push_back(*what.promise);
  }
  settle(now, entries, twins);
  for (const election::Promise& promise : promises) election_.on_promise_stored(now, promise);
  finish(now);
}

void Node::on_store_failed(Now now, bool is_damaged) {
  begin(now);
  disk_.on_commit_failed(now.mono, is_damaged);
  drop_unstored();
  finish(now);
}

void Node::on_damage_met(Now now) {
  begin(now);
  disk_.on_damage_met(now.mono);
  finish(now);
}

void Node::on_beside_open(Now now) {
  begin(now);
  disk_.on_beside_open();
  if (disk_.takes_writes() && std::exchange(dropped_, false)) {
    index_.drop_pending();
    shown_stock_ = stored_stock_;
    own_.go_on();
    anti_entropy_.on_storage_restarted();
    // A promise under way may not have become durable: make it so before it may count.
    store_request().promise = election_.promise();
    store_request().is_urgent = true;
  }
  finish(now);
}

void Node::on_storage_not_opened(Now now, bool is_damaged) {
  begin(now);
  disk_.on_not_opened(now.mono, is_damaged);
  finish(now);
}

// It may be there after all: on_storage_opened() looks.
void Node::drop_unstored() {
  dropped_ = true;
  for (auto& [id, storing] : storing_) {
    doubtful_.insert(doubtful_.end(), storing.entries.begin(), storing.entries.end());
    remember_shown(storing.entries);
  }
  storing_.clear();
  if (request_) remember_shown(request_->entries);
  request_.reset();
  own_.on_store_failed();
}

void Node::on_storage_opened(Now now, StoredState state) {
  if (disk_.is_ok()) return;  // nobody asked for it: what it says may be older than what we hold
  begin(now);
  disk_.on_opened(now.mono);
  if (!disk_.is_ok()) return finish(now);
  const std::map<DeviceId, PublicKey> keys = index_.keys();
  index_ = EntryIndex(state.vector, state.devices);
  for (const auto& [device, key] : keys) index_.learn(key);
  keys_on_disk_ = devices_of(state.devices);
  stored_stock_ = state.stock;
  const crdt::Stock shown_before = std::exchange(shown_stock_, state.stock);
  dropped_ = false;
  keep_unstored();
  own_.resume(state);
  anti_entropy_.on_storage_restarted();
  // Of those that failed, some may be there: the leader's duties have not heard of them yet.
  std::vector<std::shared_ptr<const Entry>> there;
  for (const auto& entry : std::exchange(doubtful_, {})) {
    const EntryId& id = entry->envelope.id;
    if (!index_.stored().contains(id.journal, id.number)) continue;
    there.push_back(entry);
    const bool was_shown = shown_unstored_.erase(entry->hash) > 0;
    if (entry->envelope.device != device_) continue;
    if (!was_shown) show_late(entry, shown_before);
    const auto duplicate = own_.observe(*entry);
    if (duplicate && !duplicate->is_same_request) tell_duplicate(*duplicate, entry->envelope);
  }
  for (const DuplicateRecord& duplicate : state.duplicates) emit(DuplicateFound{duplicate});
  if (!there.empty()) emit(EntriesStored{std::move(there)});
  anti_entropy_.set_stock_digest(stored_stock_.digest());
  anti_entropy_.on_vector_moved(now);
  // A promise under way may not have become durable: make it so before it may count.
  store_request().promise = election_.promise();
  store_request().is_urgent = true;
  emit(Note{"storage is open again: " + std::to_string(index_.stored().entry_count()) +
            " entries; this terminal goes on in a new journal"});
  finish(now);
}

// What was handed to the file beside a damaged one and is not durable yet will be in the new file.
void Node::keep_unstored() {
  const auto keep = [this](const std::vector<std::shared_ptr<const Entry>>& entries) {
    for (const auto& entry : entries) {
      const Envelope& envelope = entry->envelope;
      index_.on_handed_to_disk(envelope.id.journal, envelope.id.number);
      keys_on_disk_.insert(envelope.device);
      if (!own_.is_waiting_for(*entry)) apply_to(shown_stock_, *entry);
    }
  };
  for (const auto& [id, storing] : storing_) keep(storing.entries);
  if (request_) keep(request_->entries);
}

void Node::on_read(Now now, std::uint64_t read_id, std::vector<Bytes> entries,
                   std::vector<std::pair<std::uint64_t, Hash>> hash_list) {
  begin(now);
  if ((read_id & own_read_flag) == 0) {
    anti_entropy_.on_read(read_id, std::move(entries), std::move(hash_list));
  } else if (const auto fork = fork_reads_.find(read_id); fork != fork_reads_.end()) {
    anti_entropy_.on_hash_lists(now, fork->second.first, fork->second.second, hash_list);
    fork_reads_.erase(fork);
  }
  finish(now);
}

void Node::on_read_failed(Now now, std::uint64_t read_id) {
  begin(now);
  anti_entropy_.on_read_failed(read_id);
  fork_reads_.erase(read_id);
  finish(now);
}

// ---- the host -----------------------------------------------------------------------------------

void Node::on_tick(Now now) {
  begin(now);
  disk_.on_tick(now.mono);
  membership_.on_tick(now);
  election_.on_tick(now);
  anti_entropy_.on_tick(now);
  look_at_clock(now);
  const bool holds_all = anti_entropy_.requests_in_flight() == 0;
  if (holds_all != self_.holds_all_pending) {
    self_.holds_all_pending = holds_all;
    membership_.set_self(now, self_);
  }
  finish(now);
}

std::uint64_t Node::append(Now now, const EntryDraft& draft) {
  begin(now);
  const std::uint64_t ticket = next_ticket_++;
  if (!disk_.takes_writes()) {
    own_.refuse(ticket);
    finish(now);
    return ticket;
  }
  look_at_clock(now);
  const auto other = corrected(now, draft);
  if (const auto entry = own_.append(ticket, other ? *other : draft)) {
    index_.on_handed_to_disk(entry->envelope.id.journal, entry->envelope.id.number);
    keep_key(device_);
    store_request().entries.push_back(entry);
    store_request().is_urgent = true;
  }
  finish(now);
  return ticket;
}

void Node::on_cloud_entries(Now now, const std::vector<Bytes>& entries,
                            const std::vector<PublicKey>& device_keys) {
  begin(now);
  for (const PublicKey& key : device_keys) index_.learn(key);
  receive_entries(ProcessId{}, entries);
  finish(now);
}

void Node::on_watermark(Now now, const Watermark& watermark) {
  begin(now);
  take_watermark(watermark);
  finish(now);
}

void Node::on_cloud_state(Now now, election::CloudState state) {
  begin(now);
  election_.on_cloud(now, state);
  if (self_.reaches_cloud != state.reachable) {
    self_.reaches_cloud = state.reachable;
    membership_.set_self(now, self_);
  }
  finish(now);
}

void Node::on_lease_refused(Now now, const election::Token& holder, bool holder_gone) {
  begin(now);
  election_.on_lease_refused(now, holder, holder_gone);
  finish(now);
}

void Node::on_addresses(Now now, std::vector<std::string> addresses) {
  begin(now);
  self_.addresses = std::move(addresses);
  membership_.set_self(now, self_);
  finish(now);
}

void Node::on_last_good_address(Now now, const DeviceId& device, const std::string& address) {
  begin(now);
  const auto known = remembered_.find(device);
  if (known != remembered_.end() && known->second.last_good_address != address) {
    known->second.last_good_address = address;
    store_request().members.push_back(known->second);
  }
  finish(now);
}

void Node::leave(Now now) {
  begin(now);
  leaving_ = true;
  election_.leave(now);
  finish(now);
}

MonoTime Node::next_deadline() const {
  MonoTime deadline = std::min({membership_.next_deadline(), anti_entropy_.next_deadline(),
                                election_.next_deadline(), disk_.next_deadline(), haves_at_});
  // It waits for the disk, not for a tick, while the disk is failing.
  if (watermark_due_ && disk_.takes_writes()) deadline = std::min(deadline, watermark_next_);
  return last_input_ ? std::min(deadline, *last_input_ + tick_max) : deadline;
}

// ---- queries ------------------------------------------------------------------------------------

MemberInfo Node::self() const {
  return self_;
}

std::vector<PublicKey> Node::device_keys() const {
  std::vector<PublicKey> keys;
  for (const auto& [device, key] : index_.keys()) keys.push_back(key);
  return keys;
}

std::optional<MemberInfo> Node::member_of(const ProcessId& process) const {
  if (process == process_) return self_;
  if (const auto link = links_.find(process); link != links_.end()) return link->second;
  for (const auto& member : membership_.members()) {
    if (member.member.process == process) return member.member;
  }
  return std::nullopt;
}

void Node::check_invariants() const {
  index_.stored().check_invariants();
  stored_stock_.check_invariants();
  shown_stock_.check_invariants();
  membership_.check_invariants();
  anti_entropy_.check_invariants();
  election_.check_invariants();
  disk_.check_invariants();
  if (storing_.empty() && !index_.any_pending()) {
    assert(stored_stock_.digest() == shown_stock_.digest());
  }
}

}  // namespace titan::mesh
