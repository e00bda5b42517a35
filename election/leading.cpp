// What a leader does: beats, meeting another leader, raising its term, handing over, stepping down.
#include <algorithm>
#include <cassert>
#include <utility>

#include "election/election.h"
#include "election/term_bound.h"

namespace titan::election {

void Election::become_leader(MonoTime now) {
  assert(role_ == Role::candidate && round_.own_vote_counts);
  assert(round_.term > last_led_term_);
  if (round_.for_cloud) cloud_hand_over_allowed_at_ = now + config_.cloud_hand_over_interval;
  token_ = Token{round_.term, self_};
  last_led_term_ = round_.term;
  role_ = Role::leader;
  round_ = Round{};
  leader_.reset();
  lost_.reset();
  rival_.reset();
  lease_until_ = MonoTime::never();
  stand_at_ = MonoTime::never();
  vote_hold_until_ = MonoTime{};
  failures_ = 0;
  last_heard_ = now;
  cloud_lost_at_ = std::max(cloud_lost_at_, now);
  whole_views_due_ = config_.whole_view_repeats;
  effects_.events.push_back(BecameLeader{token_});
  send_beats(now);
}

void Election::lead(MonoTime now) {
  if (is_deaf(now)) {
    alone_until_ = now + config_.alone_wait;
    return step_down(now, StepDownReason::hears_nobody, Token{});
  }
  if (handing_over_ && now >= handing_over_->ends) {
    if (leaving_) {
      hand_over_next(now);
    } else {
      handing_over_.reset();
    }
  }
  if (role_ != Role::leader) return;
  check_cloud(now);
  if (now >= next_beat_at_) send_beats(now);
}

// ---- beats -------------------------------------------------------------------------------------

void Election::send_beats(MonoTime now) {
  ++beat_;
  beat_at_ = now;
  next_beat_at_ = now + config_.beat_interval;
  const bool whole = whole_views_due_ > 0 || beat_ % config_.whole_view_every == 0;
  if (whole_views_due_ > 0) --whole_views_due_;
  for (const Voter& voter : others_) {
    if (!voter.alive || voter.process.is_none()) continue;
    send(voter.process, Beat{own_news(now, voter.process, whole)});
  }
}

LeaderNews Election::own_news(MonoTime now, const ProcessId& to, bool whole_view) const {
  LeaderNews news;
  news.token = token_;
  news.beat = beat_;
  news.beat_age = now - beat_at_;
  news.holds_cloud_lease = cloud_.holds_lease;
  news.view_size = own_standing(now).view_size;
  news.view_number = view_number_;
  news.view_is_whole = whole_view;
  if (whole_view) {
    news.view.push_back(self_);
    for (const auto& [process, since] : in_view_since_) news.view.push_back(process);
  } else if (is_in_view(to)) {
    news.view.push_back(to);
  }
  return news;
}

bool Election::is_deaf(MonoTime now) const {
  if (now - last_heard_ < config_.deaf_after) return false;
  return others_in_view() >= config_.deaf_company_min || company_at_ > last_heard_;
}

// ---- two leaders -------------------------------------------------------------------------------

Standing Election::own_standing(MonoTime now) const {
  Standing standing;
  standing.holds_cloud_lease = cloud_.holds_lease;
  standing.view_size = 1;
  for (const auto& [process, since] : in_view_since_) {
    if (now - since >= config_.view_settle) ++standing.view_size;
  }
  standing.token = token_;
  return standing;
}

// The one that finds itself the better raises its term above both; the other steps down when it
// hears that. So both may judge by slightly different news without leaving the store without a
// leader: as long as neither has raised, both go on, and judge again by the next beat.
void Election::meet(MonoTime now, const LeaderNews& news, bool directly) {
  note_rival(now, news);
  const bool is_noted = rival_->process() == news.token.process;
  const bool is_successor = handing_over_ && handing_over_->to == news.token.process;
  if (is_successor && news.token > token_) {
    if (!is_noted) rival_.emplace(now, news);
    return step_down(now, StepDownReason::handed_over, news.token);
  }
  // Hearsay of one beat may be of a leader that died since; the next beat proves it lives.
  if (!directly && !(is_noted && rival_->progressed())) return;

  const Standing theirs{news.holds_cloud_lease, news.view_size, news.token};
  if (theirs > own_standing(now)) {
    if (news.token < token_) return;
    if (!is_noted) rival_.emplace(now, news);
    step_down(now, StepDownReason::met_better_leader, news.token);
  } else if (news.token.term >= token_.term) {
    raise_term(news.token.term);
  }
}

void Election::raise_term(std::uint64_t above) {
  assert(role_ == Role::leader);
  if (raising_to_ > above) return;
  const std::uint64_t term = std::max(highest_term(), above) + 1;
  if (term > term_max) return;
  raising_to_ = term;
  promise(term, self_, TermRaise{});
}

// The higher token is used only now that its promise is stored: a crash in between must not let the
// term be given away a second time.
void Election::finish_raise(MonoTime now, std::uint64_t term) {
  if (role_ != Role::leader || raising_to_ != term) return;
  raising_to_ = 0;
  const Token before = token_;
  token_ = Token{term, self_};
  last_led_term_ = term;
  effects_.events.push_back(TokenRaised{before, token_});
  send_beats(now);
}

// Lost: the next attempt to take the lease is refused again.
void Election::on_lease_refused(Now, const Token& holder, bool holder_gone) {
  if (left_ || role_ != Role::leader || !holder_gone) return;
  if (!is_plausible_term(holder.term, highest_term()) || holder < token_) return;
  // Only now: a living holder's term must not leak into our next election, or two sides of a cut
  // would take the lease from each other for ever.
  raise_term(holder.term);
  check_invariants();
}

// ---- giving up ---------------------------------------------------------------------------------

void Election::step_down(MonoTime now, StepDownReason reason, const Token& successor) {
  assert(role_ == Role::leader);
  const Token token = std::exchange(token_, Token{});
  role_ = Role::follower;
  raising_to_ = 0;
  handing_over_.reset();
  next_beat_at_ = MonoTime::never();
  effects_.events.push_back(SteppedDown{token, reason, successor});
  // After a stall the followers know better than we do whether anything is to be done.
  if (reason != StepDownReason::stalled) {
    for (const Voter& voter : others_) {
      if (!voter.alive || voter.process.is_none()) continue;
      send(voter.process, StepDown{token, reason, successor});
    }
  }
  if (leaving_) return finish_leave();
  if (rival_ && rival_->is_live(now, config_.lease)) {
    HeardLeader next = *rival_;
    follow(now, std::move(next));
  }
  if (!leader_) schedule_stand(now, config_.lease);
}

// Only the leader's own word, of the token followed or a newer one. Nothing rests on it but time:
// lost, the lease runs out.
void Election::on_step_down(MonoTime now, const ProcessId& from, const StepDown& message) {
  if (message.token.is_none() || message.token.process != from) return;
  if (rival_ && rival_->process() == from) rival_.reset();
  if (!leader_ || leader_->process() != from || message.token < leader_->token()) return;
  const bool waits_for_successor =
      !message.successor.is_none() && message.successor.process != self_;
  const bool hears_successor = rival_ && rival_->process() == message.successor.process;
  if (waits_for_successor && !hears_successor) {
    // Its beat is on its way to us. Until then, and at most for the rest of the lease, nothing
    // changes: a hand-over leaves no moment without a leader.
    successor_ = message.successor.process;
    return;
  }
  lapse(now);
}

// ---- handing over ------------------------------------------------------------------------------

void Election::leave(Now now) {
  if (leaving_) return;
  leaving_ = true;
  if (role_ != Role::leader) {
    finish_leave();
  } else if (handing_over_) {
    handing_over_->reason = HandOverReason::leaving;  // it is on its way already
  } else {
    hand_over_next(now.mono);
  }
  check_invariants();
}

void Election::finish_leave() {
  if (role_ == Role::pre_candidate || role_ == Role::candidate) abandon_round();
  leader_.reset();
  rival_.reset();
  left_ = true;
}

void Election::hand_over_next(MonoTime now) {
  const auto tried = handing_over_ ? handing_over_->tried : std::vector<ProcessId>{};
  const auto next = best_successor(others_, tried, false);
  if (!next || tried.size() >= config_.hand_over_tries) {
    return step_down(now, StepDownReason::leaving, Token{});
  }
  start_hand_over(now, *next, HandOverReason::leaving);
}

void Election::start_hand_over(MonoTime now, const ProcessId& to, HandOverReason reason) {
  if (!handing_over_) handing_over_.emplace();
  handing_over_->to = to;
  handing_over_->reason = reason;
  handing_over_->ends = now + config_.hand_over_timeout;
  handing_over_->tried.push_back(to);
  effects_.events.push_back(HandOverStarted{to, reason});
  send(to, HandOver{token_, reason});
}

// Only from the leader that is followed, and it is followed until somebody is elected: a hand-over
// that is lost or fails leaves the store its leader. One that leaves tries the next member then,
// one without the cloud goes on.
void Election::on_hand_over(MonoTime now, const ProcessId& from, const HandOver& message) {
  if (message.token.is_none() || message.token.process != from) return;
  if (role_ != Role::follower || !may_lead_) return;
  if (!leader_ || leader_->process() != from) return;
  start_vote(now, message.token);
  round_.for_cloud = message.reason == HandOverReason::cloud;
}

void Election::check_cloud(MonoTime now) {
  if (cloud_.reachable || leaving_ || handing_over_) return;
  if (now - cloud_lost_at_ < config_.cloud_patience || now < cloud_hand_over_allowed_at_) return;
  const auto successor = best_successor(others_, {}, true);
  if (!successor) return;
  cloud_hand_over_allowed_at_ = now + config_.cloud_hand_over_interval;
  start_hand_over(now, *successor, HandOverReason::cloud);
}

}  // namespace titan::election
