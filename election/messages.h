// What elections say to each other. Plain structs: the mesh's wire code encodes them.
//
// `from` of a message is always the process that made it, also when a third member relayed it.
#pragma once

#include <cstdint>
#include <variant>

#include "election/types.h"

namespace titan::election {

// Wire numbers: append only.
enum class VoteAnswer : std::uint8_t {
  granted = 0,
  leader_alive = 1,     // a veto: `news` proves a leader that the answering member hears
  promised_higher = 2,  // `promised_term` says what the candidate must go above
  vote_pending = 3,     // just voted for another, whose election should come to its end first
};

enum class HandOverReason : std::uint8_t {
  leaving = 0,  // the leader stops or updates
  cloud = 1,    // the leader cannot reach the cloud, the receiver can
};

enum class StepDownReason : std::uint8_t {
  handed_over = 0,
  leaving = 1,
  met_better_leader = 2,
  hears_nobody = 3,
  stalled = 4,
};

// Leader -> every member of its view, every beat interval. `news.view_is_whole` for the first beats
// of a changed view and now and then afterwards.
struct Beat {
  LeaderNews news;
};

// Would you vote for me? Changes nothing at the receiver.
struct PreVoteRequest {
  std::uint64_t round = 0;  // of the asking process; the answer repeats it
};

struct PreVoteReply {
  std::uint64_t round = 0;
  VoteAnswer answer = VoteAnswer::granted;
  std::uint64_t promised_term = 0;  // so that the candidate's term is right at the first try
  LeaderNews news;                  // with leader_alive
};

struct VoteRequest {
  std::uint64_t term = 0;
  // The leadership that is being handed over to the candidate; its followers do not veto then.
  Token hand_over_of;
};

// Sent only after the promise behind it is on disk.
struct VoteReply {
  std::uint64_t term = 0;
  VoteAnswer answer = VoteAnswer::granted;
  std::uint64_t promised_term = 0;
  LeaderNews news;  // with leader_alive
};

// Leader -> the follower that shall lead.
struct HandOver {
  Token token;  // the leader's
  HandOverReason reason = HandOverReason::leaving;
};

// Leader -> its view: do not wait for my lease to run out. With a successor the receivers wait for
// its beat; without one they elect.
struct StepDown {
  Token token;
  StepDownReason reason = StepDownReason::leaving;
  Token successor;
};

using Message =
    std::variant<Beat, PreVoteRequest, PreVoteReply, VoteRequest, VoteReply, HandOver, StepDown>;

}  // namespace titan::election
