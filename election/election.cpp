// The election as anyone takes part in it: the view, time, and what is heard of leaders.
// Asking and answering is in voting.cpp, what a leader does in leading.cpp.
#include "election/election.h"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

#include "base/overloaded.h"
#include "election/term_bound.h"

namespace titan::election {

Election::Election(Config config, ProcessId self, DeviceId self_device, bool may_lead,
                   std::uint32_t priority, Promise stored_promise, std::uint64_t highest_term_seen,
                   Random random, Now now)
    : config_(config),
      self_(self),
      self_device_(self_device),
      may_lead_(may_lead),
      priority_(priority),
      random_(random),
      cloud_lost_at_(now.mono),
      cloud_hand_over_allowed_at_(now.mono),
      promises_(stored_promise, config.withheld_max),
      highest_term_(std::min(highest_term_seen, term_max)),
      vote_hold_until_(now.mono),
      last_heard_(now.mono),
      alone_until_(now.mono),
      start_until_(now.mono + config.start_wait),
      company_at_(now.mono) {
  assert(config_.validate().empty());
  schedule_stand(now.mono, Duration::zero());
}

// ---- the view ----------------------------------------------------------------------------------

void Election::on_view(Now now, std::vector<Voter> voters) {
  if (left_) return;
  const bool is_first = !view_known_;
  const std::uint32_t company_before = others_in_view();
  const std::vector<Voter> before = others_;
  take_voters(std::move(voters));
  view_known_ = true;

  bool someone_went = false;
  for (const Voter& old : before) {
    const Voter* same = voter_like(old);
    const bool is_back_as_another = same && same->alive && same->process != old.process;
    if (leader_ && leader_->process() == old.process && is_back_as_another) lapse(now.mono);
    if (same && same->left && !old.left) last_heard_ = now.mono;
    if (old.alive && (!same || !same->alive)) someone_went = true;
  }

  note_members(now.mono);
  if (company_before >= config_.deaf_company_min) company_at_ = now.mono;

  switch (role_) {
    case Role::follower:
      if (leader_ || stand_at_ == MonoTime::never()) break;
      if (is_first) {
        // Only now the rank is known.
        schedule_stand(now.mono, Duration::zero());
      } else if (someone_went) {
        // The smaller view may elect what the bigger one could not.
        const MonoTime before_change = stand_at_;
        schedule_stand(now.mono, Duration::zero());
        stand_at_ = std::min(stand_at_, before_change);
      }
      break;
    case Role::pre_candidate:
    case Role::candidate:
      count(now.mono);
      break;
    case Role::leader:
      break;
  }
  check_invariants();
}

void Election::take_voters(std::vector<Voter> voters) {
  others_.clear();
  for (Voter& voter : voters) {
    if (voter.process == self_) {
      holds_all_pending_ = voter.holds_all_pending;
    } else {
      others_.push_back(std::move(voter));
    }
  }
  std::sort(others_.begin(), others_.end(), [](const Voter& left, const Voter& right) {
    return std::tie(left.device, left.process) < std::tie(right.device, right.process);
  });
}

// What became of a member: the same process, else another of its device.
const Voter* Election::voter_like(const Voter& old) const {
  const Voter* same = nullptr;
  for (const Voter& voter : others_) {
    if (voter.device != old.device) continue;
    if (voter.process == old.process) return &voter;
    if (!same || voter.alive) same = &voter;
  }
  return same;
}

// Since when each process is in the view without a doubt, and whether the view is another one now.
void Election::note_members(MonoTime now) {
  std::map<ProcessId, MonoTime> since;
  for (const Voter& voter : others_) {
    if (!voter.alive || voter.process.is_none()) continue;
    const auto known = in_view_since_.find(voter.process);
    const bool was_heard = known != in_view_since_.end() && known->second != MonoTime::never();
    const MonoTime heard_since = was_heard ? known->second : now;
    since[voter.process] = voter.suspect ? MonoTime::never() : heard_since;
  }
  const bool same_members =
      std::equal(since.begin(), since.end(), in_view_since_.begin(), in_view_since_.end(),
                 [](const auto& a, const auto& b) { return a.first == b.first; });
  in_view_since_ = std::move(since);
  if (!same_members) {
    ++view_number_;
    whole_views_due_ = config_.whole_view_repeats;
  }
}

Voter Election::self_voter() const {
  Voter voter;
  voter.process = self_;
  voter.device = self_device_;
  voter.alive = true;
  voter.may_lead = may_lead_;
  voter.priority = priority_;
  voter.holds_all_pending = holds_all_pending_;
  voter.reaches_cloud = cloud_.reachable;
  return voter;
}

std::uint32_t Election::others_in_view() const {
  return static_cast<std::uint32_t>(std::count_if(others_.begin(), others_.end(),
                                                  [](const Voter& voter) { return voter.alive; }));
}

bool Election::is_in_view(const ProcessId& process) const {
  return in_view_since_.count(process) != 0;
}

// ---- time --------------------------------------------------------------------------------------

void Election::on_tick(Now now) {
  if (left_) return;
  switch (role_) {
    case Role::follower:
      if (leader_ && now.mono >= lease_until_) lapse(now.mono);
      if (!leader_ && view_known_ && now.mono >= stand_at_) start_pre_vote(now.mono);
      break;
    case Role::pre_candidate:
    case Role::candidate:
      // During a hand-over the old leader is still followed; its lease may run out meanwhile.
      if (now.mono >= round_.ends) {
        fail_round(now.mono);
      } else if (now.mono >= round_.ask_again) {
        round_.ask_again = now.mono + config_.ask_again;
        ask_silent();
      }
      break;
    case Role::leader:
      lead(now.mono);
      break;
  }
  check_invariants();
}

MonoTime Election::next_deadline() const {
  if (left_) return MonoTime::never();
  switch (role_) {
    case Role::follower:
      if (leader_) return lease_until_;
      return view_known_ ? stand_at_ : MonoTime::never();
    case Role::pre_candidate:
    case Role::candidate:
      return std::min(round_.ends, round_.ask_again);
    case Role::leader:
      return handing_over_ ? std::min(next_beat_at_, handing_over_->ends) : next_beat_at_;
  }
  return MonoTime::never();
}

void Election::on_stalled(Now now, Duration stalled) {
  if (left_) return;
  last_heard_ = now.mono;
  company_at_ = now.mono;
  switch (role_) {
    case Role::follower:
      if (leader_) {
        lease_until_ = now.mono + config_.lease;
      } else {
        schedule_stand(now.mono, config_.lease);
      }
      break;
    case Role::pre_candidate:
    case Role::candidate:
      abandon_round();
      if (!leader_) schedule_stand(now.mono, config_.lease);
      break;
    case Role::leader:
      next_beat_at_ = now.mono;
      if (handing_over_) handing_over_->ends = now.mono + config_.hand_over_timeout;
      if (stalled < config_.lease || others_in_view() == 0) break;
      step_down(now.mono, StepDownReason::stalled, Token{});
      if (!left_ && !leader_) start_pre_vote(now.mono);
      break;
  }
  check_invariants();
}

Duration Election::rank_wait() {
  const ProcessId lost = lost_ ? lost_->process() : ProcessId{};
  const std::uint32_t rank = std::min(rank_of(self_voter(), others_, lost), config_.rank_count - 1);
  const auto jitter = static_cast<std::uint64_t>(config_.jitter_max.count());
  return config_.rank_step * rank + Duration(random_.below(jitter + 1));
}

void Election::schedule_stand(MonoTime now, Duration extra) {
  const MonoTime earliest = std::max(now + extra, start_until_);
  stand_at_ = may_lead_ ? earliest + rank_wait() : MonoTime::never();
}

void Election::note_sign_of_life(MonoTime now) {
  last_heard_ = now;
  alone_until_ = std::min(alone_until_, now);
}

// ---- what is heard of leaders ------------------------------------------------------------------

// The same beat told by many renews nothing, so an echo keeps no dead leader alive. A lost one
// costs nothing: every probe and answer tells the news again.
void Election::on_leader_news(Now now, const ProcessId& heard_from, const LeaderNews& news) {
  if (left_ || heard_from == self_) return;
  note_sign_of_life(now.mono);
  hear(now.mono, news, heard_from == news.token.process);
  check_invariants();
}

void Election::on_message(Now now, const ProcessId& from, const Message& message) {
  if (left_ || from == self_ || from.is_none()) return;
  note_sign_of_life(now.mono);
  const MonoTime mono = now.mono;
  std::visit(Overloaded{
                 [&](const Beat& m) { on_beat(mono, from, m); },
                 [&](const PreVoteRequest& m) { on_pre_vote_request(mono, from, m); },
                 [&](const PreVoteReply& m) { on_pre_vote_reply(mono, from, m); },
                 [&](const VoteRequest& m) { on_vote_request(mono, from, m); },
                 [&](const VoteReply& m) { on_vote_reply(mono, from, m); },
                 [&](const HandOver& m) { on_hand_over(mono, from, m); },
                 [&](const StepDown& m) { on_step_down(mono, from, m); },
             },
             message);
  check_invariants();
}

// Only the leader speaks of itself, and only a beat newer than the last renews its lease. Lost: the
// next comes a beat_interval later, and a lease spans at least three.
void Election::on_beat(MonoTime now, const ProcessId& from, const Beat& beat) {
  if (beat.news.token.process != from) return;
  hear(now, beat.news, true);
}

// What is told of a leader, by whomever. Its term is noted also when it does not list us: our next
// election must go above it.
void Election::hear(MonoTime now, const LeaderNews& news, bool directly) {
  if (news.token.is_none() || news.token.process == self_) return;
  if (!is_plausible_term(news.token.term, highest_term())) return;
  if (news.beat_age >= config_.lease) return;  // a remembered leader, not a live one
  observe_term(news.token.term);
  if (!lists(news, self_)) return;
  if (role_ == Role::leader) {
    meet(now, news, directly);
  } else {
    hear_as_follower(now, news, directly);
  }
}

void Election::hear_as_follower(MonoTime now, const LeaderNews& news, bool directly) {
  const Promise& voted = promises_.latest();
  const bool voted_for_it = voted.term == news.token.term && voted.voted_for == news.token.process;

  if (leader_ && leader_->process() == news.token.process) {
    const Token before = leader_->token();
    if (!leader_->take(now, news)) return;
    lease_until_ = std::max(lease_until_, leader_->beat_at() + config_.lease);
    if (leader_->token() != before) effects_.events.push_back(LeaderChanged{leader_->token()});
    return;
  }
  // A live leader is left only for the one that it named, or that this process voted into office.
  const bool is_successor = news.token.process == successor_;
  if (leader_ && !voted_for_it && !is_successor) return note_rival(now, news);

  if (lost_ && lost_->process() == news.token.process) {
    HeardLeader again = *lost_;
    if (again.take(now, news)) return follow(now, std::move(again));
    // A copy of this process led on under a higher term and is gone; the process itself knows only
    // of its own, and vetoes whoever else stands.
    const bool was_a_copy = directly && news.token < lost_->token();
    if (was_a_copy && !lost_->is_live(now, config_.lease)) follow(now, HeardLeader(now, news));
    return;
  }
  if (rival_ && rival_->process() == news.token.process) {
    rival_->take(now, news);
    HeardLeader known = *rival_;
    return follow(now, std::move(known));
  }
  follow(now, HeardLeader(now, news));
}

void Election::note_rival(MonoTime now, const LeaderNews& news) {
  if (rival_ && rival_->process() == news.token.process) {
    rival_->take(now, news);
    return;
  }
  const bool has_better =
      rival_ && rival_->is_live(now, config_.lease) && rival_->token() > news.token;
  if (!has_better) rival_.emplace(now, news);
}

void Election::follow(MonoTime now, HeardLeader leader) {
  if (!leader.is_live(now, config_.lease)) return;
  if (role_ == Role::pre_candidate || role_ == Role::candidate) abandon_round();
  if (rival_ && rival_->process() == leader.process()) rival_.reset();
  leader_ = std::move(leader);
  lost_.reset();
  successor_ = ProcessId{};
  lease_until_ = leader_->beat_at() + config_.lease;
  stand_at_ = MonoTime::never();
  failures_ = 0;
  effects_.events.push_back(LeaderChanged{leader_->token()});
}

void Election::lapse(MonoTime now) {
  forget_leader(now);
  if (!leader_ && role_ == Role::follower) schedule_stand(now, Duration::zero());
}

// Stops following; goes over to the other live leader if one is heard.
void Election::forget_leader(MonoTime now) {
  assert(leader_);
  lost_ = std::move(leader_);
  leader_.reset();
  successor_ = ProcessId{};
  lease_until_ = MonoTime::never();
  if (rival_ && rival_->is_live(now, config_.lease)) {
    HeardLeader next = *rival_;
    follow(now, std::move(next));
  } else {
    effects_.events.push_back(LeaderChanged{});
  }
}

// Ends only our own waiting: whoever still hears the leader vetoes. Lost: the lease runs out.
void Election::on_leader_gone_hint(Now now) {
  if (left_ || role_ != Role::follower || !leader_) return;
  lapse(now.mono);
  check_invariants();
}

// By the beats themselves, not by the lease's timer: after a stall of our own the timer starts
// afresh, but what was not heard founds no veto.
const HeardLeader* Election::live_leader(MonoTime now, const ProcessId& except) const {
  const HeardLeader* best = nullptr;
  for (const auto* heard : {&leader_, &rival_}) {
    if (!*heard || (*heard)->process() == except) continue;
    if (!(*heard)->is_live(now, config_.lease)) continue;
    if (best == nullptr || (*heard)->token() > best->token()) best = &**heard;
  }
  return best;
}

LeaderNews Election::news(Now now, const ProcessId& to) const {
  if (left_) return {};
  if (role_ == Role::leader) return own_news(now.mono, to, false);
  const HeardLeader* heard = live_leader(now.mono, ProcessId{});
  return heard == nullptr ? LeaderNews{} : heard->news_for(now.mono, to);
}

std::optional<Token> Election::leader() const {
  if (role_ == Role::leader) return token_;
  if (leader_) return leader_->token();
  return std::nullopt;
}

// ---- terms, promises, effects ------------------------------------------------------------------

void Election::observe_term(std::uint64_t term) {
  if (is_plausible_term(term, highest_term())) highest_term_ = std::max(highest_term_, term);
}

std::uint64_t Election::highest_term() const {
  return std::max({highest_term_, promises_.latest().term, token_.term, raising_to_});
}

void Election::promise(std::uint64_t term, const ProcessId& candidate, Withheld what) {
  const Promise made{term, candidate};
  if (promises_.make(made, std::move(what))) effects_.promises.push_back(made);
}

// What waited for the disk acts only if it is still wanted: the vote for oneself in the round it
// was made for, the raise of a leadership that goes on. Never reported: the vote is not given, the
// round fails at its end, and the leader keeps its term.
void Election::on_promise_stored(Now now, const Promise& stored) {
  if (left_) return;
  for (const Released& released : promises_.release(stored)) {
    const std::uint64_t term = released.promise.term;
    std::visit(
        Overloaded{
            [&](const VoteForOther& vote) { send_granted(now.mono, released.promise, vote); },
            [&](const VoteForSelf&) {
              if (role_ != Role::candidate || round_.term != term) return;
              round_.own_vote_counts = true;
              count(now.mono);
            },
            [&](const TermRaise&) { finish_raise(now.mono, term); },
        },
        released.what);
  }
  check_invariants();
}

void Election::on_cloud(Now now, CloudState state) {
  if (cloud_.reachable && !state.reachable) cloud_lost_at_ = now.mono;
  cloud_ = state;
}

void Election::send(const ProcessId& to, Message message) {
  effects_.sends.push_back({to, std::move(message)});
}

Effects Election::take_effects() {
  return std::exchange(effects_, Effects{});
}

void Election::check_invariants() const {
  promises_.check_invariants();
  const Promise& latest = promises_.latest();
  assert((role_ == Role::leader) == !token_.is_none());
  if (role_ == Role::leader) {
    assert(may_lead_);
    assert(!leader_);
    assert(token_.process == self_);
    assert(token_.term == last_led_term_);
    assert(promises_.is_stored({token_.term, self_}));
    assert(raising_to_ == 0 || raising_to_ > token_.term);
  } else {
    assert(raising_to_ == 0);
    assert(!handing_over_);
  }
  if (role_ == Role::candidate) {
    assert(may_lead_);
    assert(latest.term == round_.term && latest.voted_for == self_);
    assert(round_.term > last_led_term_);
    assert(!leader_ || !round_.hand_over_of.is_none());
  }
  if (role_ == Role::pre_candidate) assert(may_lead_ && !leader_);
  if (leader_) assert(leader_->process() != self_);
  if (rival_) assert(rival_->process() != self_);
  if (leader_ && rival_) assert(leader_->process() != rival_->process());
  if (lost_) assert(!leader_ && role_ != Role::leader);
  if (handing_over_) {
    assert(!handing_over_->tried.empty() && handing_over_->tried.back() == handing_over_->to);
    assert(handing_over_->tried.size() <= config_.hand_over_tries);
  }
  const bool is_asking = role_ == Role::pre_candidate || role_ == Role::candidate;
  assert(is_asking == (round_.number != 0));
  const bool may_stand = role_ == Role::follower && !leader_ && may_lead_;
  assert(may_stand || stand_at_ == MonoTime::never());
  assert((role_ == Role::leader) == (next_beat_at_ != MonoTime::never()));
  assert(left_ || leader_.has_value() == (lease_until_ != MonoTime::never()));
  assert(whole_views_due_ <= config_.whole_view_repeats);
  assert(!left_ || role_ == Role::follower);
}

}  // namespace titan::election
