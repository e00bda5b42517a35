// M1, M2, M3, elections and failover on hand-written histories.
#include <catch2/catch.hpp>

#include "tests/simulations/checkers/judging.h"

namespace titan::simulations {

using namespace testing;

TEST_CASE("M1: leaders under tokens of their own, across a restart under a new id") {
  Story story(2);
  story.lead({0, 1}, 1, 0).end(0, 0).lead({1}, 2, 1).start(0, 7).lead({0, 1}, 3, 7);
  CHECK(judge("M1", store_of(2), story) == "");
}

TEST_CASE("M1: a process id used again") {
  Story story(2);
  story.end(0, 0).start(0, 0);
  CHECK(has(judge("M1", store_of(2), story), "till-1 started under the process id"));
}

TEST_CASE("M1: the token of another process") {
  Story story(2);
  story.tell(LeaderReported{1, token(4, 0), true});
  CHECK(has(judge("M1", store_of(2), story), "the token of another process"));
}

TEST_CASE("M1: a vote given twice, also across a restart, but not after the disk was replaced") {
  Story story(3);
  story.tell(VoteGranted{2, 5, process(0)}).tell(VoteGranted{2, 5, process(0)});
  CHECK(judge("M1", store_of(3), story) == "");
  Story twice = story;
  twice.end(2, 2).start(2, 8).tell(VoteGranted{2, 5, process(1)});
  CHECK(has(judge("M1", store_of(3), twice), "till-3 voted twice in term 5"));
  Story restored = story;
  restored.end(2, 2).replace_disk(2, {}).start(2, 8).tell(VoteGranted{2, 5, process(1)});
  CHECK(judge("M1", store_of(3), restored) == "");
}

TEST_CASE("M1: who voted for another does not lead in that term") {
  Story story(2);
  story.tell(VoteGranted{0, 5, process(1)}).lead({0}, 5, 0);
  CHECK(has(judge("M1", store_of(2), story), "till-1 voted twice in term 5"));
}

TEST_CASE("M2: the lease row goes up, and may be taken again under the same token") {
  Story story(2);
  story.tell(LeaseGranted{0, token(1, 0)}).tell(LeaseGranted{0, token(1, 0)});
  story.tell(LeaseGranted{1, token(2, 1)});
  CHECK(judge("M2", store_of(2), story) == "");
  story.tell(LeaseGranted{0, token(1, 0)});
  CHECK(has(judge("M2", store_of(2), story), "granted the lease to till-1"));
  CHECK(has(judge("M6", store_of(2), story), "two uplinks"));
}

TEST_CASE("M2: a store database is not written under a lower token") {
  const auto sale = entry({0, 1, "a"});
  Story story(2);
  story.tell(DatabaseOpened{2, 0}).tell(DatabaseHolds{2, sale, token(3, 0)});
  CHECK(judge("M2", store_of(2), story) == "");
  Story other = story;
  other.tell(DatabaseHolds{0, sale, token(2, 1)});  // another database
  CHECK(judge("M2", store_of(2), other) == "");
  story.tell(DatabaseHolds{2, sale, token(2, 1)});
  CHECK(has(judge("M2", store_of(2), story), "after it was written under"));
}

TEST_CASE("M3: one leader that all follow, and a new one in time after a crash") {
  Story story(3);
  story.in(800).lead({0, 1, 2}, 1, 0).in(60'000).end(0, 0).in(900).lead({1, 2}, 2, 1).in(60'000);
  CHECK(judge("M3", store_of(3), story) == "");
}

TEST_CASE("M3: nobody leads for longer than the bound") {
  Story story(3);
  story.in(5'001).lead({0, 1, 2}, 1, 0);
  CHECK(has(judge("M3", store_of(3), story), "nobody leads"));
  Scenario patient = store_of(3);
  patient.bounds.leader_within = seconds(6);
  CHECK(judge("M3", patient, story) == "");
  Scenario wireless = store_of(3);
  wireless.topology.timing = Timing::wireless;
  CHECK(judge("M3", wireless, story) == "");
}

TEST_CASE("M3: the end of the run finds it too") {
  Story story(2);
  story.in(10'000);
  CHECK(has(judge("M3", store_of(2), story), "nobody leads"));
}

TEST_CASE("M3: two leaders, or one that somebody does not follow") {
  Story two(3);
  two.lead({0, 1}, 1, 0).lead({2}, 2, 2).in(6'000);
  CHECK(has(judge("M3", store_of(3), two), "till-1, till-3 all lead"));
  Story deaf(3);
  deaf.lead({0, 1, 2}, 1, 0).lead({1, 0}, 2, 1).in(6'000);
  CHECK(has(judge("M3", store_of(3), deaf), "till-3 follows 1."));
}

TEST_CASE("M3: each side of a cut has its own leader; whoever cannot lead is not asked") {
  Story story(3);
  story.lead({0, 1, 2}, 1, 0).cut({{0, 1, 3}, {0, 1, 3}, {2}, {0, 1, 3}});
  Story without = story;
  without.in(6'000);
  CHECK(has(judge("M3", store_of(3), without), "(together: till-3)"));
  Scenario tablet = store_of(3);
  tablet.topology.terminals[2].may_lead = false;
  CHECK(judge("M3", tablet, without) == "");
  story.in(900).lead({2}, 2, 2).in(20'000).mend().in(300).lead({0, 1, 2}, 3, 0).in(9'000);
  CHECK(judge("M3", store_of(3), story) == "");
}

TEST_CASE("M3: a stalled terminal is not asked; two relays are too many") {
  Story stalled(2);
  stalled.lead({0, 1}, 1, 0).cut({{0, 2}, {}, {0, 2}}).in(60'000).mend();
  CHECK(judge("M3", store_of(2), stalled) == "");
  Story chain(4);
  chain.cut({{0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 3}, {4}}).in(60'000);
  CHECK(judge("M3", store_of(4), chain) == "");
}

TEST_CASE("failover: a leader that dies, or is cut off, may be replaced; a healthy one not") {
  Story crash(3);
  crash.lead({0, 1, 2}, 1, 0).in(60'000).end(0, 0).in(500).lead({1, 2}, 2, 1);
  CHECK(judge("failover", store_of(3), crash) == "");
  Story healthy(3);
  healthy.lead({0, 1, 2}, 1, 0).in(60'000).lead({1, 0, 2}, 2, 1);
  CHECK(has(judge("failover", store_of(3), healthy), "till-2 became leader"));
  Story own(3);
  own.lead({0, 1, 2}, 1, 0).in(60'000).lead({0, 1, 2}, 7, 0);
  CHECK(judge("failover", store_of(3), own) == "");
}

TEST_CASE("failover: who cannot reach the cloud may hand over") {
  const Scenario scenario = store_of(3, CloudPresence::reachable);
  Story story(3);
  story.lead({0, 1, 2}, 1, 0).cut({{0, 1, 2}, {0, 1, 2, 3}, {0, 1, 2, 3}, {1, 2, 3}});
  story.in(31'000).lead({1, 0, 2}, 2, 1);
  CHECK(judge("failover", scenario, story) == "");
  CHECK(has(judge("failover", store_of(3), story), "till-2 became leader"));
}

TEST_CASE("elections: no more than the scenario allows, and they end") {
  Story story(2);
  story.lead({0, 1}, 1, 0).lead({1, 0}, 2, 1).lead({0, 1}, 3, 0);
  Scenario two = store_of(2);
  two.bounds.takeovers_max = 2;
  CHECK(judge("elections", two, story) == "");
  Scenario one = store_of(2);
  one.bounds.takeovers_max = 1;
  CHECK(has(judge("elections", one, story), "takeover 2 of at most 1"));
  CHECK(judge("elections", store_of(2), story) == "");
  for (std::uint64_t term = 4; term < 12; term += 2) {
    story.lead({1, 0}, term, 1).lead({0, 1}, term + 1, 0);
  }
  CHECK(has(judge("elections", store_of(2), story), "the elections do not end"));
}

}  // namespace titan::simulations
