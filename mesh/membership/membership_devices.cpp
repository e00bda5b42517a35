// Which process stands for a device, and a device that runs twice.
#include <algorithm>
#include <tuple>
#include <utility>

#include "mesh/membership/membership.h"

namespace titan::mesh {
namespace {

// Two processes cannot listen at one address at the same time.
bool share_an_address(const MemberInfo& a, const MemberInfo& b) {
  return std::any_of(a.addresses.begin(), a.addresses.end(), [&](const std::string& address) {
    return std::find(b.addresses.begin(), b.addresses.end(), address) != b.addresses.end();
  });
}

}  // namespace

// By start time, then id: all decide alike, whichever of the two they met first.
bool Membership::is_newer(const MemberInfo& a, const MemberInfo& b) {
  return std::tie(a.started, a.process) > std::tie(b.started, b.process);
}

// One that stands for the device rather than one that was replaced, one alive rather than one that
// is not; the newest of equals.
Membership::Member* Membership::current_of_device(const DeviceId& device, const ProcessId& except) {
  Member* best = nullptr;
  const auto rank = [](const Member& m) {
    return std::tuple(!m.replaced, m.state == MemberState::alive,
                      m.state == MemberState::suspect && !m.remembered, m.info.started,
                      m.info.process);
  };
  for (auto& [process, member] : members_) {
    if (process == except || member.device != device) continue;
    if (!best || rank(member) > rank(*best)) best = &member;
  }
  return best;
}

std::optional<ProcessId> Membership::process_of(const DeviceId& device) const {
  if (device == self_.device()) return self_.process;
  const Member* best = const_cast<Membership*>(this)->current_of_device(device, ProcessId{});
  return best ? std::optional(best->info.process) : std::nullopt;
}

bool Membership::is_current(const Member& member) const {
  if (member.is_beside) return true;
  return process_of(member.device) == member.info.process;
}

// A newcomer that is linked, so certainly alive, of a device that has another process.
void Membership::meet_rival(Now now, Member& newcomer, Member& current) {
  const bool current_is_present = is_present(current.state) && !current.remembered;
  if (!current_is_present || is_newer(newcomer.info, current.info) ||
      share_an_address(newcomer.info, current.info)) {
    replace(now, current);
    return;
  }
  // It started earlier by its clock, which may be wrong (a dead clock battery: 1970). If the
  // current one is gone this probe will show it; if it answers the device key is in use twice.
  probe_soon(now, current);
}

void Membership::replace(Now now, Member& older) {
  older.replaced = true;
  set_state(now, older, MemberState::dead);
  older.retry_at = MonoTime::never();
  gossip_.remove(older.info.process);
  if (older.linked) probe_soon(now, older);  // its answer would show that the key is in use twice
}

// ---- a device that runs twice ------------------------------------------------------------------

void Membership::check_device_twice(Member& member) {
  if (member.device == self_.device()) {
    raise_device_twice(self_, member.info);
    set_beside(member);
  }
  for (auto& [process, other] : members_) {
    if (process == member.info.process || other.device != member.device) continue;
    if (!other.proven_at || !member.proven_at) continue;
    const MonoTime both_proven = std::min(*other.proven_at, *member.proven_at);
    if (both_proven < std::max(other.known_since, member.known_since)) continue;
    raise_device_twice(other.info, member.info);
    if (!is_present(other.state)) continue;
    set_beside(other);
    set_beside(member);
  }
}

void Membership::set_beside(Member& member) {
  if (std::exchange(member.is_beside, true)) return;
  effects_.push_back(MemberStateChanged{update_of(member), member.state, false});
}

void Membership::raise_device_twice(const MemberInfo& first, const MemberInfo& second) {
  if (twice_told_.size() >= config_.members_max) twice_told_.clear();
  const auto pair = std::minmax(first.process, second.process);
  if (twice_told_.insert({pair.first, pair.second}).second) {
    effects_.push_back(DeviceTwice{first, second});
  }
}

}  // namespace titan::mesh
