// Peers, and when they are compared with.
#include "mesh/replication/anti_entropy.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace titan::mesh {

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
  if (range_parts < 2) complaints.push_back("range_parts must be at least 2");
  if (ranges_per_message_max < range_parts) {
    complaints.push_back("ranges_per_message_max must not be below range_parts");
  }
  if (journals_listed_at_once == 0 || intervals_per_message_max == 0 ||
      intervals_per_round_max == 0) {
    complaints.push_back(
        "journals_listed_at_once, intervals_per_message_max and intervals_per_round_max must be "
        "above 0");
  }
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
  return known != known_.end() && known->second.vector.root() == index_.stored().root();
}

std::vector<DeviceId> AntiEntropy::holders(const JournalId& journal, std::uint64_t number) const {
  std::vector<DeviceId> holders;
  for (const auto& [device, known] : known_) {
    if (known.vector.contains(journal, number)) holders.push_back(device);
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
  for (const auto& [device, known] : known_) {
    for (const auto& [of, journals] : known.lacking) assert(!journals.empty());
  }
  assert(interval_ >= config_.interval && interval_ <= config_.interval_max);
}

}  // namespace titan::mesh
