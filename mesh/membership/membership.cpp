// The life of members: known, linked, gone, forgotten.
#include "mesh/membership/membership.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace titan::mesh {

const char* to_string(MemberState state) {
  switch (state) {
    case MemberState::alive:
      return "alive";
    case MemberState::suspect:
      return "suspect";
    case MemberState::dead:
      return "dead";
    case MemberState::left:
      return "left";
  }
  return "dead";
}

Membership::Membership(MembershipConfig config, MemberInfo self, Random random, Now now)
    : config_(std::move(config)),
      self_(std::move(self)),
      announced_(self_),
      announced_at_(now.mono),
      random_(random),
      next_gossip_at_(now.mono),
      last_input_at_(now.mono) {
  assert(config_.validate().empty());
  // Tills that are switched on together must not probe in step.
  const auto phase = [&](Duration interval) {
    return Duration(static_cast<std::int64_t>(random_.below(interval.count())));
  };
  next_round_at_ = now.mono + phase(config_.probe_interval);
  next_table_at_ = now.mono + config_.table_interval + phase(config_.table_interval);
  gossip_.put(MemberUpdate{announced_, MemberState::alive, incarnation_});
  end();
}

void Membership::begin(Now now) {
  if (!left_) {
    const Duration lateness = now.mono - std::max(promised_tick_at_, last_input_at_);
    if (lateness >= config_.own_stall_min) {
      restart_failure_timers(now);
    } else if (lateness > config_.tick_slack) {
      put_off_failure_timers(lateness);
    }
  }
  last_input_at_ = now.mono;
}

void Membership::end() {
  promised_tick_at_ = next_deadline();
}

// ---- members -----------------------------------------------------------------------------------

Membership::Member* Membership::member_of(const ProcessId& process) {
  const auto found = members_.find(process);
  return found == members_.end() ? nullptr : &found->second;
}

const Membership::Member* Membership::member_of(const ProcessId& process) const {
  const auto found = members_.find(process);
  return found == members_.end() ? nullptr : &found->second;
}

void Membership::remember(Now now, const std::vector<RememberedMember>& members) {
  begin(now);
  for (const RememberedMember& remembered : members) {
    const MemberInfo& info = remembered.member;
    if (info.process.is_none() || info.process == self_.process) continue;
    if (info.device_key == self_.device_key || member_of(info.process)) continue;
    Member* current = current_of_device(info.device(), info.process);
    if (current && !is_newer(info, current->info)) continue;
    if (current) erase_member(current->info.process);
    Member* member = insert_member(now, info, MemberState::suspect, 0);
    if (!member) break;
    member->remembered = true;
    member->last_good_address = remembered.last_good_address;
    member->suspected_at = now.mono;
    member->verdict_at = now.mono + config_.remembered_timeout;
    update_rings(*member);
    set_retry(now, *member);
    want_link(*member);
  }
  end();
}

Membership::Member* Membership::insert_member(Now now, const MemberInfo& info, MemberState state,
                                              std::uint64_t incarnation) {
  assert(info.process != self_.process);
  if (members_.size() >= config_.members_max && !make_room()) return nullptr;
  Member& member = members_[info.process];
  member.info = info;
  member.device = info.device();
  member.state = state;
  member.incarnation = incarnation;
  member.known_since = now.mono;
  member.state_since = now.mono;
  if (state == MemberState::suspect) member.verdict_at = now.mono;  // the caller sets the real one
  update_rings(member);
  set_retry(now, member);
  effects_.push_back(MemberStateChanged{update_of(member), std::nullopt, false});
  return &member;
}

// Forgets the process that is dead longest, replaced ones first.
bool Membership::make_room() {
  const Member* oldest = nullptr;
  const auto order = [](const Member& m) { return std::pair(!m.replaced, m.state_since); };
  for (const auto& [process, member] : members_) {
    if (is_present(member.state) || member.linked) continue;
    if (!oldest || order(member) < order(*oldest)) oldest = &member;
  }
  if (!oldest) return false;
  erase_member(ProcessId(oldest->info.process));
  return true;
}

void Membership::drop_replaced(Now now) {
  std::vector<ProcessId> old;
  for (const auto& [process, member] : members_) {
    if (!member.replaced || member.linked || is_present(member.state)) continue;
    if (now.mono >= member.state_since + config_.replaced_keep) old.push_back(process);
  }
  for (const ProcessId& process : old) erase_member(process);
}

void Membership::erase_member(const ProcessId& process) {
  probes_.erase(process);
  probe_ring_.remove(process);
  gossip_ring_.remove(process);
  gossip_.remove(process);
  members_.erase(process);
}

void Membership::set_state(Now now, Member& member, MemberState state) {
  if (state == MemberState::alive) {
    clear_suspicion(member);
    member.remembered = false;
    member.replaced = false;
    member.said_goodbye = false;
  }
  if (member.state == state) return;
  const MemberState before = std::exchange(member.state, state);
  member.state_since = now.mono;
  if (!is_present(state)) {
    clear_suspicion(member);
    member.remembered = false;
    member.is_beside = false;
    member.wants_probe = false;
    probes_.erase(member.info.process);
  }
  update_rings(member);
  member.retry_pause = Duration::zero();
  set_retry(now, member);
  const bool connection_lost = state == MemberState::suspect && known(member).connection_lost;
  effects_.push_back(MemberStateChanged{update_of(member), before, connection_lost});
}

void Membership::clear_suspicion(Member& member) {
  member.accusers.clear();
  member.reported_dead = false;
  member.reported_left = false;
  member.verdict_at = MonoTime::never();
}

void Membership::set_facts(Member& member, const MemberInfo& info, std::uint64_t incarnation) {
  if (incarnation > member.incarnation) {
    member.incarnation = incarnation;
    member.accusers.clear();
    member.reported_dead = false;
    member.reported_left = false;
    if (member.claim && member.claim->incarnation < incarnation) member.claim.reset();
  }
  if (member.info == info) return;
  member.info = info;
  effects_.push_back(MemberStateChanged{update_of(member), member.state, false});
}

void Membership::update_rings(Member& member) {
  const ProcessId& process = member.info.process;
  const bool is_probed = is_present(member.state) && !member.remembered;
  const bool hears_gossip = is_probed && member.linked;
  is_probed ? probe_ring_.insert(process, random_) : probe_ring_.remove(process);
  hears_gossip ? gossip_ring_.insert(process, random_) : gossip_ring_.remove(process);
}

// When to try again whom we cannot take for granted; the pause doubles while nothing changes.
void Membership::set_retry(Now now, Member& member) {
  if (member.state == MemberState::suspect && !member.remembered) {
    member.retry_at = now.mono + config_.probe_interval;
    return;
  }
  const bool settled = member.linked && is_present(member.state);
  if (settled || (member.replaced && !is_present(member.state))) {
    member.retry_at = MonoTime::never();
    return;
  }
  member.retry_pause = std::clamp(member.retry_pause * 2, config_.redial_min, config_.redial_max);
  member.retry_at = now.mono + member.retry_pause;
}

void Membership::want_link(const Member& member) {
  if (member.linked) return;
  std::vector<std::string> addresses = member.info.addresses;
  if (!member.last_good_address.empty()) {
    std::erase(addresses, member.last_good_address);
    addresses.insert(addresses.begin(), member.last_good_address);
  }
  effects_.push_back(LinkWanted{member.info.process, std::move(addresses)});
}

// ---- links -------------------------------------------------------------------------------------

// A link is proof of life in both directions, its hello a round trip; so it ends any suspicion.
void Membership::on_link_up(Now now, const MemberInfo& peer) {
  if (left_ || peer.process == self_.process || peer.process.is_none()) return;
  begin(now);
  Member* member = member_of(peer.process);
  if (!member) {
    member = insert_member(now, peer, MemberState::alive, 0);
    if (!member) return end();
    if (Member* current = current_of_device(member->device, peer.process)) {
      meet_rival(now, *member, *current);
    }
  } else if (member->incarnation == 0) {
    set_facts(*member, peer, 0);
  }
  member->linked = true;
  member->link_end.reset();
  say_alive(now, *member, now.mono);
  update_rings(*member);
  member->retry_pause = Duration::zero();
  set_retry(now, *member);
  probes_.erase(peer.process);  // what was begun without the link says nothing about it
  probe_soon(now, *member);
  send_table(now, peer.process);
  if (const auto owed = owed_acks_.extract(peer.process)) {
    send_ack(now, peer.process, owed.mapped(), ProcessId{});
  }
  end();
}

// A reason to look, never a proof of death: a transport also closes the link of a process that
// stands still. Only a refused dial shortens the time that a suspect is given.
void Membership::on_link_down(Now now, const ProcessId& peer, LinkEnd reason) {
  if (left_) return;
  Member* member = member_of(peer);
  if (!member) return;
  begin(now);
  const bool was_linked = std::exchange(member->linked, false);
  // A refusal outweighs the closing before it.
  if (was_linked || reason == LinkEnd::refused) member->link_end = reason;
  update_rings(*member);
  if (was_linked) {
    member->retry_pause = Duration::zero();
    want_link(*member);
    set_retry(now, *member);
  }
  if (is_present(member->state) && !member->remembered) {
    if (member->state == MemberState::suspect) set_verdict_time(now, *member);
    const auto under_way = probes_.find(peer);
    if (under_way != probes_.end() && !under_way->second.indirect_sent) {
      go_indirect(now, *member, under_way->second);
    } else if (was_linked || member->state == MemberState::alive) {
      probe_soon(now, *member);
    }
  }
  end();
}

void Membership::say_alive(Now now, Member& member, MonoTime proven_at) {
  member.proven_at = std::max(member.proven_at.value_or(proven_at), proven_at);
  if (member.state != MemberState::alive) {
    // Others may hold it gone as well: it must hear that, to raise its incarnation above.
    if (!member.remembered && !member.replaced) {
      member.claim = Claim{member.state, member.incarnation};
      member.wants_probe = true;
    }
  }
  set_state(now, member, MemberState::alive);
  check_device_twice(member);
}

// ---- time --------------------------------------------------------------------------------------

void Membership::on_tick(Now now) {
  if (left_) return;
  begin(now);
  forget_old_pings(now);
  tick_probes(now);
  tick_members(now);
  tick_round(now);
  tick_self(now);
  tick_gossip(now);
  drop_replaced(now);
  end();
}

MonoTime Membership::next_deadline() const {
  if (left_) return MonoTime::never();
  MonoTime next = std::min({next_round_at_, next_table_at_, announce_at_});
  if (!gossip_.empty() && gossip_ring_.size() > 0) next = std::min(next, next_gossip_at_);
  for (const auto& [process, probe] : probes_) {
    next = std::min(next, probe.indirect_sent ? probe.deadline : probe.direct_deadline);
  }
  const bool has_slot = probes_.size() < config_.probes_in_flight_max;
  for (const auto& [process, member] : members_) {
    next = std::min({next, member.verdict_at, member.retry_at});
    if (member.wants_probe && has_slot && !probes_.contains(process)) return last_input_at_;
  }
  return next;
}

// ---- queries -----------------------------------------------------------------------------------

MemberUpdate Membership::update_of(const Member& member) const {
  return MemberUpdate{member.info, member.state, member.incarnation};
}

KnownMember Membership::known(const Member& member) const {
  const bool lost = !member.linked && member.link_end && *member.link_end != LinkEnd::timed_out;
  return KnownMember{.member = member.info,
                     .state = member.state,
                     .incarnation = member.incarnation,
                     .remembered = member.remembered,
                     .linked = member.linked,
                     .connection_lost = lost,
                     .said_goodbye = member.said_goodbye,
                     .is_current = is_current(member),
                     .round_trip = member.round_trip.last(),
                     .clock_skew_ms = member.clock_skew_ms,
                     .state_since = member.state_since};
}

std::vector<KnownMember> Membership::members() const {
  std::vector<KnownMember> result;
  for (const auto& [process, member] : members_) {
    if (!member.replaced) result.push_back(known(member));
  }
  return result;
}

std::optional<KnownMember> Membership::find(const ProcessId& process) const {
  const Member* member = member_of(process);
  return member ? std::optional(known(*member)) : std::nullopt;
}

std::size_t Membership::view_size() const {
  return probe_ring_.size() + 1;
}

std::size_t Membership::alive_count() const {
  return 1 + static_cast<std::size_t>(std::count_if(
                 members_.begin(), members_.end(),
                 [](const auto& item) { return item.second.state == MemberState::alive; }));
}

void Membership::check_invariants() const {
  assert(members_.size() <= config_.members_max);
  assert(!members_.contains(self_.process));
  assert(local_health_ <= config_.local_health_max);
  assert(gossip_.size() <= members_.size() + 1);
  assert(probes_.size() <= config_.probes_in_flight_max);
  assert(sent_.size() <= config_.late_acks_max);
  assert(relayed_.size() <= config_.relayed_probes_max);
  assert(owed_acks_.size() <= config_.members_max);
  assert(twice_told_.size() <= config_.members_max);
  assert(sent_.empty() || sent_.rbegin()->first < next_sequence_);
  assert(relayed_.empty() || relayed_.rbegin()->first < next_sequence_);
  assert(announce_at_ != MonoTime::never() || self_ == announced_);
  std::size_t probed = 0;
  std::size_t gossiped_to = 0;
  for (const auto& [process, member] : members_) {
    assert(member.info.process == process);
    assert((member.state == MemberState::suspect) == (member.verdict_at != MonoTime::never()));
    assert(!member.remembered || member.state == MemberState::suspect);
    assert(!member.replaced || !is_present(member.state));
    assert(!member.is_beside || is_present(member.state));
    assert(member.known_since <= member.state_since);
    assert(!member.linked || !member.link_end);
    assert(member.accusers.size() <= config_.confirmations);
    assert(member.accusers.empty() || is_present(member.state));
    assert(!(member.reported_dead || member.reported_left) || member.state == MemberState::alive);
    assert(!member.said_goodbye || !is_present(member.state));
    assert(member.state != MemberState::suspect || member.suspected_at <= member.verdict_at);
    assert(!member.claim || member.claim->incarnation <= member.incarnation);
    assert(member.retry_pause == Duration::zero() ||
           (member.retry_pause >= config_.redial_min && member.retry_pause <= config_.redial_max));
    const bool present = is_present(member.state) && !member.remembered;
    assert(probe_ring_.contains(process) == present);
    assert(gossip_ring_.contains(process) == (present && member.linked));
    probed += present;
    gossiped_to += present && member.linked;
  }
  assert(probe_ring_.size() == probed && gossip_ring_.size() == gossiped_to);
  for (const auto& [process, probe] : probes_) {
    assert(members_.contains(process));
    assert(probe.helpers.size() <= config_.indirect_probes);
    assert(sent_.contains(probe.sequence) || sent_.size() == config_.late_acks_max);
  }
}

}  // namespace titan::mesh
