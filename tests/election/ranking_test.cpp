// The arithmetic: who precedes whom, what is a majority, which of two leaders goes on.
#include <catch2/catch.hpp>

#include <rapidcheck.h>

#include <functional>
#include <string>

#include "election/ranking.h"
#include "tests/election/voters.h"

namespace titan::election {
namespace {

Voter random_voter() {
  Voter result = voter(*rc::gen::inRange<std::uint8_t>(1, 5));
  result.may_lead = *rc::gen::arbitrary<bool>();
  result.priority = *rc::gen::inRange<std::uint32_t>(0, 3);
  result.holds_all_pending = *rc::gen::arbitrary<bool>();
  result.reaches_cloud = *rc::gen::arbitrary<bool>();
  return result;
}

bool holds(const std::function<void()>& property, const std::string& text) {
  return rc::check(text, property);
}

}  // namespace

TEST_CASE("rank goes by eligibility, priority, pending entries, cloud, device") {
  Voter first = voter(2);
  Voter second = voter(1);
  CHECK(precedes(second, first));  // all equal: the smaller device
  first.reaches_cloud = true;
  CHECK(precedes(first, second));
  second.holds_all_pending = true;
  first.holds_all_pending = false;
  CHECK(precedes(second, first));
  first.priority = 1;
  CHECK(precedes(first, second));
  first.may_lead = false;
  CHECK(precedes(second, first));
}

TEST_CASE("precedence is a strict order") {
  CHECK(holds(
      [] {
        const Voter a = random_voter();
        const Voter b = random_voter();
        const Voter c = random_voter();
        RC_ASSERT(!precedes(a, a));
        RC_ASSERT(!(precedes(a, b) && precedes(b, a)));
        if (precedes(a, b) && precedes(b, c)) RC_ASSERT(precedes(a, c));
      },
      "irreflexive, asymmetric, transitive"));
}

TEST_CASE("the lost leader, the dead and the ineligible take no rank") {
  std::vector<Voter> others = {voter(1), voter(2), voter(3), voter(4)};
  others[1].alive = false;
  others[2].may_lead = false;
  CHECK(rank_of(voter(9), others, ProcessId{}) == 2);
  CHECK(rank_of(voter(9), others, process(1)) == 1);
}

TEST_CASE("a successor is in the view, not suspect, eligible and not tried before") {
  std::vector<Voter> others = {voter(1), voter(2), voter(3), voter(4)};
  others[0].suspect = true;
  others[3].reaches_cloud = true;
  others[3].priority = 0;
  CHECK(best_successor(others, {}, false) == process(4));  // reaches the cloud
  CHECK(best_successor(others, {process(4)}, false) == process(2));
  CHECK(best_successor(others, {}, true) == process(4));
  CHECK_FALSE(best_successor(others, {process(4)}, true));
  CHECK_FALSE(best_successor({}, {}, false));
}

TEST_CASE("more than half of the view elects") {
  std::vector<Voter> others = {voter(1), voter(2), voter(3)};
  std::map<ProcessId, VoteAnswer> answers = {{process(1), VoteAnswer::granted}};
  CHECK(tally_of(others, answers, true).electorate == 4);
  CHECK_FALSE(tally_of(others, answers, true).is_won());  // 2 of 4
  answers[process(2)] = VoteAnswer::granted;
  CHECK(tally_of(others, answers, true).is_won());
  CHECK_FALSE(tally_of(others, answers, false).is_won());  // the own vote is not stored yet

  answers = {{process(1), VoteAnswer::promised_higher}, {process(2), VoteAnswer::vote_pending}};
  CHECK(tally_of(others, answers, true).is_lost());
  answers.erase(process(2));
  CHECK_FALSE(tally_of(others, answers, true).is_lost());
}

TEST_CASE("a member confirmed dead counts only if it answers") {
  std::vector<Voter> others = {voter(1), voter(2)};
  others[0].alive = false;
  others[1].alive = false;
  CHECK(tally_of(others, {}, true).electorate == 1);
  CHECK(tally_of(others, {}, true).is_won());
  CHECK(tally_of(others, {{process(1), VoteAnswer::promised_higher}}, true).electorate == 2);
  CHECK_FALSE(tally_of(others, {{process(1), VoteAnswer::promised_higher}}, true).is_won());
}

TEST_CASE("two majorities of one view share a member") {
  CHECK(holds(
      [] {
        const auto count = *rc::gen::inRange<std::uint8_t>(1, 12);
        std::vector<Voter> others;
        std::map<ProcessId, VoteAnswer> one;
        std::map<ProcessId, VoteAnswer> other;
        for (std::uint8_t i = 1; i <= count; ++i) {
          others.push_back(voter(i));
          const bool to_one = *rc::gen::arbitrary<bool>();
          one[process(i)] = to_one ? VoteAnswer::granted : VoteAnswer::promised_higher;
          other[process(i)] = to_one ? VoteAnswer::promised_higher : VoteAnswer::granted;
        }
        // Nobody votes for both, whoever oneself votes for.
        RC_ASSERT(
            !(tally_of(others, one, true).is_won() && tally_of(others, other, false).is_won()));
      },
      "disjoint votes cannot both win"));
}

TEST_CASE("of two leaders the one with the cloud's lease goes on, then the bigger view") {
  const Standing lease{true, 1, {3, process(1)}};
  const Standing big{false, 29, {5, process(2)}};
  const Standing high{false, 2, {900, process(3)}};
  CHECK(lease > big);
  CHECK(big > high);
  CHECK(Standing{false, 2, {5, process(2)}} > Standing{false, 2, {5, process(1)}});
}

}  // namespace titan::election
