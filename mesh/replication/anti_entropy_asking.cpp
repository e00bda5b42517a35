// What is asked of whom, in which order, and how much at a time; and what comes of it.
#include <algorithm>
#include <utility>

#include "mesh/replication/anti_entropy.h"

namespace titan::mesh {

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
    for (auto& [holder, known] : known_) known.lacking_state.clear();
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
  for (const ProcessId& peer : order) {
    const auto known = known_.find(peers_.at(peer).device);
    if (known == known_.end()) continue;
    Lacking& all = what == What::state ? known->second.lacking_state : known->second.lacking;
    for (auto& [device, journals] : all) {
      if (first_device != (device == first_device_)) continue;
      each_lacking(known->second, journals, [&](const JournalId& journal, const auto& lacking) {
        return ask_peer(now, peer, journal, lacking, what);
      });
    }
    std::erase_if(all, [](const auto& of) { return of.second.empty(); });
  }
}

// What was believed to be here or on its way may not be.
void AntiEntropy::on_storage_restarted() {
  taken_branches_.clear();
  state_on_way_.clear();
  for (auto& [holder, known] : known_) {
    known.lacking.clear();
    known.lacking_state.clear();
    for (const auto& [device, journals] : known.vector.devices()) {
      if (known.vector.device_digest(device) == index_.stored().device_digest(device)) continue;
      for (const auto& [journal, item] : journals) {
        if (index_.lacking(journal, item.stored).empty()) continue;
        known.lacking[device].insert(journal);
        known.lacking_state[device].insert(journal);
      }
    }
  }
}

// Calls `visit(journal, numbers)` for what is lacking of these. What is lacking no more, and what
// it drops, is not looked at again, so that to ask for all costs what is lacking.
template <class Visit>
void AntiEntropy::each_lacking(const Known& known, std::set<JournalId>& journals, Visit&& visit) {
  for (auto journal = journals.begin(); journal != journals.end();) {
    const crdt::VectorItem* theirs = known.vector.find(*journal);
    const auto lacking =
        theirs == nullptr ? crdt::IntervalSet{} : index_.lacking(*journal, theirs->stored);
    const Look look = lacking.empty() ? Look::drop : visit(*journal, lacking);
    if (look == Look::stop) return;
    journal = look == Look::drop ? journals.erase(journal) : std::next(journal);
  }
}

bool AntiEntropy::lacks_any() const {
  const auto is_lacking = [this](const Known& known, const JournalId& journal) {
    const crdt::VectorItem* theirs = known.vector.find(journal);
    return theirs != nullptr && !index_.lacking(journal, theirs->stored).empty();
  };
  for (const auto& [peer, state] : peers_) {
    const auto known = known_.find(state.device);
    if (known == known_.end()) continue;
    for (const auto& [device, journals] : known->second.lacking) {
      for (const JournalId& journal : journals) {
        if (is_lacking(known->second, journal)) return true;
      }
    }
  }
  return false;
}

// Of what one peer holds.
bool AntiEntropy::lacks_much() {
  for (const auto& [peer, state] : peers_) {
    const auto known = known_.find(state.device);
    if (known == known_.end()) continue;
    std::uint64_t lacking = 0;
    for (auto& [device, journals] : known->second.lacking) {
      each_lacking(known->second, journals, [&](const JournalId&, const auto& numbers) {
        lacking += numbers.count();
        return lacking <= config_.newest_first_above ? Look::keep : Look::stop;
      });
      if (lacking > config_.newest_first_above) return true;
    }
    std::erase_if(known->second.lacking, [](const auto& of) { return of.second.empty(); });
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

// It stops when this peer, or all of us together, have asked enough for now.
AntiEntropy::Look AntiEntropy::ask_peer(Now now, const ProcessId& peer, const JournalId& journal,
                                        crdt::IntervalSet lacking, What what) {
  if (what == What::state && state_complete_.contains(journal)) return Look::drop;
  if (requests_.size() >= config_.requests_in_flight_max) return Look::stop;
  if (index_.pending_count() >= config_.pending_entries_max) {
    held_back_ = true;
    return Look::stop;
  }
  Peer& state = peers_.at(peer);
  if (state.asked >= config_.requests_per_peer_max) return Look::stop;
  if (const auto found = in_flight_.find(journal); found != in_flight_.end()) {
    lacking = lacking.minus(found->second);
  }
  if (lacking.empty()) return Look::keep;
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
  return Look::keep;
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
  crdt::VersionVector& vector = known->second.vector;
  if (const auto device = vector.device_of(journal)) vector.set(*device, journal, {});
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

}  // namespace titan::mesh
