// The arithmetic of an election, without state: who precedes whom, how many votes are enough, which
// of two leaders goes on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "election/messages.h"
#include "election/types.h"

namespace titan::election {

// Eligibility, priority, holds all pending entries, reaches the cloud, then the smaller device id:
// a strict order over the devices of a store, the same on every member that knows the same.
bool precedes(const Voter& left, const Voter& right);

// How many members of the view, `lost_leader` aside, precede `self`. Devices whose present process
// is unknown count: after a power cut they are starting, too.
std::uint32_t rank_of(const Voter& self, const std::vector<Voter>& others,
                      const ProcessId& lost_leader);

// The best-ranked member that a leader could hand over to: in the view, not suspect, eligible, not
// in `tried`; with `needs_cloud` one that reaches it.
std::optional<ProcessId> best_successor(const std::vector<Voter>& others,
                                        const std::vector<ProcessId>& tried, bool needs_cloud);

// A round of asking, counted over the view. Who answered belongs to it also if the view has
// given it up meanwhile: it is evidently alive.
struct Tally {
  std::uint32_t electorate = 1;  // oneself included
  std::uint32_t granted = 0;
  std::uint32_t refused = 0;

  // More than half of the electorate.
  bool is_won() const { return granted * 2 > electorate; }
  // Even with the vote of everyone who has not answered it cannot be won.
  bool is_lost() const { return (electorate - refused) * 2 <= electorate; }
};
Tally tally_of(const std::vector<Voter>& others, const std::map<ProcessId, VoteAnswer>& answers,
               bool own_vote_counts);

// What decides between two leaders that meet: the cloud's lease, then the size of the view, then
// the token. Compared in that order; the greater goes on.
struct Standing {
  bool holds_cloud_lease = false;
  std::uint32_t view_size = 0;
  Token token;

  auto operator<=>(const Standing&) const = default;
};

}  // namespace titan::election
