// A terminal's process: its life, its inputs and effects. Its parts: terminal_connections.cpp; its
// disk: terminal_disk.cpp.
#include "simulations/model/terminal.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/overloaded.h"
#include "simulations/history/entry_book.h"

namespace titan::simulations {
namespace {

// As pos-node/daemon.cpp: a polite end takes no longer.
constexpr Duration leave_max = seconds(2);
constexpr Duration goodbye_max = milliseconds(150);
// From a change of the cards until the process has read them (discovery/system/card_watch.h).
constexpr Duration cards_read_after = milliseconds(150);
// A turn of the daemon's loop that does nothing.
constexpr Duration turn_takes = Duration(20);
constexpr std::uint32_t turns_at_one_deadline_max = 100;

bool is_codec_bug(PlantedBug bug) {
  return bug == PlantedBug::relay_drops_entry || bug == PlantedBug::reserialised_entry ||
         bug == PlantedBug::ignored_veto || bug == PlantedBug::deaf_ears;
}

// No card of any place has these.
std::vector<std::string> with_dead_addresses(const std::string& address, std::uint32_t place,
                                             std::uint32_t dead) {
  std::vector<std::string> all;
  for (std::uint32_t i = 0; i < dead; ++i) {
    all.push_back("10.78." + std::to_string(i) + "." + std::to_string(place + 1) + ":7411");
  }
  // The good one is neither first nor last, where it can be.
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>((all.size() + 1) / 2);
  if (!address.empty()) all.insert(middle, address);
  return all;
}

std::vector<discovery::CardAddress> cards_of(const std::vector<std::string>& addresses) {
  std::vector<discovery::CardAddress> cards;
  for (const std::string& address : addresses) {
    cards.push_back({"eth" + std::to_string(cards.size()), address.substr(0, address.find(':'))});
  }
  return cards;
}

std::string vector_root_text(const crdt::ContentSum& root) {
  const auto bytes = root.to_bytes();
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

Terminal::Terminal(Surroundings& surroundings, TerminalSpec spec, std::uint32_t place,
                   std::string address, Answer on_answer)
    : surroundings_(surroundings),
      spec_(std::move(spec)),
      place_(place),
      address_(std::move(address)),
      on_answer_(std::move(on_answer)),
      codec_(make_codec()) {
  const PlantedBug bug = surroundings_.scenario.planted_bug;
  const Disk::Bugs bugs{bug == PlantedBug::forgotten_promise,
                        bug == PlantedBug::acknowledge_before_commit,
                        bug == PlantedBug::lost_commit, bug == PlantedBug::forgotten_twins};
  disk_ = std::make_unique<Disk>(surroundings_.schedule, Random(surroundings_.random.next()),
                                 spec_.commit_min, spec_.commit_max, bugs, disk_callbacks());
}

Terminal::~Terminal() {
  if (process_) process_->gate->close();
}

const mesh::Codec& Terminal::make_codec() {
  const mesh::Codec& spoken = spec_.is_next_version ? static_cast<const mesh::Codec&>(next_codec_)
                                                    : static_cast<const mesh::Codec&>(plain_codec_);
  const PlantedBug bug = surroundings_.scenario.planted_bug;
  // One terminal has the bug, but for vetoes: those must go unheard wherever they come.
  const bool has_bug = place_ == 0 || bug == PlantedBug::ignored_veto;
  if (!is_codec_bug(bug) || !has_bug) return spoken;
  faulty_codec_ = std::make_unique<FaultyCodec>(spoken, bug);
  return *faulty_codec_;
}

Now Terminal::now() const {
  const MonoTime mono = surroundings_.schedule.now();
  const Duration drift = mono.since_start * clock_.parts_per_million / 1'000'000;
  const std::int64_t start = clock_.is_dead ? 0 : wall_start_ms;
  return {mono, {start + (mono.since_start + clock_.skew + drift) / milliseconds(1)}};
}

std::vector<std::string> Terminal::addresses() const {
  return with_dead_addresses(address_, place_, spec_.dead_addresses);
}

discovery::OwnAddresses Terminal::own_addresses() const {
  discovery::OwnAddresses own("0.0.0.0:7411", 7411, {});
  own.on_cards(cards_of(addresses()));
  return own;
}

void Terminal::set_address(const std::string& address) {
  address_ = address;
  if (!process_ || surroundings_.scenario.planted_bug == PlantedBug::stale_addresses) return;
  process_->gate->in(cards_read_after, [this] { follow_cards(); });
}

void Terminal::follow_cards() {
  const auto change = process_->own->on_cards(cards_of(addresses()));
  if (change.of_told) {
    surroundings_.recorder.reach("address_followed");
    input([at = now(), told = process_->own->told()](mesh::Node& node) {
      node.on_addresses(at, told);
    });
  }
  if (change.of_network) process_->links->network_changed();
}

bool Terminal::is_stalled() const {
  return process_ && process_->gate->is_stalled();
}

// ---- the process -------------------------------------------------------------------------------

mesh::NodeConfig Terminal::node_config() const {
  mesh::NodeConfig config;
  config.tenant = tenant_name;
  config.store = store_name;
  config.terminal = spec_.name;
  config.addresses = own_addresses().told();
  config.may_lead = spec_.may_lead;
  config.priority = spec_.priority;
  config.cloud_key = surroundings_.cloud_key;
  config.started = now().wall;
  if (surroundings_.scenario.topology.timing == Timing::wired) {
    config.membership = mesh::MembershipConfig::wired();
    config.anti_entropy = mesh::AntiEntropyConfig::wired();
    config.election = election::Config::wired();
  } else {
    config.membership = mesh::MembershipConfig::wireless();
    config.anti_entropy = mesh::AntiEntropyConfig::wireless();
    config.election = election::Config::wireless();
  }
  return config;
}

void Terminal::plant_in(mesh::StoredState& state) const {
  switch (surroundings_.scenario.planted_bug) {
    case PlantedBug::reused_receipt_number:
      state.last_receipt_number = 0;
      break;
    case PlantedBug::continued_journal:
      state.last_journal = {};
      break;
    case PlantedBug::key_forgotten:
      state.keys = {};
      break;
    case PlantedBug::merge_by_sum:
      // What is read back from the disk is added to what is there.
      for (const auto& [product, sum] : crdt::Stock::Sums(state.stock.sums())) {
        (void)state.stock.apply(Hash{}, Hash{}, {{product, 0, sum.removed}});
      }
      break;
    default:
      break;
  }
}

void Terminal::start() {
  if (process_) return;
  ProcessId id = ProcessId::draw(surroundings_.random);
  std::uint64_t seed = surroundings_.random.next();
  const PlantedBug bug = surroundings_.scenario.planted_bug;
  if (bug == PlantedBug::repeated_process_id || bug == PlantedBug::continued_journal) {
    if (first_process_) id = *first_process_;
    // The same draws, and nothing that came before, give the journal of the first life again.
    if (first_seed_ && bug == PlantedBug::continued_journal) seed = *first_seed_;
    first_process_ = id;
    first_seed_ = seed;
  }
  auto state = disk_->load();
  if (!state) throw std::runtime_error(spec_.name + ": " + state.error().message);
  plant_in(*state);
  process_ = std::make_unique<Process>();
  process_->config = node_config();
  process_->began = now();
  process_->began_with = std::make_shared<const mesh::StoredState>(std::move(*state));
  make_process(id, seed);
  surroundings_.recorder.observe(ProcessStarted{place_, id, process_->node->device(), false});
  if (on_started) on_started(*this);
  process_->links->start(process_->began_with->members, seeds);
  process_->database->on_journal_opened(process_->node->vector());
  check_file_slowly(0);
  carry_out();
  tell_state();
}

void Terminal::make_process(ProcessId id, std::uint64_t seed) {
  Process& p = *process_;
  p.gate = std::make_shared<Gate>(surroundings_.schedule);
  p.id = id;
  p.seed = seed;
  p.own.emplace(own_addresses());
  p.node = std::make_unique<mesh::Node>(p.config, disk_->folder().device_key, id, *p.began_with,
                                        codec_, Random(seed), p.began);
  make_links();
  make_database();
  if (surroundings_.cloud != nullptr) make_uplink();
}

void Terminal::end(bool polite) {
  process_->gate->close();
  if (process_->uplink) process_->uplink->close();
  process_->links->close();
  process_->database->follow();
  disk_->crash();
  surroundings_.recorder.observe(ProcessEnded{place_, process_->id, polite});
  if (on_ended) on_ended(*this, polite);
  process_.reset();
}

void Terminal::crash() {
  if (process_) end(false);
}

void Terminal::leave() {
  if (!process_ || process_->leaving) return;
  process_->leaving = true;
  process_->gate->pass([this] { input([now = now()](mesh::Node& node) { node.leave(now); }); });
  // Whatever happens, it ends.
  surroundings_.schedule.in(leave_max, [this, id = process_->id] {
    if (process_ && process_->id == id && process_->leaving) end(true);
  });
}

void Terminal::finish_leaving() {
  if (process_) end(true);
}

void Terminal::stall(Duration length) {
  if (process_) process_->gate->stall(length);
}

// The core is a pure function of its inputs: the same inputs in the same order make the same node.
void Terminal::resume_copy_of(Terminal& original, DataFolder image) {
  Process& source = *original.process_;
  replace_disk(std::move(image), "clone");
  clock_ = original.clock_;
  process_ = std::make_unique<Process>();
  process_->config = source.config;
  process_->began = source.began;
  process_->began_with = source.began_with;
  process_->shown = source.shown;
  durable_ = original.durable_;
  make_process(source.id, source.seed);
  mesh::Node& node = *process_->node;
  (void)node.take_effects();
  for (const auto& act : source.inputs_kept) {
    act(node);
    (void)node.take_effects();
  }
  surroundings_.recorder.observe(ProcessStarted{place_, source.id, node.device(), true});
  if (on_started) on_started(*this);
  process_->links->start(process_->began_with->members, seeds);
  for (mesh::StoreRequest& request : original.disk_->unfinished()) {
    disk_->submit(std::move(request));
  }
  // Its connections lead nowhere, and it sits at another address.
  const Now at = now();
  for (const mesh::MemberView& view : node.members()) {
    if (!view.linked) continue;
    input([at, peer = view.member.process](mesh::Node& copied) {
      copied.on_link_down(at, peer, mesh::LinkEnd::closed);
    });
  }
  input([at, told = process_->own->told()](mesh::Node& copied) { copied.on_addresses(at, told); });
  for (const auto& [id, request] : source.reads) read(request);
  for (const auto& [id, wanted] : source.look_ups) look_up(wanted);
  if (process_->uplink) process_->uplink->take_up();
  process_->database->on_journal_opened(node.vector());
  if (node.is_leader()) process_->database->lead(*node.leader(), node.vector());
  tell_state();
}

// The planted bug: what is said of another's leaving is taken for its own goodbye.
void Terminal::believe_goodbyes(BytesView frame) {
  const auto message = plain_codec_.decode_message(frame);
  if (!message || !std::holds_alternative<mesh::Ack>(*message)) return;
  for (const mesh::MemberUpdate& update : std::get<mesh::Ack>(*message).updates) {
    if (update.state != mesh::MemberState::left) continue;
    input([now = now(), process = update.member.process,
           goodbye = plain_codec_.encode_message(mesh::Leave{update.incarnation})](
              mesh::Node& node) { node.on_frame(now, process, goodbye); });
  }
}

// ---- inputs and effects ------------------------------------------------------------------------

void Terminal::carry_out() {
  Process& p = *process_;
  for (mesh::Effect& effect : p.node->take_effects()) p.effects.push_back(std::move(effect));
  if (p.carrying_out) return;
  p.carrying_out = true;
  while (!p.effects.empty()) {
    mesh::Effect effect = std::move(p.effects.front());
    p.effects.pop_front();
    carry_out(effect);
  }
  p.carrying_out = false;
  if (p.inputs % surroundings_.check_every == 0) p.node->check_invariants();
  arm();
  if (p.leaving && p.node->has_left() && p.appends.empty()) {
    p.leaving = false;  // once
    if (p.uplink) p.uplink->leave();
    surroundings_.schedule.in(goodbye_max, [this, id = p.id] {
      if (process_ && process_->id == id) end(true);
    });
  }
}

void Terminal::carry_out(mesh::Effect& effect) {
  std::visit(Overloaded{
                 [&](mesh::Send& send) {
                   watch_vote(send);
                   (void)process_->links->send(send.to, std::move(send.frame));
                 },
                 [&](mesh::StoreRequest& request) { disk_->submit(std::move(request)); },
                 [&](mesh::ReadRequest& request) { read(request); },
                 [&](mesh::KeyLookUp& wanted) { look_up(wanted); },
                 [&](mesh::DiskJob& job) { disk_->start(job); },
                 [&](mesh::AppendReply& reply) {
                   auto waiting = process_->appends.extract(reply.ticket);
                   if (!waiting.empty()) on_answer_(waiting.mapped(), reply.result);
                 },
                 [&](mesh::Event& event) { on_event(event); },
             },
             effect);
}

// A vote that leaves, directly or through a relay.
void Terminal::watch_vote(const mesh::Send& send) {
  static const Bytes vote_reply = frame_start(election::Message(election::VoteReply{}));
  static const Bytes relay = frame_start(mesh::Relay{});
  if (!send.frame.starts_with(vote_reply) && !send.frame.starts_with(relay)) return;
  ProcessId to = send.to;
  auto message = plain_codec_.decode_message(send.frame);
  if (message && std::holds_alternative<mesh::Relay>(*message)) {
    const auto relayed = std::get<mesh::Relay>(*message);
    if (relayed.from != process_->id) return;
    surroundings_.recorder.reach("relayed");
    to = relayed.to;
    message = plain_codec_.decode_message(relayed.frame);
  }
  if (!message) return;
  const auto* election = std::get_if<election::Message>(&*message);
  const auto* vote = election == nullptr ? nullptr : std::get_if<election::VoteReply>(election);
  if (vote == nullptr || vote->answer != election::VoteAnswer::granted) return;
  surroundings_.recorder.observe(VoteGranted{place_, vote->term, to});
}

void Terminal::on_event(mesh::Event& event) {
  Recorder& recorder = surroundings_.recorder;
  std::visit(Overloaded{
                 [&](const mesh::EntrySeen& seen) {
                   if (!seen.claim_won) recorder.reach("claim_lost");
                   watch_screens(seen);
                 },
                 [&](const mesh::StockChanged&) {},
                 [&](const mesh::EntriesStored& stored) {
                   watch_screens(stored);
                   process_->database->on_stored(stored.entries);
                 },
                 [&](const mesh::MemberChanged& changed) {
                   recorder.observe(MemberReported{place_, changed.update.member.process,
                                                   to_string(changed.update.state)});
                 },
                 [&](const mesh::LeaderChanged& changed) {
                   recorder.observe(LeaderReported{place_, changed.leader, changed.is_self});
                   if (changed.is_self) {
                     process_->database->lead(*changed.leader, process_->node->vector());
                   } else {
                     process_->database->follow();
                   }
                 },
                 [&](const mesh::WatermarkMoved&) {},
                 [&](const mesh::Alarm& alarm) {
                   recorder.observe(AlarmRaised{place_, alarm.code, alarm.message});
                 },
                 [&](const mesh::DuplicateFound&) { on_duplicate(); },
                 [&](const mesh::LinkWanted& wanted) {
                   for (const std::string& address : wanted.addresses) {
                     process_->links->wanted(address);
                   }
                 },
                 [&](const mesh::Note&) {},
             },
             event);
  if (process_->uplink) process_->uplink->on_event(event);
}

// A screen that counts sales must be right: it is told of each once, whatever the disk does.
void Terminal::watch_screens(const mesh::EntrySeen& seen) {
  process_->last_shown = seen;
  if (process_->shown.insert(short_hash(seen.entry->hash)).second) return;
  surroundings_.recorder.observe(
      AlarmRaised{place_, "told_twice",
                  "screens were told twice of entry " + text_of(seen.entry->envelope.id)});
}

void Terminal::watch_screens(const mesh::EntriesStored& stored) {
  for (const auto& entry : stored.entries) {
    if (process_->shown.contains(short_hash(entry->hash))) continue;
    surroundings_.recorder.observe(AlarmRaised{
        place_, "not_told", "screens were not told of entry " + text_of(entry->envelope.id)});
  }
}

// As pos-node/terminal/terminal_service.cpp: the ledger has settled it, since all entries here
// claim their requests.
void Terminal::on_duplicate() {
  surroundings_.recorder.reach("duplicate_found");
  surroundings_.recorder.observe(
      AlarmRaised{place_, "duplicate", "a request was recorded twice under one key"});
}

bool Terminal::takes_requests() const {
  return process_ && !process_->leaving && !process_->gate->is_stalled();
}

void Terminal::append(mesh::EntryDraft draft) {
  if (surroundings_.scenario.planted_bug == PlantedBug::unclaimed_requests && place_ == 0 &&
      draft.claim.is_none()) {
    draft.claim = Hash::draw(surroundings_.random);
  }
  draft.time = now().wall;
  draft.business_date = business_date;
  draft.clock_quality =
      clock_.is_dead ? mesh::ClockQuality::implausible : mesh::ClockQuality::synchronised;
  const std::string key = draft.idempotency_key;
  if (disk_->queued_entries() >= storage_queue_entries_max) {
    on_answer_(key, make_error(ErrorCode::unavailable, "the disk is behind"));
    return;
  }
  // The ticket is needed before the effects are carried out.
  mesh::Node& node = *process_->node;
  const Now at = now();
  const std::uint64_t ticket = node.append(at, draft);
  process_->appends.emplace(ticket, key);
  ++process_->inputs;
  if (keeps_inputs_) {
    process_->inputs_kept.emplace_back(
        [at, draft](mesh::Node& copied) { (void)copied.append(at, draft); });
  }
  carry_out();
}

void Terminal::tell_state() {
  Process& p = *process_;
  if (disk_->is_uncertain()) return;
  const auto root = p.node->vector().root();
  const std::uint64_t pending = p.node->pending_uploads();
  if (root == p.root && pending == p.pending) return;
  p.root = root;
  p.pending = pending;
  surroundings_.recorder.observe(StateReported{
      place_, vector_root_text(root), p.node->stock_digest(), p.node->vector().entry_count(),
      pending, disk_->queued_entries(), p.links->queued_bytes()});
}

void Terminal::arm() {
  Process& p = *process_;
  const MonoTime deadline = p.node->next_deadline();
  if (p.armed_for <= deadline) return;
  p.armed_for = deadline;
  const MonoTime now_mono = surroundings_.schedule.now();
  p.gate->at(std::max(deadline, now_mono + turn_takes), [this, deadline] {
    if (process_->armed_for != deadline) return;
    process_->armed_for = MonoTime::never();
    watch_turns(deadline);
    input([now = now()](mesh::Node& node) { node.on_tick(now); });
  });
}

// A deadline that stays in the past would keep the daemon's loop turning without rest.
void Terminal::watch_turns(MonoTime deadline) {
  Process& p = *process_;
  const MonoTime now_mono = surroundings_.schedule.now();
  if (deadline != p.last_deadline) {
    p.last_deadline = deadline;
    p.same_deadline = 0;
    return;
  }
  if (++p.same_deadline != turns_at_one_deadline_max) return;
  surroundings_.recorder.observe(AlarmRaised{
      place_, "busy_loop",
      "the node wants its tick of " + time_text(deadline) + " again and again, now for the " +
          std::to_string(turns_at_one_deadline_max) + "th time at " + time_text(now_mono)});
}

// ---- questions ---------------------------------------------------------------------------------

std::uint32_t Terminal::database_place() const {
  return has_shared_database() ? shared_database : place_;
}

bool Terminal::has_shared_database() const {
  return surroundings_.scenario.topology.has_shared_database ||
         surroundings_.database_health.ignores_tokens;
}

bool Terminal::database_is_to_be_asked() const {
  return process_ && process_->database->is_to_be_asked();
}

void Terminal::observe_final_stock() {
  if (!process_) return;
  surroundings_.recorder.observe(JournalListed{place_, entries_on_disk()});
  for (const auto& [product, sum] : process_->node->shown_stock().sums()) {
    surroundings_.recorder.observe(StockRead{place_, product, sum.on_hand(), true});
  }
}

bool Terminal::database_is_complete() const {
  return process_ && process_->database->is_complete();
}

}  // namespace titan::simulations
