// Probing, suspicion and verdicts (SWIM 3.1, 4.2; Lifeguard IV-A, IV-B).
#include <algorithm>
#include <utility>

#include "mesh/membership/membership.h"

namespace titan::mesh {

// ---- probes ------------------------------------------------------------------------------------

void Membership::probe_soon(Now now, Member& member) {
  member.wants_probe = true;
  start_probe(now, member);
}

// Leaves `wants_probe` standing if it cannot start now: one probe per member at a time.
void Membership::start_probe(Now now, Member& member) {
  const ProcessId& target = member.info.process;
  if (probes_.contains(target) || probes_.size() >= config_.probes_in_flight_max) return;
  member.wants_probe = false;

  Probe probe;
  probe.sequence = next_sequence_++;
  if (sent_.size() >= config_.late_acks_max) sent_.erase(sent_.begin());
  sent_[probe.sequence] = SentPing{target, now.mono};
  const Duration ack_timeout = member.round_trip.ack_timeout(
      config_.ack_timeout_initial, config_.ack_timeout_min, config_.ack_timeout_max);
  probe.direct_deadline = now.mono + stretched(ack_timeout, local_health_);
  Probe& under_way = probes_[target] = std::move(probe);
  if (member.linked) {
    send_ping(now, member, under_way.sequence, ProcessId{});
  } else {
    go_indirect(now, member, under_way);
  }
}

void Membership::send_ping(Now now, const Member& member, std::uint64_t sequence,
                           const ProcessId& on_behalf_of) {
  Ping ping;
  ping.sequence = sequence;
  ping.updates = updates_for(member.info.process);
  ping.leader = news_for(now, member.info.process);
  ping.on_behalf_of = on_behalf_of;
  ping.sent = now.wall;
  effects_.push_back(SendMessage{member.info.process, std::move(ping)});
}

void Membership::go_indirect(Now now, Member& member, Probe& probe) {
  probe.indirect_sent = true;
  probe.deadline = now.mono + stretched(config_.indirect_timeout, local_health_);
  probe.helpers = choose_helpers(member);
  for (const ProcessId& helper : probe.helpers) {
    PingRequest request;
    request.sequence = probe.sequence;
    request.target = member.info.process;
    request.updates = updates_for(helper);
    effects_.push_back(SendMessage{helper, std::move(request)});
  }
}

// The helper that last reached the target first, the others at random. For one that is dead a
// single helper keeps looking; if its link is up, the ping over it is enough.
std::vector<ProcessId> Membership::choose_helpers(const Member& target) {
  const std::size_t count = is_present(target.state) ? config_.indirect_probes
                            : target.linked          ? 0
                                                     : 1;
  std::vector<ProcessId> candidates;
  for (const auto& [process, member] : members_) {
    if (member.linked && member.state == MemberState::alive && process != target.info.process) {
      candidates.push_back(process);
    }
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::size_t rest = candidates.size() - i;
    std::swap(candidates[i], candidates[i + random_.below(rest)]);
  }
  const auto proven = std::find(candidates.begin(), candidates.end(), target.helper);
  if (proven != candidates.end()) std::iter_swap(candidates.begin(), proven);
  if (candidates.size() > count) candidates.resize(count);
  return candidates;
}

void Membership::forget_old_pings(Now now) {
  const auto old = [&](MonoTime at) { return now.mono - at > config_.late_ack_keep; };
  // After a stall of our own a probe may be older than that and still wait for its ack.
  const auto under_way = [&](std::uint64_t sequence, const SentPing& sent) {
    const auto probe = probes_.find(sent.target);
    return probe != probes_.end() && probe->second.sequence == sequence;
  };
  while (!sent_.empty() && old(sent_.begin()->second.at) &&
         !under_way(sent_.begin()->first, sent_.begin()->second)) {
    sent_.erase(sent_.begin());
  }
  while (!relayed_.empty() && old(relayed_.begin()->second.at)) relayed_.erase(relayed_.begin());
}

// ---- requests and answers ----------------------------------------------------------------------

// Answered whatever we think of its sender, and proof of nothing: it may hear nobody. Lost, or its
// ack: the sender asks helpers.
void Membership::on_ping(Now now, const ProcessId& from, const Ping& ping) {
  if (left_) return send_ack(now, from, ping.sequence, ProcessId{});
  begin(now);
  on_news(from, ping.leader);
  on_updates(now, from, ping.updates);
  const Member* member = member_of(from);
  if (member && member->linked) {
    send_ack(now, from, ping.sequence, ProcessId{});
  } else {
    // Its link to us stands, ours to it does not yet: it must not take us for silent. Those that
    // never got a link must not keep out who comes later.
    if (owed_acks_.size() >= config_.members_max) owed_acks_.clear();
    owed_acks_[from] = ping.sequence;
  }
  end();
}

// Lost: another helper may reach the target. Lost for all of them: no receipt comes, and the
// requester gives everybody more time, since it may be deaf itself.
void Membership::on_ping_request(Now now, const ProcessId& from, const PingRequest& request) {
  if (left_) return;
  begin(now);
  on_updates(now, from, request.updates);
  // The receipt tells the requester that it is heard and hears, whatever becomes of the probe.
  const bool for_us = request.target == self_.process;
  send_ack(now, from, request.sequence, for_us ? self_.process : ProcessId{});
  const Member* target = member_of(request.target);
  if (target && target->linked && relayed_.size() < config_.relayed_probes_max) {
    const std::uint64_t sequence = next_sequence_++;
    relayed_[sequence] = RelayedPing{from, request.sequence, request.target, now.mono};
    send_ping(now, *target, sequence, from);
  }
  end();
}

// Proof of life of whom its ping was for, from its own mouth or by a helper's word; nobody else's
// ack counts, however late the right one does. Lost: the probe goes on through helpers, and if
// theirs are lost, too, it has failed: suspicion, which leaves time to refute.
void Membership::on_ack(Now now, const ProcessId& from, const Ack& ack) {
  if (left_) return;
  begin(now);
  on_news(from, ack.leader);
  const auto sent = sent_.find(ack.sequence);
  const auto relayed = relayed_.find(ack.sequence);
  if (relayed != relayed_.end() && relayed->second.target == from) {
    const RelayedPing request = relayed->second;
    relayed_.erase(relayed);
    send_ack(now, request.requester, request.sequence, from);
    if (Member* member = member_of(from)) on_direct_ack(now, *member, request.at, ack.sent);
  } else if (sent != sent_.end()) {
    const ProcessId target = sent->second.target;
    const MonoTime pinged_at = sent->second.at;
    Member* member = member_of(target);
    const auto probe = probes_.find(target);
    if (member && target == from && ack.about.is_none()) {
      on_direct_ack(now, *member, pinged_at, ack.sent);
    } else if (member && target == ack.about) {
      member->helper = from;
      member->link_end.reset();  // reached another way: its closed link tells nothing any more
      probe_answered(now, *member, pinged_at);
    } else if (probe != probes_.end() && probe->second.sequence == ack.sequence) {
      const auto& helpers = probe->second.helpers;
      if (std::find(helpers.begin(), helpers.end(), from) != helpers.end()) {
        ++probe->second.receipts;
        last_answer_at_ = now.mono;
      }
    }
  }
  on_updates(now, from, ack.updates);
  end();
}

void Membership::on_direct_ack(Now now, Member& member, MonoTime pinged_at, WallTime sent) {
  const Duration round_trip = now.mono - pinged_at;
  member.round_trip.add(round_trip);
  // A slow answer says little about the clock: its way there and back may differ by much.
  if (sent.utc_ms != 0 && round_trip <= 2 * *member.round_trip.smoothed()) {
    const auto half = std::chrono::duration_cast<milliseconds>(round_trip / 2);
    member.clock_skew_ms = sent.utc_ms - (now.wall.utc_ms - half.count());
    const auto mono = std::chrono::duration_cast<milliseconds>(now.mono.since_start);
    member.clock_offset_ms = sent.utc_ms - (mono.count() - half.count());
  }
  probe_answered(now, member, pinged_at);
}

std::optional<OthersClock> Membership::others_clock() const {
  constexpr std::int64_t agrees_within_ms = 3'600'000;
  std::vector<std::int64_t> offsets;
  for (const auto& [process, member] : members_) {
    if (member.state != MemberState::alive || member.replaced || !member.clock_offset_ms) continue;
    offsets.push_back(*member.clock_offset_ms);
  }
  if (offsets.empty()) return std::nullopt;
  std::sort(offsets.begin(), offsets.end());
  OthersClock clock{offsets[(offsets.size() - 1) / 2], 0};
  for (const std::int64_t offset : offsets) {
    if (std::abs(offset - clock.offset_ms) <= agrees_within_ms) ++clock.agreeing;
  }
  return clock;
}

void Membership::probe_answered(Now now, Member& member, MonoTime pinged_at) {
  last_answer_at_ = now.mono;
  if (probes_.erase(member.info.process) > 0 && local_health_ > 0) --local_health_;
  if (member.state == MemberState::left && member.said_goodbye) return;
  if (member.state == MemberState::alive && pinged_at >= member.accused_at) {
    clear_suspicion(member);
  }
  say_alive(now, member, pinged_at);
  if (member.wants_probe) start_probe(now, member);
}

void Membership::probe_failed(Now now, Member& member, const Probe& probe) {
  // No helper so much as confirmed our request: it may be us who cannot hear.
  if (!probe.helpers.empty() && probe.receipts == 0) {
    local_health_ = std::min(local_health_ + 1, config_.local_health_max);
  }
  if (member.state != MemberState::alive && member.state != MemberState::suspect) return;
  if (member.reported_dead || member.reported_left) {
    confirm_dead(now, member);
  } else if (member.state == MemberState::alive) {
    suspect(now, member);
  }
  // They are all gone or we are alone: one by one, at the pace of the sick, would take minutes.
  if (hears_nobody(now)) {
    for (auto& [process, other] : members_) {
      if (other.state == MemberState::alive) other.wants_probe = true;
    }
  }
}

// ---- suspicion ---------------------------------------------------------------------------------

void Membership::suspect(Now now, Member& member) {
  member.suspected_at = now.mono;
  set_state(now, member, MemberState::suspect);
  set_verdict_time(now, member);
  member.claim = Claim{MemberState::suspect, member.incarnation};
  want_link(member);
  spread(update_of(member));
}

void Membership::set_verdict_time(Now now, Member& member) {
  const Duration min = suspicion_min(config_.suspicion_base, config_.gossip_interval, view_size());
  const auto others = static_cast<std::uint32_t>(alive_count() - 1);
  Duration timeout = suspicion_timeout(min, min * config_.suspicion_max_factor,
                                       static_cast<std::uint32_t>(member.accusers.size()),
                                       std::min(config_.confirmations, others));
  if (!member.linked && member.link_end == LinkEnd::refused) {
    timeout = std::min(timeout, config_.suspicion_refused);
  }
  member.verdict_at = std::max(now.mono, member.suspected_at + timeout);
}

// Dead; or gone as others said that it would.
void Membership::confirm_dead(Now now, Member& member) {
  const bool was_remembered = member.remembered;
  const MemberState gone = member.reported_left ? MemberState::left : MemberState::dead;
  set_state(now, member, gone);
  member.claim = Claim{gone, member.incarnation};
  if (!was_remembered) spread(update_of(member));
}

// ---- time --------------------------------------------------------------------------------------

void Membership::tick_probes(Now now) {
  std::vector<ProcessId> failed;
  for (auto& [target, probe] : probes_) {
    if (!probe.indirect_sent) {
      if (now.mono >= probe.direct_deadline) go_indirect(now, members_.at(target), probe);
    } else if (now.mono >= probe.deadline) {
      failed.push_back(target);
    }
  }
  for (const ProcessId& target : failed) {
    const Probe probe = std::move(probes_.at(target));
    probes_.erase(target);
    probe_failed(now, members_.at(target), probe);
  }
  for (auto& [process, member] : members_) {
    if (member.wants_probe) start_probe(now, member);
  }
}

void Membership::tick_members(Now now) {
  for (auto& [process, member] : members_) {
    if (now.mono >= member.verdict_at) confirm_dead(now, member);
    if (now.mono < member.retry_at) continue;
    set_retry(now, member);
    want_link(member);
    const bool own_suspect = member.state == MemberState::suspect && !member.remembered;
    const bool may_live = member.state == MemberState::dead ||
                          (member.state == MemberState::left && !member.said_goodbye);
    if (own_suspect || may_live) probe_soon(now, member);
  }
}

void Membership::tick_round(Now now) {
  if (now.mono >= next_table_at_) {
    next_table_at_ = now.mono + config_.table_interval;
    if (const auto receiver = gossip_ring_.advance(random_, false)) send_table(now, *receiver);
  }
  if (now.mono < next_round_at_) return;
  next_round_at_ = now.mono + stretched(config_.probe_interval, local_health_);
  for (std::size_t tries = probe_ring_.size(); tries > 0; --tries) {
    Member& member = members_.at(*probe_ring_.advance(random_, true));
    // Known from others only a moment ago: let the host link it first.
    const bool too_new =
        !member.linked && !member.proven_at && now.mono - member.known_since < config_.link_grace;
    if (too_new || probes_.contains(member.info.process)) continue;
    start_probe(now, member);
    return;
  }
}

}  // namespace titan::mesh
