// One Membership that is fed by hand, input by input, and what it leaves.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mesh/membership/membership.h"

namespace titan::mesh::testing {

inline Now at(Duration since_start) {
  return Now{MonoTime{since_start}, WallTime{1'700'000'000'000 + since_start.count() / 1000}};
}

inline MemberInfo terminal(std::uint8_t number) {
  MemberInfo info;
  info.process.bytes[0] = number;
  info.device_key.bytes[0] = number;
  info.terminal = std::string("T-") + std::to_string(number);
  info.addresses = {"10.77.0." + std::to_string(number) + ":7411"};
  info.started = WallTime{1'000'000 + number};
  return info;
}

template <class T>
std::vector<T> only(const std::vector<MembershipEffect>& effects) {
  std::vector<T> result;
  for (const MembershipEffect& effect : effects) {
    if (const T* found = std::get_if<T>(&effect)) result.push_back(*found);
  }
  return result;
}

template <class T>
std::vector<std::pair<ProcessId, T>> sent(const std::vector<MembershipEffect>& effects) {
  std::vector<std::pair<ProcessId, T>> result;
  for (const SendMessage& effect : only<SendMessage>(effects)) {
    if (const T* message = std::get_if<T>(&effect.message))
      result.emplace_back(effect.to, *message);
  }
  return result;
}

inline MemberUpdate said(const MemberInfo& member, MemberState state, std::uint64_t incarnation) {
  return MemberUpdate{member, state, incarnation};
}

inline Ack carrier(std::vector<MemberUpdate> updates) {
  Ack ack;
  ack.updates = std::move(updates);
  return ack;
}

// Terminal 1 with links to 2 and 3, all alive under incarnation 1.
inline Membership three_linked() {
  Membership membership(MembershipConfig::wired(), terminal(1), Random(5), at(milliseconds(0)));
  for (const std::uint8_t other : {2, 3}) {
    membership.on_link_up(at(milliseconds(1)), terminal(other));
    membership.on_ack(at(milliseconds(1)), terminal(other).process,
                      carrier({said(terminal(other), MemberState::alive, 1)}));
  }
  for (const auto& [to, ping] : sent<Ping>(membership.take_effects())) {
    Ack ack;
    ack.sequence = ping.sequence;
    membership.on_ack(at(milliseconds(2)), to, ack);
  }
  membership.check_invariants();
  membership.take_effects();
  return membership;
}

}  // namespace titan::mesh::testing
