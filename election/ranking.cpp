#include "election/ranking.h"

#include <algorithm>
#include <tuple>

namespace titan::election {
namespace {

auto rank_key(const Voter& voter) {
  // Smaller comes first: the flags and the priority are turned round.
  return std::tuple(!voter.may_lead, ~voter.priority, !voter.holds_all_pending,
                    !voter.reaches_cloud, voter.device, voter.process);
}

}  // namespace

bool precedes(const Voter& left, const Voter& right) {
  return rank_key(left) < rank_key(right);
}

std::uint32_t rank_of(const Voter& self, const std::vector<Voter>& others,
                      const ProcessId& lost_leader) {
  std::uint32_t rank = 0;
  for (const Voter& other : others) {
    if (!other.alive || !other.may_lead) continue;
    if (!lost_leader.is_none() && other.process == lost_leader) continue;
    if (precedes(other, self)) ++rank;
  }
  return rank;
}

std::optional<ProcessId> best_successor(const std::vector<Voter>& others,
                                        const std::vector<ProcessId>& tried, bool needs_cloud) {
  const Voter* best = nullptr;
  for (const Voter& other : others) {
    if (!other.alive || other.suspect || !other.may_lead || other.process.is_none()) continue;
    if (needs_cloud && !other.reaches_cloud) continue;
    if (std::find(tried.begin(), tried.end(), other.process) != tried.end()) continue;
    if (best == nullptr || precedes(other, *best)) best = &other;
  }
  if (best == nullptr) return std::nullopt;
  return best->process;
}

Tally tally_of(const std::vector<Voter>& others, const std::map<ProcessId, VoteAnswer>& answers,
               bool own_vote_counts) {
  Tally tally;
  if (own_vote_counts) tally.granted = 1;
  for (const Voter& other : others) {
    const auto answer = other.process.is_none() ? answers.end() : answers.find(other.process);
    const bool answered = answer != answers.end();
    if (!other.alive && !answered) continue;
    ++tally.electorate;
    if (!answered) continue;
    if (answer->second == VoteAnswer::granted) {
      ++tally.granted;
    } else {
      ++tally.refused;
    }
  }
  return tally;
}

}  // namespace titan::election
