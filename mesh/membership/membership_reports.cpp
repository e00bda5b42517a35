// What others say of members, and of us (SWIM 4.2; Lifeguard IV-C).
#include <algorithm>
#include <utility>

#include "mesh/membership/membership.h"

namespace titan::mesh {
namespace {

// A peer that claims more is broken; following it would end in an overflow.
constexpr std::uint64_t incarnation_limit = std::uint64_t{1} << 62;

// Whether an incarnation that somebody else tells of can be: only its process raises it, by one at
// a time. Its own word, over its own link, needs no such bound.
bool is_plausible(std::uint64_t told, std::uint64_t known) {
  return told <= known || told - known <= incarnation_jump_max;
}

// A round of gossip, and a cut that is soon over.
constexpr Duration copy_answers_within = seconds(10);

}  // namespace

// Passed up unjudged: the election knows what its sender may say. Lost: the next probe carries as
// much.
void Membership::on_news(const ProcessId& from, const election::LeaderNews& news) {
  if (!news.token.is_none()) effects_.push_back(LeaderNewsHeard{from, news});
}

void Membership::on_updates(Now now, const ProcessId& from,
                            const std::vector<MemberUpdate>& updates) {
  for (const MemberUpdate& update : updates) {
    const ProcessId& process = update.member.process;
    if (process.is_none() || update.incarnation >= incarnation_limit) continue;
    if (process == self_.process) {
      on_update_of_self(now, update);
    } else {
      on_update(now, from, update);
    }
  }
}

// Whatever is said of us but that we live is refuted, under whatever incarnation it is said: what
// stood unrefuted would hold for ever with all who believe it.
//
// Only we raise our incarnation. Who hears a higher one hears a copy of this running machine, or
// the echo of a lie: who believes that we left under an incarnation that never was passes it on,
// and may suspect us under it before we heard of it. We outbid it: an echo falls silent, a copy
// outbids us in its turn. Other facts under our own incarnation only a copy tells.
void Membership::on_update_of_self(Now now, const MemberUpdate& update) {
  if (update.incarnation < incarnation_ || !is_plausible(update.incarnation, incarnation_)) return;
  const bool is_higher = update.incarnation > incarnation_;
  bool outbids = update.state != MemberState::alive;
  if (update.state != MemberState::left) {
    if (is_higher && now.mono >= outbid_until_) {
      outbids = true;
      outbid_until_ = now.mono + copy_answers_within;
    } else if (is_higher || update.member != announced_) {
      raise_device_twice(self_, update.member);
    }
  }
  if (!outbids) return;
  incarnation_ = update.incarnation + 1;
  announce_self(now);
  if (update.state == MemberState::suspect) {
    local_health_ = std::min(local_health_ + 1, config_.local_health_max);
  }
}

void Membership::on_update(Now now, const ProcessId& from, const MemberUpdate& update) {
  Member* member = member_of(update.member.process);
  if (!member) return on_update_of_stranger(now, from, update);
  if (member->info.device_key != update.member.device_key) return;
  const bool is_own_word = from == update.member.process;
  if (!is_own_word && !is_plausible(update.incarnation, member->incarnation)) return;
  switch (update.state) {
    case MemberState::alive:
      return on_alive(now, *member, update);
    case MemberState::suspect:
      return on_accusation(now, from, *member, update);
    case MemberState::dead:
      return on_death_report(now, from, *member, update);
    case MemberState::left:
      if (is_own_word) return on_left(now, *member, update.incarnation);
      return on_left_report(now, from, *member, update);
  }
}

// ---- of members that we know -------------------------------------------------------------------

// Only a process itself raises its incarnation, so a higher one is its own word, whoever passes it
// on, and overrides all that was said of a lower one. Lost: it comes again with a whole table.
void Membership::on_alive(Now now, Member& member, const MemberUpdate& update) {
  if (update.incarnation <= member.incarnation) return;
  const MemberState before = member.state;
  // Alive at once, whatever was said of a lower incarnation; state and facts in one change.
  if (before != MemberState::alive) {
    member.incarnation = update.incarnation;
    member.info = update.member;
    member.claim.reset();
    set_state(now, member, MemberState::alive);
    want_link(member);
  }
  set_facts(member, update.member, update.incarnation);
  spread(update_of(member));
}

bool Membership::believes(const ProcessId& from) const {
  const Member* member = member_of(from);
  return member && member->state == MemberState::alive;
}

// An accusation is its sender's own testimony: it makes us look, and of one that we suspect
// ourselves it hastens the verdict. Lost: the verdict takes longer, up to suspicion_max_factor
// times.
void Membership::on_accusation(Now now, const ProcessId& from, Member& member,
                               const MemberUpdate& update) {
  // Who is accused under a higher incarnation than it died with was alive after that.
  if (!is_present(member.state)) on_alive(now, member, update);
  if (update.incarnation < member.incarnation || !is_present(member.state)) return;
  if (!believes(from) || from == member.info.process || member.remembered) return;
  set_facts(member, update.member, update.incarnation);
  if (member.accusers.size() >= config_.confirmations) return;
  if (!member.accusers.insert(from).second) return;
  member.accused_at = now.mono;
  member.claim = Claim{MemberState::suspect, member.incarnation};
  if (member.state == MemberState::suspect) {
    set_verdict_time(now, member);
  } else {
    probe_soon(now, member);
  }
}

// Believed of whom we suspect already; of one that seems alive it starts a probe, and only that
// one's failure is death. Lost: our own probes find it out.
void Membership::on_death_report(Now now, const ProcessId& from, Member& member,
                                 const MemberUpdate& update) {
  if (update.incarnation < member.incarnation || !is_present(member.state)) return;
  if (!believes(from) || from == member.info.process) return;
  set_facts(member, update.member, update.incarnation);
  if (member.state == MemberState::suspect) return confirm_dead(now, member);
  member.reported_dead = true;
  member.accused_at = now.mono;
  member.claim = Claim{MemberState::dead, member.incarnation};
  probe_soon(now, member);
}

// A member leaves by its own word only: its goodbye, or an answer of its own that says so. What
// others tell of it makes us look, like a report of its death; who is found silent has left.
void Membership::on_left_report(Now now, const ProcessId& from, Member& member,
                                const MemberUpdate& update) {
  if (update.incarnation < member.incarnation || member.replaced) return;
  if (member.state == MemberState::left || !believes(from)) return;
  set_facts(member, update.member, update.incarnation);
  member.reported_left = true;
  if (member.state != MemberState::alive) return confirm_dead(now, member);
  member.accused_at = now.mono;
  member.claim = Claim{MemberState::left, member.incarnation};
  probe_soon(now, member);
}

// Its own word. Acks that were under way do not take it back; a new link does, or a higher
// incarnation.
void Membership::on_left(Now now, Member& member, std::uint64_t incarnation) {
  if (member.replaced) return;
  member.incarnation = std::max(member.incarnation, incarnation);
  const bool is_news = !std::exchange(member.said_goodbye, true);
  if (member.state != MemberState::left) {
    set_state(now, member, MemberState::left);
    spread(update_of(member));
  } else if (is_news) {
    effects_.push_back(MemberStateChanged{update_of(member), member.state, false});
  }
}

// Lost: whoever heard it passes it on, and who then finds the member silent holds that it left; if
// nobody heard it, it counts as dead and is looked for.
void Membership::on_leave(Now now, const ProcessId& from, const Leave& leave) {
  Member* member = member_of(from);
  if (!member || left_ || leave.incarnation >= incarnation_limit) return;
  begin(now);
  on_left(now, *member, leave.incarnation);
  end();
}

// ---- of others ---------------------------------------------------------------------------------

// A newer process takes the place of its device's older one at once; an older one must prove by a
// link that it lives. Lost: it comes again with a whole table.
void Membership::on_update_of_stranger(Now now, const ProcessId& from, const MemberUpdate& update) {
  const MemberInfo& info = update.member;
  const bool present = is_present(update.state);
  if (info.device_key == self_.device_key) {
    // Our own former process, or another with our key: only a link can tell.
    if (present && info.addresses != self_.addresses) {
      effects_.push_back(LinkWanted{info.process, info.addresses});
    }
    return;
  }
  Member* current = current_of_device(info.device(), info.process);
  if (current) {
    const bool current_is_present = is_present(current->state) && !current->remembered;
    const bool newer = is_newer(info, current->info);
    if (present && !newer && current_is_present) {
      // Old news, or a new process whose clock was set back: a link will tell.
      effects_.push_back(LinkWanted{info.process, info.addresses});
      return;
    }
    if (!present && (!newer || current_is_present)) return;
  }
  Member* member =
      insert_member(now, info, present ? MemberState::alive : update.state, update.incarnation);
  if (!member) return;
  // Inserting may have made room; look again.
  current = current_of_device(info.device(), info.process);
  if (current) replace(now, *current);
  if (!present) return;
  want_link(*member);
  spread(update_of(*member));
  if (update.state == MemberState::suspect) on_accusation(now, from, *member, update);
}

}  // namespace titan::mesh
