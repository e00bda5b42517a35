// The election of a store's leader: leases, terms, pre-vote with veto, hand-over. See section 6 of
// the design.
//
// Sans-IO and single-threaded. The host calls an input with `Now`, then take_effects(). It calls
// on_tick() no later than next_deadline(); calling it more often does no harm.
//
// Invariants (check_invariants() asserts them)
//  - A token is (term, own process id); one process never leads twice under one term. So no two
//    processes ever hold the same token, whatever is lost, delayed or repeated.
//  - A vote, also the one for oneself, and a raised term count only after the host reported the
//    promise behind them stored.
//  - Safety rests on no clock: a lease only tells a follower when to ask.
//
// Who is heard. A leader counts as heard by a member only through beats or news that list this
// member in the leader's view. So a leader that sends but hears nobody loses its followers, founds
// no veto and deposes nobody. (What is left of it: a leader that hears nobody for `deaf_after`
// although at least two others were in its view, and none of them said goodbye, steps down, and
// makes itself leader of a view of one only after `alone_wait`. A leader of a pair cannot tell its
// own deafness from the other's power switch and stays, alone; so does the last till of a shop
// whose others were switched off one by one. Both are harmless: leadership never decides whether a
// sale counts.)
//
// Who stands. A process that may lead, has been told its view, whose start wait is over and which
// hears no leader. One that may not lead votes and vetoes like any other. A stalled leader cannot
// know what it missed: with others in its view it steps down and asks for a pre-vote at once; who
// hears a new leader says so, otherwise it leads again a round trip later under a new token.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/time.h"
#include "election/config.h"
#include "election/effects.h"
#include "election/heard_leader.h"
#include "election/messages.h"
#include "election/promises.h"
#include "election/ranking.h"
#include "election/types.h"

namespace titan::election {

enum class Role { follower, pre_candidate, candidate, leader };

struct CloudState {
  bool reachable = false;    // this terminal's own way to the cloud, leader or not
  bool holds_lease = false;  // the cloud's lease row names our present token
};

class Election {
 public:
  // `stored_promise` and `highest_term_seen` (0 if unknown) come from disk. `config` is valid.
  Election(Config config, ProcessId self, DeviceId self_device, bool may_lead,
           std::uint32_t priority, Promise stored_promise, std::uint64_t highest_term_seen,
           Random random, Now now);

  // ---- inputs --------------------------------------------------------------------------------

  // Every remembered member, one Voter per device with its newest process, as SWIM sees it; several
  // for a device that runs several times. Call it at start (also with an empty list: nobody stands
  // before) and whenever anything in it changes. The own process may be in it or not: of that entry
  // only holds_all_pending is taken. At start the remembered members are to be alive and suspect:
  // they count until SWIM confirms them dead.
  void on_view(Now now, std::vector<Voter> voters);
  // `from` made the message, also when a third member relayed it.
  void on_message(Now now, const ProcessId& from, const Message& message);
  // With every SWIM probe and answer that came in, also one whose news is none: it is a sign that
  // we hear.
  void on_leader_news(Now now, const ProcessId& heard_from, const LeaderNews& news);
  // The promise, and all made before it, are durable.
  void on_promise_stored(Now now, const Promise& promise);
  void on_tick(Now now);
  // The own loop did not run for `stalled`: call it before any other input that waited meanwhile.
  void on_stalled(Now now, Duration stalled);
  void on_cloud(Now now, CloudState state);
  // The cloud or a shared store database refused our token in favour of `holder`. That deposes
  // nobody. If the holder is gone the own term is raised above its term, followers going along.
  void on_lease_refused(Now now, const Token& holder, bool holder_gone);
  // The connection to the leader was refused or closed and a probe of it failed: do not wait for
  // the lease to run out. Whoever still hears the leader vetoes.
  void on_leader_gone_hint(Now now);
  // Hands over if leading, then falls silent for good: has_left() says when.
  void leave(Now now);

  // When on_tick() is wanted next; MonoTime::never() if nothing is pending.
  MonoTime next_deadline() const;

  // ---- outputs -------------------------------------------------------------------------------

  Effects take_effects();
  Role role() const { return role_; }
  // The leader this process follows, or is; none while it hears no leader.
  std::optional<Token> leader() const;
  bool has_left() const { return left_; }
  const Promise& promise() const { return promises_.latest(); }
  std::uint64_t highest_term() const;
  // To piggyback on a probe or answer to `to`; a token of none when no leader is heard.
  LeaderNews news(Now now, const ProcessId& to) const;
  void check_invariants() const;

 private:
  // One round of asking every remembered member, for pre-votes or for votes.
  struct Round {
    std::uint64_t number = 0;  // 0: no round; a reply to an earlier one is ignored
    std::uint64_t term = 0;    // the latest that is promised, to this process; 0 in a pre-vote
    Token hand_over_of;        // of the leader that asked us to stand; its followers do not veto
    bool for_cloud = false;    // handed over because we reach the cloud
    // In a vote only once the own promise is stored: without it no majority makes a leader.
    bool own_vote_counts = false;
    // The last answer of each who answered; never of this process. Only those of others_ count.
    std::map<ProcessId, VoteAnswer> answers;
    MonoTime ends;       // the round has failed then
    MonoTime ask_again;  // who has not answered is asked once more
  };
  struct HandingOver {
    ProcessId to;  // the last of `tried`
    HandOverReason reason = HandOverReason::leaving;
    MonoTime ends;  // `to` has not made itself leader until then: the next one, or none
    std::vector<ProcessId> tried;  // at most config.hand_over_tries
  };

  // election.cpp: the view, time, what is heard
  void take_voters(std::vector<Voter> voters);
  const Voter* voter_like(const Voter& old) const;
  void note_members(MonoTime now);
  void note_sign_of_life(MonoTime now);
  void lapse(MonoTime now);
  void schedule_stand(MonoTime now, Duration extra);
  Duration rank_wait();
  void follow(MonoTime now, HeardLeader leader);
  void forget_leader(MonoTime now);
  void hear(MonoTime now, const LeaderNews& news, bool directly);
  void hear_as_follower(MonoTime now, const LeaderNews& news, bool directly);
  void note_rival(MonoTime now, const LeaderNews& news);
  const HeardLeader* live_leader(MonoTime now, const ProcessId& except) const;
  void observe_term(std::uint64_t term);
  Voter self_voter() const;
  std::uint32_t others_in_view() const;
  bool is_in_view(const ProcessId& process) const;

  // voting.cpp: asking and answering
  void start_pre_vote(MonoTime now);
  void start_vote(MonoTime now, const Token& hand_over_of);
  void open_round(MonoTime now, Role role, Duration length);
  void ask_silent();
  void count(MonoTime now);
  void fail_round(MonoTime now);
  void abandon_round();
  bool is_handed_over(const ProcessId& candidate, const Token& leadership) const;
  std::optional<LeaderNews> veto(MonoTime now, const ProcessId& candidate) const;
  void take_veto(MonoTime now, const ProcessId& by, const LeaderNews& news);
  void on_beat(MonoTime now, const ProcessId& from, const Beat& beat);
  void on_pre_vote_request(MonoTime now, const ProcessId& from, const PreVoteRequest& request);
  void on_pre_vote_reply(MonoTime now, const ProcessId& from, const PreVoteReply& reply);
  void on_vote_request(MonoTime now, const ProcessId& from, const VoteRequest& request);
  void on_vote_reply(MonoTime now, const ProcessId& from, const VoteReply& reply);
  void send_granted(MonoTime now, const Promise& promise, const VoteForOther& vote);

  // leading.cpp: what a leader does
  void become_leader(MonoTime now);
  void lead(MonoTime now);
  void send_beats(MonoTime now);
  LeaderNews own_news(MonoTime now, const ProcessId& to, bool whole_view) const;
  Standing own_standing(MonoTime now) const;
  void meet(MonoTime now, const LeaderNews& news, bool directly);
  void raise_term(std::uint64_t above);
  void finish_raise(MonoTime now, std::uint64_t term);
  void step_down(MonoTime now, StepDownReason reason, const Token& successor);
  bool is_deaf(MonoTime now) const;
  void check_cloud(MonoTime now);
  void start_hand_over(MonoTime now, const ProcessId& to, HandOverReason reason);
  void hand_over_next(MonoTime now);
  void finish_leave();
  void on_hand_over(MonoTime now, const ProcessId& from, const HandOver& message);
  void on_step_down(MonoTime now, const ProcessId& from, const StepDown& message);

  void send(const ProcessId& to, Message message);
  void promise(std::uint64_t term, const ProcessId& candidate, Withheld what);

  // Fixed for the life of the process.
  const Config config_;
  const ProcessId self_;
  const DeviceId self_device_;
  const bool may_lead_;
  const std::uint32_t priority_;
  Random random_;

  // The view.
  bool view_known_ = false;    // nobody stands before: an empty view would elect itself
  std::vector<Voter> others_;  // sorted by device, then process; without this one
  bool holds_all_pending_ = true;
  // Exactly the processes of others_ that are alive; since when each is without suspicion, never()
  // for those under it.
  std::map<ProcessId, MonoTime> in_view_since_;
  CloudState cloud_;
  MonoTime cloud_lost_at_;  // while it is out of reach: since then, or since this leadership began
  MonoTime cloud_hand_over_allowed_at_;

  // Terms and votes.
  Promises promises_;
  // Heard of anybody, and plausible then. Never falls; the own next term goes above it.
  std::uint64_t highest_term_ = 0;
  // Until then pre-votes are refused to all but the one voted for; in the past: to nobody.
  MonoTime vote_hold_until_;

  // As anyone.
  Role role_ = Role::follower;
  bool leaving_ = false;
  bool left_ = false;    // no input has an effect any more
  MonoTime last_heard_;  // any sign of life of anybody
  // Of these three each is of another process, and none of this one. The followed one stays while
  // a hand-over of it is voted on, and for that long its lease may have run out.
  std::optional<HeardLeader> leader_;  // followed; none as leader
  std::optional<HeardLeader> lost_;    // followed before; only later beats of it are signs of life
  std::optional<HeardLeader> rival_;   // another leader; it may have fallen silent since
  ProcessId successor_;  // whom the followed leader named when it stepped down; else of no meaning
  MonoTime lease_until_ = MonoTime::never();  // of leader_; never() without one
  // When a pre-vote starts; never() unless a follower that may lead and follows nobody.
  MonoTime stand_at_ = MonoTime::never();
  MonoTime alone_until_;        // no view of one elects itself earlier; over once someone is heard
  MonoTime start_until_;        // does not stand earlier
  std::uint32_t failures_ = 0;  // rounds failed in a row
  std::uint64_t round_number_ = 0;  // of the last round; rises with each, never starts over
  Round round_;                     // of a pre_candidate and a candidate, else empty

  // As leader.
  Token token_;                      // none unless leader; its term is promised and stored
  std::uint64_t last_led_term_ = 0;  // never falls: no term is led twice
  std::uint64_t raising_to_ = 0;     // above token_.term; 0: no raise waits for the disk
  std::uint64_t beat_ = 0;           // never starts over
  MonoTime beat_at_;
  MonoTime next_beat_at_ = MonoTime::never();  // never() unless leader
  std::uint32_t view_number_ = 0;              // rises when somebody enters or leaves the view
  std::uint32_t whole_views_due_ = 0;  // beats that still bring it; at most whole_view_repeats
  // When the view last held deaf_company_min others. Later than last_heard_: that company went
  // while nobody was heard, so it may be this process that is deaf.
  MonoTime company_at_;
  std::optional<HandingOver> handing_over_;  // only as leader

  Effects effects_;
};

}  // namespace titan::election
