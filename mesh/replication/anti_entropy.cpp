#include "mesh/replication/anti_entropy.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace titan::mesh {

namespace {

// Of two places one of which may come from a version that names no epoch.
bool lags_behind(const WatermarkPlace& theirs, const WatermarkPlace& ours) {
  const bool is_without_epoch = theirs.epoch == 0 && theirs.sequence != 0;
  return is_without_epoch ? theirs.sequence < ours.sequence : theirs < ours;
}

}  // namespace

AntiEntropyConfig AntiEntropyConfig::wireless() {
  AntiEntropyConfig config;
  config.interval = milliseconds(500);
  config.interval_max = milliseconds(4000);
  config.settle = milliseconds(200);
  config.request_timeout = milliseconds(4000);
  return config;
}

std::vector<std::string> AntiEntropyConfig::validate() const {
  std::vector<std::string> complaints;
  if (interval <= Duration::zero()) complaints.push_back("interval must be above 0");
  if (interval_max < interval) complaints.push_back("interval_max must not be below interval");
  if (request_timeout <= settle) complaints.push_back("request_timeout must be above settle");
  if (request_bytes_max < entry_bytes_max) {
    complaints.push_back("request_bytes_max must hold the largest entry");
  }
  if (request_numbers_max == 0) complaints.push_back("request_numbers_max must be above 0");
  if (hash_list_numbers_max == 0 || hash_list_numbers_max > hash_list_entries_max) {
    complaints.push_back("hash_list_numbers_max must be from 1 to " +
                         std::to_string(hash_list_entries_max));
  }
  return complaints;
}

AntiEntropy::AntiEntropy(AntiEntropyConfig config, EntryIndex& index, Random random)
    : config_(config), index_(index), random_(random), interval_(config.interval) {}

// ---- peers -------------------------------------------------------------------------------------

void AntiEntropy::on_peer_up(Now now, const ProcessId& peer, const DeviceId& device) {
  peers_[peer].device = device;
  if (known_from_[device] != peer) known_.erase(device);
  known_from_[device] = peer;
  interval_ = config_.interval;
  start_round(peer);
  next_round_ = now.mono + interval_;
}

void AntiEntropy::on_peer_down(Now now, const ProcessId& peer) {
  if (peers_.erase(peer) == 0) return;
  std::vector<std::uint64_t> given_up;
  for (const auto& [id, request] : requests_) {
    if (request.peer == peer) given_up.push_back(id);
  }
  for (const std::uint64_t id : given_up) end_request(now, id);
  std::erase_if(served_, [&](const auto& served) { return served.second.peer == peer; });
  std::erase_if(forks_, [&](const auto& fork) { return fork.second.peer == peer; });
}

// ---- comparing ---------------------------------------------------------------------------------
//
// Nothing here is acknowledged or repeated. A message that is lost ends the round between these
// two; the next round, with whomever, begins anew with what is stored by then.

void AntiEntropy::start_round(const ProcessId& peer) {
  send(peer, SyncRoot{index_.stored().root(), stock_digest_, false, watermark_});
}

// Equal roots are equal contents, and then the stock must be equal, too. A reply is never answered,
// so no round goes to and fro for ever.
void AntiEntropy::on_sync_root(Now now, const ProcessId& from, const SyncRoot& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  if (lags_behind(message.watermark, watermark_)) effects_.push_back(WatermarkLacking{from});
  const crdt::VersionVector& stored = index_.stored();
  if (message.root == stored.root()) {
    crdt::VersionVector& known = known_[peer->second.device];
    if (known.root() != stored.root()) known = stored;
    if (message.stock_digest != stock_digest_) {
      effects_.push_back(Diverged{from, stock_digest_, message.stock_digest});
    }
    if (!message.is_reply) {
      send(from, SyncRoot{stored.root(), stock_digest_, true, watermark_});
    }
    return;
  }
  if (message.is_reply) return;  // one of us moved meanwhile; the next round settles it
  interval_ = config_.interval;
  next_round_ = std::min(next_round_, now.mono + interval_);
  SyncDevices reply{stored.root(), {}};
  for (const auto& [device, journals] : stored.devices()) {
    reply.devices.push_back({device, stored.device_digest(device)});
  }
  send(from, std::move(reply));
}

// Theirs differ from ours: we list what we hold of the devices that do, and ask for their lists.
void AntiEntropy::on_sync_devices(Now now, const ProcessId& from, const SyncDevices& message) {
  const crdt::VersionVector& stored = index_.stored();
  if (!peers_.contains(from) || message.root == stored.root()) return;
  interval_ = config_.interval;
  next_round_ = std::min(next_round_, now.mono + interval_);
  std::vector<DeviceId> differing;
  std::set<DeviceId> named;
  for (const DeviceDigest& theirs : message.devices) {
    named.insert(theirs.device);
    if (stored.device_digest(theirs.device) != theirs.digest) differing.push_back(theirs.device);
  }
  for (const auto& [device, journals] : stored.devices()) {
    if (!named.contains(device)) differing.push_back(device);
  }
  if (differing.empty()) return;
  SyncItems items{stored.root(), items_of(differing), true, differing};
  send(from, std::move(items));
}

// What they hold is learned, whatever round it belongs to: it was durable there when they said it.
void AntiEntropy::on_sync_items(Now now, const ProcessId& from, const SyncItems& message) {
  if (!peers_.contains(from)) return;
  learn_items(now, from, message.devices);
  if (!message.wants_reply) return;
  send(from, SyncItems{index_.stored().root(), items_of(message.asked_devices), false, {}});
}

// As good as a vector, of a few journals; of one we do not know there is nothing to say yet. Lost:
// the next vectors say it.
void AntiEntropy::on_have(const ProcessId& from, const Have& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  crdt::VersionVector& known = known_[peer->second.device];
  for (const JournalItem& theirs : message.journals) {
    if (const auto device = index_.stored().device_of(theirs.journal)) {
      known.set(*device, theirs.journal, theirs.item);
    }
  }
}

std::vector<DeviceItems> AntiEntropy::items_of(const std::vector<DeviceId>& devices) const {
  std::vector<DeviceItems> items;
  std::uint32_t listed = 0;
  for (const DeviceId& device : devices) {
    const auto found = index_.stored().devices().find(device);
    const auto key = index_.key_of(device);
    if (found == index_.stored().devices().end() || !key) continue;
    DeviceItems of_device{*key, {}};
    for (const auto& [journal, item] : found->second) {
      if (listed++ >= config_.items_per_message_max) break;
      of_device.journals.push_back({journal, item});
    }
    items.push_back(std::move(of_device));
  }
  return items;
}

// Their list of a device is whole unless it is as long as a message may be: what it leaves out they
// have lost.
void AntiEntropy::forget_unlisted(crdt::VersionVector& known, const DeviceId& device,
                                  const std::vector<JournalItem>& listed) const {
  const auto before = known.devices().find(device);
  if (before == known.devices().end() || before->second.size() <= listed.size() ||
      listed.size() >= config_.items_per_message_max) {
    return;
  }
  std::set<JournalId> lost;
  for (const auto& [journal, item] : before->second) lost.insert(journal);
  for (const JournalItem& item : listed) lost.erase(item.journal);
  for (const JournalId& journal : lost) known.set(device, journal, {});
}

void AntiEntropy::learn_items(Now now, const ProcessId& from,
                              const std::vector<DeviceItems>& devices) {
  crdt::VersionVector& known = known_[peers_.at(from).device];
  bool lacking = false;
  for (const DeviceItems& of_device : devices) {
    index_.learn(of_device.device_key);
    const DeviceId device = device_of(of_device.device_key);
    for (const JournalItem& theirs : of_device.journals) {
      known.set(device, theirs.journal, theirs.item);
      lacking = lacking || !index_.lacking(theirs.journal, theirs.item.stored).empty();
      compare_forks(now, from, theirs);
    }
    forget_unlisted(known, device, of_device.journals);
  }
  if (lacking) ask_at_ = std::min(ask_at_, now.mono + config_.settle);
}

// ---- asking ------------------------------------------------------------------------------------

void AntiEntropy::ask_for_missing(Now now) {
  ask_at_ = MonoTime::never();
  std::vector<ProcessId> order;
  for (const auto& [peer, state] : peers_) order.push_back(peer);
  if (order.empty()) return;
  std::rotate(order.begin(),
              order.begin() + static_cast<std::ptrdiff_t>(random_.below(order.size())),
              order.end());
  const bool catches_up = lacks_much();
  if (!catches_up) {
    state_complete_.clear();
    state_on_way_.clear();
  }
  ask_peers(now, order, true, What::everything);
  // A newcomer sells with the whole catalogue before it holds history, wherever in the journals of
  // a busy day the products stand.
  if (catches_up) {
    ask_peers(now, order, false, What::state);
    if (waits_for_state()) return;
  }
  ask_peers(now, order, false, What::everything);
}

void AntiEntropy::ask_peers(Now now, const std::vector<ProcessId>& order, bool first_device,
                            What what) {
  const crdt::VersionVector& stored = index_.stored();
  for (const ProcessId& peer : order) {
    const auto known = known_.find(peers_.at(peer).device);
    if (known == known_.end()) continue;
    for (const auto& [device, journals] : known->second.devices()) {
      if (first_device != (device == first_device_)) continue;
      if (known->second.device_digest(device) == stored.device_digest(device)) continue;
      for (const auto& [journal, item] : journals) {
        if (!ask_peer(now, peer, journal, item.stored, what)) break;
      }
    }
  }
}

bool AntiEntropy::lacks_any() const {
  for (const auto& [peer, state] : peers_) {
    const auto known = known_.find(state.device);
    if (known == known_.end()) continue;
    for (const auto& [device, journals] : known->second.devices()) {
      if (known->second.device_digest(device) == index_.stored().device_digest(device)) continue;
      for (const auto& [journal, item] : journals) {
        if (!index_.lacking(journal, item.stored).empty()) return true;
      }
    }
  }
  return false;
}

bool AntiEntropy::lacks_much() const {
  for (const auto& [peer, state] : peers_) {
    const auto known = known_.find(state.device);
    if (known == known_.end()) continue;
    std::uint64_t lacking = 0;
    for (const auto& [device, journals] : known->second.devices()) {
      if (known->second.device_digest(device) == index_.stored().device_digest(device)) continue;
      for (const auto& [journal, item] : journals) {
        lacking += index_.lacking(journal, item.stored).count();
      }
      if (lacking > config_.newest_first_above) return true;
    }
  }
  return false;
}

// Also until it is stored: history would share its commits and hold it up.
bool AntiEntropy::waits_for_state() {
  std::erase_if(state_on_way_, [&](const auto& on_way) {
    const auto* item = index_.stored().find(on_way.first);
    return item != nullptr && on_way.second.minus(item->stored).empty();
  });
  return !state_on_way_.empty() ||
         std::any_of(requests_.begin(), requests_.end(),
                     [](const auto& request) { return request.second.state_only; });
}

// False when this peer, or all of us together, have asked enough for now.
bool AntiEntropy::ask_peer(Now now, const ProcessId& peer, const JournalId& journal,
                           const crdt::IntervalSet& theirs, What what) {
  if (what == What::state && state_complete_.contains(journal)) return true;
  if (requests_.size() >= config_.requests_in_flight_max) return false;
  if (index_.pending_count() >= config_.pending_entries_max) {
    held_back_ = true;
    return false;
  }
  Peer& state = peers_.at(peer);
  if (state.asked >= config_.requests_per_peer_max) return false;
  crdt::IntervalSet lacking = index_.lacking(journal, theirs);
  if (const auto found = in_flight_.find(journal); found != in_flight_.end()) {
    lacking = lacking.minus(found->second);
  }
  if (lacking.empty()) return true;
  EntryRequest request;
  request.request = next_id_++;
  request.journal = journal;
  request.bytes_max = config_.request_bytes_max;
  request.newest_first = lacking.count() > config_.newest_first_above;
  request.state_only = what == What::state;
  // Of so many numbers few are state, and the holder knows which.
  std::uint64_t room = request.state_only ? lacking.count() : config_.request_numbers_max;
  auto take = [&](const crdt::Interval& interval) {
    if (room == 0) return;
    const std::uint64_t count = std::min(room, interval.count());
    request.numbers.add(request.newest_first
                            ? crdt::Interval{interval.last - count + 1, interval.last}
                            : crdt::Interval{interval.first, interval.first + count - 1});
    room -= count;
  };
  const auto& intervals = lacking.intervals();
  if (request.newest_first) {
    std::for_each(intervals.rbegin(), intervals.rend(), take);
  } else {
    std::for_each(intervals.begin(), intervals.end(), take);
  }
  requests_[request.request] = {peer, journal, request.numbers, now.mono + config_.request_timeout,
                                request.state_only};
  in_flight_[journal].add(request.numbers);
  ++state.asked;
  send(peer, std::move(request));
  return true;
}

// A frame that is lost leaves a gap that the request's end finds and asks for again; if the last is
// lost the deadline ends it, and this peer is not asked for the journal before its next vector.
void AntiEntropy::on_entries(Now now, const ProcessId& from, const Entries& message) {
  const auto found = requests_.find(message.request);
  if (found == requests_.end() || found->second.peer != from) return;
  found->second.deadline = now.mono + config_.request_timeout;
  if (!message.last) return;
  const crdt::IntervalSet& asked = found->second.numbers;
  const crdt::IntervalSet lacking = index_.lacking(found->second.journal, asked);
  if (lacking != asked) {
    if (found->second.state_only) state_on_way_[found->second.journal].add(asked.minus(lacking));
  } else if (!asked.empty()) {
    if (found->second.state_only) {
      state_complete_.insert(found->second.journal);
    } else {
      // Nothing came of it: unreadable, refused, or nowhere to store it. Not again before their
      // next vector.
      on_unusable(from, found->second.journal);
    }
  }
  end_request(now, message.request);
}

void AntiEntropy::on_unusable(const ProcessId& from, const JournalId& journal) {
  if (const auto peer = peers_.find(from); peer != peers_.end()) {
    forget_item(peer->second.device, journal);
  }
}

void AntiEntropy::forget_item(const DeviceId& holder, const JournalId& journal) {
  const auto known = known_.find(holder);
  if (known == known_.end()) return;
  if (const auto device = known->second.device_of(journal)) {
    known->second.set(*device, journal, {});
  }
}

void AntiEntropy::end_request(Now now, std::uint64_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  if (const auto peer = peers_.find(found->second.peer); peer != peers_.end()) {
    --peer->second.asked;
  }
  if (const auto flight = in_flight_.find(found->second.journal); flight != in_flight_.end()) {
    for (const crdt::Interval& interval : found->second.numbers.intervals()) {
      flight->second.remove(interval);
    }
    if (flight->second.empty()) in_flight_.erase(flight);
  }
  requests_.erase(found);
  ask_at_ = now.mono;
}

// ---- serving -----------------------------------------------------------------------------------

// Every request gets a last frame, an empty one if need be: who asks waits for it. Lost, or its
// answer: the peer's deadline gives the numbers to another.
void AntiEntropy::on_entry_request(const ProcessId& from, const EntryRequest& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  if (peer->second.serving >= config_.serves_per_peer_max) {
    send(from, Entries{message.request, {}, true});
    return;
  }
  ++peer->second.serving;
  const std::uint64_t read_id = next_id_++;
  served_[read_id] = {from, message.request, message.journal, false};
  EntryRequest bounded = message;
  bounded.bytes_max = std::clamp<std::uint64_t>(message.bytes_max, 1, config_.request_bytes_max);
  effects_.push_back(Serve{read_id, std::move(bounded), false});
}

void AntiEntropy::on_read(std::uint64_t read_id, std::vector<Bytes> entries,
                          std::vector<std::pair<std::uint64_t, Hash>> hash_list) {
  const auto found = served_.find(read_id);
  if (found == served_.end()) return;
  const Served served = found->second;
  served_.erase(found);
  const auto peer = peers_.find(served.peer);
  if (peer == peers_.end()) return;
  --peer->second.serving;
  if (served.hash_list_only) return send_hash_list(served, std::move(hash_list));
  Entries frame{served.request, {}, false};
  std::size_t frame_bytes = 0;
  for (Bytes& entry : entries) {
    if (frame_bytes > 0 && frame_bytes + entry.size() > entries_frame_bytes) {
      send(served.peer, std::exchange(frame, Entries{served.request, {}, false}));
      frame_bytes = 0;
    }
    frame_bytes += entry.size();
    frame.entries.push_back(std::move(entry));
  }
  frame.last = true;
  send(served.peer, std::move(frame));
}

void AntiEntropy::on_read_failed(std::uint64_t read_id) {
  const auto found = served_.find(read_id);
  if (found == served_.end()) return;
  // Who asked for entries gets them from another peer, and the sooner the better.
  if (!found->second.hash_list_only) return on_read(read_id, {}, {});
  if (const auto peer = peers_.find(found->second.peer); peer != peers_.end()) {
    --peer->second.serving;
  }
  served_.erase(found);
}

// ---- time --------------------------------------------------------------------------------------

void AntiEntropy::on_vector_moved(Now now) {
  if (std::exchange(held_back_, false)) ask_at_ = std::min(ask_at_, now.mono);
  if (!state_on_way_.empty() && !waits_for_state()) ask_at_ = std::min(ask_at_, now.mono);
  if (interval_ == config_.interval) return;
  interval_ = config_.interval;
  next_round_ = std::min(next_round_, now.mono + interval_);
}

void AntiEntropy::on_tick(Now now) {
  std::vector<std::uint64_t> late;
  for (const auto& [id, request] : requests_) {
    if (request.deadline <= now.mono) late.push_back(id);
  }
  for (const std::uint64_t id : late) {
    on_unusable(requests_.at(id).peer, requests_.at(id).journal);
    end_request(now, id);
  }
  ask_for_late_hash_lists(now);
  if (ask_at_ <= now.mono) ask_for_missing(now);
  if (next_round_ > now.mono || peers_.empty()) return;
  auto peer = peers_.begin();
  std::advance(peer, static_cast<std::ptrdiff_t>(random_.below(peers_.size())));
  start_round(peer->first);
  next_round_ = now.mono + interval_;
  interval_ = std::min(interval_ * 2, config_.interval_max);
}

MonoTime AntiEntropy::next_deadline() const {
  if (peers_.empty()) return MonoTime::never();
  MonoTime deadline = std::min(next_round_, ask_at_);
  for (const auto& [id, request] : requests_) deadline = std::min(deadline, request.deadline);
  for (const auto& [journal, fork] : forks_) deadline = std::min(deadline, fork.deadline);
  return deadline;
}

void AntiEntropy::send(const ProcessId& to, Message message) {
  effects_.push_back(SendTo{to, std::move(message)});
}

std::vector<AntiEntropy::Effect> AntiEntropy::take_effects() {
  return std::exchange(effects_, {});
}

bool AntiEntropy::is_level(const DeviceId& device) const {
  const auto known = known_.find(device);
  return known != known_.end() && known->second.root() == index_.stored().root();
}

std::vector<DeviceId> AntiEntropy::holders(const JournalId& journal, std::uint64_t number) const {
  std::vector<DeviceId> holders;
  for (const auto& [device, known] : known_) {
    if (known.contains(journal, number)) holders.push_back(device);
  }
  return holders;
}

void AntiEntropy::check_invariants() const {
  assert(requests_.size() <= config_.requests_in_flight_max + peers_.size());
  std::map<ProcessId, std::uint32_t> asked;
  std::map<ProcessId, std::uint32_t> serving;
  std::map<JournalId, std::uint64_t> in_flight;
  for (const auto& [id, request] : requests_) {
    assert(id < next_id_ && peers_.contains(request.peer));
    ++asked[request.peer];
    if (!request.numbers.empty()) in_flight[request.journal] += request.numbers.count();
  }
  for (const auto& [id, served] : served_) {
    assert(id < next_id_ && peers_.contains(served.peer));
    ++serving[served.peer];
  }
  for (const auto& [process, peer] : peers_) {
    assert(peer.asked == asked[process] && peer.serving == serving[process]);
    assert(peer.serving <= config_.serves_per_peer_max);
  }
  assert(in_flight.size() == in_flight_.size());
  for (const auto& [journal, numbers] : in_flight_) assert(numbers.count() == in_flight[journal]);
  for (const auto& [journal, fork] : forks_) {
    assert(peers_.contains(fork.peer));
    assert(fork.first > 0 && fork.tries <= config_.hash_list_tries);
  }
  assert(interval_ >= config_.interval && interval_ <= config_.interval_max);
}

}  // namespace titan::mesh
