// Asking and answering: pre-votes, votes, vetoes.
#include <algorithm>
#include <cassert>
#include <utility>

#include "election/election.h"
#include "election/term_bound.h"

namespace titan::election {

// ---- asking ------------------------------------------------------------------------------------

void Election::start_pre_vote(MonoTime now) {
  assert(may_lead_ && !leader_);
  if (others_in_view() == 0 && now < alone_until_) {
    stand_at_ = alone_until_;
    return;
  }
  open_round(now, Role::pre_candidate, config_.pre_vote_timeout);
  round_.own_vote_counts = true;
  const ProcessId lost = lost_ ? lost_->process() : ProcessId{};
  effects_.events.push_back(
      PreVoteStarted{round_.number, rank_of(self_voter(), others_, lost), others_in_view() + 1});
  ask_silent();
  count(now);
}

void Election::start_vote(MonoTime now, const Token& hand_over_of) {
  const std::uint64_t term = highest_term() + 1;
  if (term > term_max) return fail_round(now);
  // Slow disks are no reason to start over with every attempt.
  const std::uint32_t doublings = std::min(failures_, std::uint32_t{2});
  open_round(now, Role::candidate, config_.vote_timeout * (1 << doublings));
  round_.term = term;
  round_.hand_over_of = hand_over_of;
  vote_hold_until_ = now + config_.vote_hold;
  effects_.events.push_back(VoteStarted{term, others_in_view() + 1});
  promise(term, self_, VoteForSelf{});
  // The others' disks may work meanwhile: the own vote counts only once it is stored.
  ask_silent();
}

void Election::open_round(MonoTime now, Role role, Duration length) {
  role_ = role;
  round_ = Round{};
  round_.number = ++round_number_;
  round_.ends = now + length;
  round_.ask_again = now + config_.ask_again;
  stand_at_ = MonoTime::never();
}

void Election::ask_silent() {
  for (const Voter& voter : others_) {
    if (voter.process.is_none() || voter.left) continue;
    if (round_.answers.count(voter.process) != 0) continue;
    if (role_ == Role::pre_candidate) {
      send(voter.process, PreVoteRequest{round_.number});
    } else {
      send(voter.process, VoteRequest{round_.term, round_.hand_over_of});
    }
  }
}

void Election::count(MonoTime now) {
  assert(role_ == Role::pre_candidate || role_ == Role::candidate);
  const Tally tally = tally_of(others_, round_.answers, round_.own_vote_counts);
  if (tally.is_won()) {
    if (role_ == Role::pre_candidate) {
      start_vote(now, Token{});
    } else if (round_.own_vote_counts) {
      become_leader(now);
    }
  } else if (tally.is_lost()) {
    fail_round(now);
  }
}

void Election::fail_round(MonoTime now) {
  const Tally tally = tally_of(others_, round_.answers, round_.own_vote_counts);
  effects_.events.push_back(RoundFailed{tally.granted, tally.electorate});
  abandon_round();
  if (leader_) return;  // a hand-over that failed: its leader goes on
  const std::uint32_t doublings = std::min(failures_, config_.retry_doublings_max);
  ++failures_;
  const auto spread = static_cast<std::uint64_t>(config_.retry_min.count()) << doublings;
  schedule_stand(now, config_.retry_min + Duration(random_.below(spread)));
}

void Election::abandon_round() {
  role_ = Role::follower;
  round_ = Round{};
  // A vote for oneself that led to nothing shall not hold up the others.
  if (promises_.latest().voted_for == self_) vote_hold_until_ = MonoTime{};
}

// Binds nobody: a pre-vote won only allows asking for votes. Lost: who has not answered is asked
// again until the round ends.
void Election::on_pre_vote_reply(MonoTime now, const ProcessId& from, const PreVoteReply& reply) {
  if (role_ != Role::pre_candidate || reply.round != round_.number) return;
  observe_term(reply.promised_term);
  if (reply.answer == VoteAnswer::leader_alive) return take_veto(now, from, reply.news);
  round_.answers[from] = reply.answer;
  count(now);
}

// Counts for the term it was given in, once a member however often it comes. Lost: asked again, and
// the voter repeats what it promised.
void Election::on_vote_reply(MonoTime now, const ProcessId& from, const VoteReply& reply) {
  if (role_ != Role::candidate || reply.term != round_.term) return;
  observe_term(reply.promised_term);
  // In a hand-over the leader's own word counts more than a member that still hears it.
  const bool is_hand_over = !round_.hand_over_of.is_none();
  if (reply.answer == VoteAnswer::leader_alive && !is_hand_over) {
    return take_veto(now, from, reply.news);
  }
  round_.answers[from] = reply.answer;
  count(now);
}

void Election::take_veto(MonoTime now, const ProcessId& by, const LeaderNews& news) {
  round_.answers[by] = VoteAnswer::leader_alive;
  effects_.events.push_back(Vetoed{by, news.token});
  hear(now, news, news.token.process == by);
  if (role_ == Role::pre_candidate || role_ == Role::candidate) fail_round(now);
}

// ---- answering ---------------------------------------------------------------------------------

std::optional<LeaderNews> Election::veto(MonoTime now, const ProcessId& candidate) const {
  if (role_ == Role::leader) return own_news(now, candidate, false);
  const HeardLeader* heard = live_leader(now, candidate);
  if (heard == nullptr) return std::nullopt;
  return heard->news_for(now, candidate);
}

// A hand-over is real when we are the one that hands over, or follow the one that does.
bool Election::is_handed_over(const ProcessId& candidate, const Token& leadership) const {
  if (leadership.is_none()) return false;
  if (role_ == Role::leader) {
    return leadership.process == self_ && handing_over_ && handing_over_->to == candidate;
  }
  return leader_ && leader_->process() == leadership.process;
}

// Promises nothing and raises no term, so that a member which cannot win disturbs nobody. Lost,
// like its answer: asked again.
void Election::on_pre_vote_request(MonoTime now, const ProcessId& from,
                                   const PreVoteRequest& request) {
  if (role_ == Role::follower && leader_ && leader_->process() == from) {
    // Our leader stalled and is not sure of itself any more. Leave it the first attempt.
    lapse(now);
    if (!leader_) schedule_stand(now, config_.pre_vote_timeout);
  }
  PreVoteReply reply;
  reply.round = request.round;
  reply.promised_term = promises_.latest().term;
  if (const auto news = veto(now, from)) {
    reply.answer = VoteAnswer::leader_alive;
    reply.news = *news;
  } else if (now < vote_hold_until_ && promises_.latest().voted_for != from) {
    reply.answer = VoteAnswer::vote_pending;
  }
  send(from, reply);
}

// A term is granted to one process only, and the grant leaves once the promise is stored. Lost,
// like its answer: asked again; a repeat is answered from the promise, and promises nothing new.
void Election::on_vote_request(MonoTime now, const ProcessId& from, const VoteRequest& request) {
  if (request.term == 0 || !is_plausible_term(request.term, highest_term())) return;
  VoteReply reply;
  reply.term = request.term;
  reply.promised_term = promises_.latest().term;
  if (!is_handed_over(from, request.hand_over_of)) {
    if (const auto news = veto(now, from)) {
      reply.answer = VoteAnswer::leader_alive;
      reply.news = *news;
      return send(from, reply);
    }
  }
  if (!promises_.allows(request.term, from)) {
    reply.answer = VoteAnswer::promised_higher;
    return send(from, reply);
  }
  const Promise voted{request.term, from};
  const bool is_repeat = voted == promises_.latest();
  if (is_repeat && promises_.is_stored(voted)) return send(from, reply);

  if (!is_repeat) {
    if (role_ == Role::pre_candidate || role_ == Role::candidate) abandon_round();
    if (role_ == Role::follower && !leader_) schedule_stand(now, config_.vote_timeout);
    vote_hold_until_ = now + config_.vote_hold;
  }
  promise(voted.term, from, VoteForOther{from, request.hand_over_of});
}

// The disk took its time; a leader that came into hearing meanwhile still vetoes.
void Election::send_granted(MonoTime now, const Promise& promise, const VoteForOther& vote) {
  VoteReply reply;
  reply.term = promise.term;
  reply.promised_term = promise.term;
  if (!is_handed_over(vote.candidate, vote.hand_over_of)) {
    if (const auto news = veto(now, vote.candidate)) {
      reply.answer = VoteAnswer::leader_alive;
      reply.news = *news;
    }
  }
  send(vote.candidate, reply);
}

}  // namespace titan::election
