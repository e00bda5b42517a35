#include "discovery/address_book.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace titan::discovery {

using State = AddressBook::State;

std::vector<std::string> AddressBookConfig::validate() const {
  std::vector<std::string> complaints;
  if (retry_fast <= Duration::zero()) complaints.push_back("retry_fast must be above 0");
  if (retry_max < retry_fast) complaints.push_back("retry_max must not be below retry_fast");
  if (attempts_per_pace < 1) complaints.push_back("attempts_per_pace must be at least 1");
  if (addresses_max < 1) complaints.push_back("addresses_max must be at least 1");
  return complaints;
}

AddressBook::AddressBook(AddressBookConfig config) : config_(config) {}

// ---- inputs

void AddressBook::found(Now now, AddressSource source, const std::string& address,
                        std::optional<DeviceId> device) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end()) {
    if (candidates_.size() >= config_.addresses_max && !make_room()) {
      if (!std::exchange(told_full_, true)) {
        effects_.push_back(Note{"discovery knows " + std::to_string(candidates_.size()) +
                                " addresses; further ones are left out, the first is " + address});
      }
      return;
    }
    Candidate& candidate = candidates_[address];
    candidate.order = next_order_++;
    candidate.sources.insert(source);
    candidate.device = device;
    start(now, address, candidate);
    return;
  }
  Candidate& candidate = known->second;
  const bool is_news = candidate.sources.insert(source).second || source == AddressSource::mdns;
  const bool other_device = device && candidate.device && *device != *candidate.device;
  if (device && candidate.state != State::linked) candidate.device = device;
  if (candidate.state == State::self) {
    // The address may have passed from this terminal to another one.
    if (other_device) start(now, address, candidate);
    return;
  }
  // It was a spare one of another device, which passed it on.
  if (candidate.state == State::reserve && candidate.device && !is_linked(*candidate.device)) {
    return start(now, address, candidate);
  }
  if (!is_news) return;
  if (candidate.state == State::resting) {
    start(now, address, candidate);
  } else if (candidate.state == State::dialled) {
    dial(now, address, candidate, config_.retry_fast);
  }
}

void AddressBook::wanted(Now now, const std::string& address) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end() || known->second.state != State::reserve) {
    return found(now, AddressSource::member, address);
  }
  known->second.sources.insert(AddressSource::member);
  start(now, address, known->second);
}

void AddressBook::greeted(Now now, const DeviceId& device, bool is_own_device,
                          const std::vector<std::string>& told, const std::string& origin) {
  const auto whose = is_own_device ? std::nullopt : std::optional(device);
  if (!origin.empty()) called_from(now, origin, whose);
  for (const std::string& address : told) {
    if (address == origin) continue;
    is_own_device ? wanted(now, address) : found(now, AddressSource::member, address, device);
  }
}

void AddressBook::called_from(Now now, const std::string& address,
                              const std::optional<DeviceId>& device) {
  if (!candidates_.contains(address)) found(now, AddressSource::member, address, device);
  const auto known = candidates_.find(address);
  if (known == candidates_.end()) return;  // there was no room
  Candidate& candidate = known->second;
  candidate.sources.insert(AddressSource::member);
  if (candidate.state == State::linked || candidate.state == State::parked) return;
  if (device) candidate.device = device;
  // A spare one of a device that is linked stays spare: the other address works.
  if (candidate.state == State::reserve && device && is_linked(*device)) return;
  if (candidate.state == State::dialled && candidate.pace == config_.retry_fast) return;
  candidate.others_since = now.mono;
  dial(now, address, candidate, config_.retry_fast);
}

void AddressBook::network_changed(Now now) {
  for (auto& [address, candidate] : candidates_) {
    const bool is_waiting = candidate.state == State::held || candidate.state == State::dialled ||
                            candidate.state == State::self;
    if (is_waiting) dial(now, address, candidate, config_.retry_fast);
  }
}

void AddressBook::lost(Now, AddressSource source, const std::string& address) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end()) return;
  Candidate& candidate = known->second;
  candidate.sources.erase(source);
  if (!candidate.sources.empty() || candidate.linked_at) return;
  if (candidate.state == State::linked || candidate.state == State::parked) return;
  hang_up(address, candidate, State::reserve);
  candidates_.erase(known);
}

void AddressBook::remember_last_good(const DeviceId& device, const std::string& address) {
  last_good_[device] = address;
}

void AddressBook::link_up(Now now, const std::string& address, const DeviceId& device) {
  Candidate& candidate = candidates_[address];
  candidate.device = device;
  candidate.state = State::linked;
  candidate.linked_at = now.mono;
  candidate.deadline = MonoTime::never();
  std::string& last = last_good_[device];
  if (last != address) {
    last = address;
    effects_.push_back(Remember{device, address});
  }
  for (auto& [other_address, other] : candidates_) {
    if (other.device != device || other_address == address) continue;
    if (other.state == State::held) {
      other.state = State::reserve;
      other.deadline = MonoTime::never();
    } else if (other.state == State::dialled) {
      other.others_since = now.mono;
      other.deadline = std::min(other.deadline, now.mono + config_.others_until);
    }
  }
}

void AddressBook::parked(Now now, const std::string& address) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end()) return;
  known->second.state = State::parked;
  known->second.linked_at = now.mono;
  known->second.deadline = MonoTime::never();
}

void AddressBook::link_down(Now now, const std::string& address) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end() || known->second.state != State::linked) return;
  Candidate& candidate = known->second;
  candidate.linked_at = now.mono;
  dial(now, address, candidate, config_.retry_fast);
  for (auto& [other_address, other] : candidates_) {
    if (other.device != candidate.device || other_address == address) continue;
    switch (other.state) {
      case State::reserve:
        other.state = State::held;
        other.deadline = now.mono + config_.others_after;
        break;
      case State::dialled:
      case State::parked:
        dial(now, other_address, other, config_.retry_fast);
        break;
      default:
        break;
    }
  }
}

void AddressBook::refused(Now now, const std::string& address) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end() || known->second.state == State::linked) return;
  hang_up(address, known->second, State::resting);
  known->second.deadline = now.mono + config_.refused_rest;
}

void AddressBook::is_self(Now, const std::string& address) {
  const auto known = candidates_.find(address);
  if (known == candidates_.end()) return;
  hang_up(address, known->second, State::self);
}

void AddressBook::tick(Now now) {
  for (auto& [address, candidate] : candidates_) {
    if (candidate.deadline <= now.mono) on_deadline(now, address, candidate);
  }
}

void AddressBook::on_deadline(Now now, const std::string& address, Candidate& candidate) {
  switch (candidate.state) {
    case State::held:
    case State::resting:
      dial(now, address, candidate, config_.retry_fast);
      break;
    case State::dialled:
      slow_down(now, address, candidate);
      break;
    default:
      candidate.deadline = MonoTime::never();
      break;
  }
}

// ---- the one place for each decision

void AddressBook::start(Now now, const std::string& address, Candidate& candidate) {
  candidate.others_since = now.mono;
  const std::string* first = last_good(candidate);
  if (first != nullptr && *first != address && candidates_.contains(*first)) {
    candidate.state = State::held;
    candidate.deadline = now.mono + config_.others_after;
    return;
  }
  dial(now, address, candidate, config_.retry_fast);
}

void AddressBook::dial(Now now, const std::string& address, Candidate& candidate, Duration pace) {
  candidate.state = State::dialled;
  candidate.pace = pace;
  candidate.deadline = now.mono + pace * config_.attempts_per_pace;
  effects_.push_back(Dial{address, pace});
}

void AddressBook::slow_down(Now now, const std::string& address, Candidate& candidate) {
  if (candidate.device && is_linked(*candidate.device)) {
    const MonoTime until = candidate.others_since + config_.others_until;
    candidate.deadline = until;
    if (now.mono >= until) hang_up(address, candidate, State::reserve);
    return;
  }
  if (candidate.linked_at && now.mono - *candidate.linked_at < config_.recently_linked) {
    candidate.deadline = *candidate.linked_at + config_.recently_linked;
    return;
  }
  if (candidate.pace >= config_.retry_max) {
    candidate.deadline = MonoTime::never();
    return;
  }
  dial(now, address, candidate, std::min(2 * candidate.pace, config_.retry_max));
}

void AddressBook::hang_up(const std::string& address, Candidate& candidate, State state) {
  const bool was_dialled = candidate.state == State::dialled || candidate.state == State::parked ||
                           candidate.state == State::linked;
  if (was_dialled) effects_.push_back(HangUp{address});
  candidate.state = state;
  candidate.deadline = MonoTime::never();
}

bool AddressBook::is_linked(const DeviceId& device) const {
  return std::any_of(candidates_.begin(), candidates_.end(), [&](const auto& item) {
    return item.second.state == State::linked && item.second.device == device;
  });
}

const std::string* AddressBook::last_good(const Candidate& candidate) const {
  if (!candidate.device) return nullptr;
  const auto known = last_good_.find(*candidate.device);
  return known == last_good_.end() ? nullptr : &known->second;
}

bool AddressBook::make_room() {
  auto victim = candidates_.end();
  for (auto it = candidates_.begin(); it != candidates_.end(); ++it) {
    const Candidate& candidate = it->second;
    const bool is_kept = candidate.linked_at || candidate.state == State::linked ||
                         candidate.sources.contains(AddressSource::seed) ||
                         candidate.state == State::self;
    if (is_kept) continue;
    if (victim == candidates_.end() || candidate.order < victim->second.order) victim = it;
  }
  if (victim == candidates_.end()) return false;
  hang_up(victim->first, victim->second, State::reserve);
  candidates_.erase(victim);
  return true;
}

// ---- outputs

MonoTime AddressBook::next_deadline() const {
  MonoTime next = MonoTime::never();
  for (const auto& [address, candidate] : candidates_) next = std::min(next, candidate.deadline);
  return next;
}

std::vector<Effect> AddressBook::take_effects() {
  return std::exchange(effects_, {});
}

std::vector<AddressBook::View> AddressBook::addresses() const {
  std::vector<View> views;
  for (const auto& [address, candidate] : candidates_) {
    views.push_back({address, candidate.sources, candidate.device, candidate.state,
                     candidate.linked_at.has_value()});
  }
  return views;
}

void AddressBook::check_invariants() const {
  for (const auto& [address, candidate] : candidates_) {
    const bool waits = candidate.state == State::held || candidate.state == State::resting;
    if (waits && candidate.deadline == MonoTime::never()) {
      throw std::logic_error("address book: " + address + " waits for ever");
    }
    if (candidate.state == State::linked && !candidate.device) {
      throw std::logic_error("address book: " + address + " is linked to nobody");
    }
    if (candidate.state == State::dialled && candidate.pace > config_.retry_max) {
      throw std::logic_error("address book: " + address + " is dialled too slowly");
    }
  }
}

const char* to_string(AddressSource source) {
  switch (source) {
    case AddressSource::mdns:
      return "mdns";
    case AddressSource::seed:
      return "seed";
    case AddressSource::remembered:
      return "remembered";
    case AddressSource::member:
      return "member";
    case AddressSource::cloud:
      return "cloud";
  }
  return "unknown";
}

const char* to_string(AddressBook::State state) {
  switch (state) {
    case State::reserve:
      return "reserve";
    case State::held:
      return "held";
    case State::dialled:
      return "dialled";
    case State::parked:
      return "parked";
    case State::linked:
      return "linked";
    case State::resting:
      return "resting";
    case State::self:
      return "self";
  }
  return "unknown";
}

std::string describe(const Effect& effect) {
  struct Describe {
    std::string operator()(const Dial& dial) const {
      return "dial " + dial.address + " every " + std::to_string(dial.retry_every.count() / 1000) +
             " ms";
    }
    std::string operator()(const HangUp& hang_up) const { return "hang up " + hang_up.address; }
    std::string operator()(const Remember& remember) const {
      return "remember " + remember.address + " of " + remember.device.hex().substr(0, 4);
    }
    std::string operator()(const Note& note) const { return "note: " + note.message; }
  };
  return std::visit(Describe{}, effect);
}

}  // namespace titan::discovery
