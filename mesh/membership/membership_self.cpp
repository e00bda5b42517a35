// Ourselves among the members: our facts, our goodbye, and stalls of our own.
#include <algorithm>
#include <cassert>

#include "mesh/membership/membership.h"

namespace titan::mesh {

void Membership::set_self(Now now, const MemberInfo& self) {
  assert(self.process == self_.process && self.device_key == self_.device_key);
  if (self == self_ || left_) return;
  begin(now);
  const bool at_once = self.addresses != self_.addresses;
  self_ = self;
  announce_at_ =
      at_once ? now.mono : std::max(now.mono, announced_at_ + config_.self_update_interval);
  tick_self(now);
  end();
}

void Membership::tick_self(Now now) {
  if (now.mono < announce_at_) return;
  if (self_ == announced_) {
    announce_at_ = MonoTime::never();
  } else if (hears_nobody(now)) {
    announce_at_ = now.mono + config_.self_update_interval;
  } else {
    ++incarnation_;
    announce_self(now);
  }
}

void Membership::announce_self(Now now) {
  announced_ = self_;
  announced_at_ = now.mono;
  announce_at_ = MonoTime::never();
  spread(MemberUpdate{announced_, MemberState::alive, incarnation_});
}

bool Membership::hears_nobody(Now now) const {
  const bool has_links = std::any_of(members_.begin(), members_.end(), [](const auto& item) {
    return item.second.linked && item.second.state != MemberState::left;
  });
  if (!has_links || !last_answer_at_) return false;
  return now.mono - *last_answer_at_ > config_.suspicion_base;
}

void Membership::leave(Now now) {
  if (left_) return;
  begin(now);
  for (const auto& [process, member] : members_) {
    if (member.linked) effects_.push_back(SendMessage{process, Leave{incarnation_}});
  }
  left_ = true;
  probes_.clear();
  relayed_.clear();
  end();
}

// ---- stalls ------------------------------------------------------------------------------------

void Membership::on_stalled(Now now, Duration length) {
  if (left_) return;
  if (length >= config_.own_stall_min) {
    restart_failure_timers(now);
  } else {
    put_off_failure_timers(length);
  }
  last_input_at_ = now.mono;
  end();
}

void Membership::restart_failure_timers(Now now) {
  for (const auto& [process, probe] : probes_) members_.at(process).wants_probe = true;
  probes_.clear();
  for (auto& [process, member] : members_) {
    if (member.state != MemberState::suspect) continue;
    member.suspected_at = now.mono;
    if (member.remembered) {
      member.verdict_at = now.mono + config_.remembered_timeout;
    } else {
      set_verdict_time(now, member);
      member.wants_probe = true;
    }
  }
  local_health_ = std::min(local_health_ + 1, config_.local_health_max);
}

void Membership::put_off_failure_timers(Duration lateness) {
  for (auto& [process, probe] : probes_) {
    probe.direct_deadline = probe.direct_deadline + lateness;
    probe.deadline = probe.deadline + lateness;
  }
  for (auto& [process, member] : members_) {
    if (member.state != MemberState::suspect) continue;
    member.suspected_at = member.suspected_at + lateness;
    member.verdict_at = member.verdict_at + lateness;
  }
}

}  // namespace titan::mesh
