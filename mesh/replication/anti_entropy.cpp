// Peers, the comparison of vectors with them, and its rounds.
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
