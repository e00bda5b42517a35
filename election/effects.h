// What an election leaves for its host: messages to send, promises to store, events to act on.
//
// Each list is in order. A host sends and stores as it likes between the lists: what must wait for
// the disk is withheld inside the election until on_promise_stored().
#pragma once

#include <variant>
#include <vector>

#include "election/messages.h"
#include "election/types.h"

namespace titan::election {

struct Send {
  ProcessId to;
  Message message;
  // Where no direct way exists the host sends it through a third member. That holds for all
  // messages: also beats, since the news in probes alone comes too seldom for a lease when few
  // members hear the leader themselves.
  bool may_relay = true;
};

// Take up the leader's duties under `token`.
struct BecameLeader {
  Token token;
};

// Still leader, under a higher token: use it for the uplink and the store database from now on.
struct TokenRaised {
  Token from;
  Token to;
};

// Give up the leader's duties. There is no leader until a LeaderChanged says so.
struct SteppedDown {
  Token token;
  StepDownReason reason = StepDownReason::leaving;
  Token successor;
};

// A follower follows `token` now; none: it hears no leader.
struct LeaderChanged {
  Token token;
};

// The remaining events only tell; nothing has to be done about them.
struct PreVoteStarted {
  std::uint64_t round = 0;
  std::uint32_t rank = 0;
  std::uint32_t electorate = 0;
};
struct VoteStarted {
  std::uint64_t term = 0;
  std::uint32_t electorate = 0;
};
struct Vetoed {
  ProcessId by;
  Token leader;
};
struct RoundFailed {
  std::uint32_t granted = 0;
  std::uint32_t electorate = 0;
};
struct HandOverStarted {
  ProcessId to;
  HandOverReason reason = HandOverReason::leaving;
};

using Event = std::variant<BecameLeader, TokenRaised, SteppedDown, LeaderChanged, PreVoteStarted,
                           VoteStarted, Vetoed, RoundFailed, HandOverStarted>;

struct Effects {
  std::vector<Send> sends;
  std::vector<Promise> promises;
  std::vector<Event> events;

  bool empty() const { return sends.empty() && promises.empty() && events.empty(); }
};

}  // namespace titan::election
