#include "simulations/history/probe_finder.h"

#include <catch2/catch.hpp>

#include "tests/simulations/observing.h"

namespace titan::simulations {

using namespace testing;

namespace {

std::set<std::string> probes(const Story& story, bool has_cloud = false) {
  Scenario scenario;
  scenario.topology.terminals.resize(3);
  scenario.topology.cloud = has_cloud ? CloudPresence::reachable : CloudPresence::none;
  ProbeFinder finder(scenario);
  for (const auto& observed : story.observed()) finder.on_observed(observed);
  return finder.found();
}

}  // namespace

TEST_CASE("a quiet day reaches no rare path") {
  Story story(3);
  story.lead({0, 1, 2}, 1, 0).sell(1, entry({1, 1, "k", {{"apple", 0, 1}}, 1}));
  CHECK(probes(story).empty());
}

TEST_CASE("a cut with a sale on the lonely side, and two leaders") {
  Story story(3);
  story.lead({0, 1, 2}, 1, 0).cut({{0, 1, 3}, {0, 1, 3}, {2}, {0, 1, 3}});
  story.lead({2}, 2, 2).sell(2, entry({2, 1, "k", {{"apple", 0, 1}}, 1}));
  const auto found = probes(story, true);
  CHECK(found.contains("two-leaders"));
  CHECK(found.contains("leader-changed"));
  CHECK(found.contains("sold-during-cut"));
  CHECK(found.contains("sold-alone"));
  CHECK_FALSE(found.contains("sold-without-cloud"));
}

TEST_CASE("a killed leader, a polite one, and one that raises its term") {
  Story story(3);
  story.lead({0, 1, 2}, 1, 0);
  CHECK_FALSE(probes(story).contains("leader-crashed"));
  story.end(0, 0);
  CHECK(probes(story).contains("leader-crashed"));
  story.lead({1, 2}, 2, 1).lead({1, 2}, 5, 1);
  CHECK(probes(story).contains("raised-own-term"));
  CHECK_FALSE(probes(story).contains("leader-left"));
  Story handed_over = story;
  story.end(1, 1, true);
  CHECK(probes(story).contains("leader-left"));
  handed_over.lead({2}, 6, 2).in(50).end(1, 1, true);
  CHECK(probes(handed_over).contains("leader-left"));
}

TEST_CASE("a restored disk gets its own entries back and uses receipt numbers again") {
  const auto old = entry({0, 1, "a", {{"apple", 0, 1}}, 1});
  const auto fresh = entry({0, 1, "b", {{"apple", 0, 1}}, 1, 200});
  Story story(2);
  story.sell(0, old).end(0, 0).replace_disk(0, {}).start(0, 7).sell(0, fresh);
  CHECK(probes(story).contains("receipt-number-again"));
  CHECK(probes(story).contains("new-journal"));
  CHECK_FALSE(probes(story).contains("own-entries-came-back"));
  story.store({0}, old);
  CHECK(probes(story).contains("own-entries-came-back"));
}

TEST_CASE("a key for two baskets is refused, or recorded twice") {
  Story story(3);
  story.sell(1, entry({1, 1, "k", {{"apple", 0, 1}}, 1}));
  story.answer(1, "k", nullptr, RequestAnswered::Outcome::refused);
  CHECK_FALSE(probes(story).contains("key-refused"));  // one basket: refused for something else
  RequestSent other{1, "k", mesh::Kind::sale, id<Hash>(10), {}, {{"pear", 0, 1}}};
  story.tell(other).answer(1, "k", nullptr, RequestAnswered::Outcome::refused);
  CHECK(probes(story).contains("key-refused"));
  CHECK_FALSE(probes(story).contains("key-for-two-baskets"));
  EntryFacts second = *entry({1, 2, "k", {{"pear", 0, 1}}, 2});
  second.request_hash = id<Hash>(10);
  story.store({1}, std::make_shared<const EntryFacts>(second));
  CHECK(probes(story).contains("key-for-two-baskets"));
}

TEST_CASE("the cloud holds all, or not") {
  const auto sale = entry({0, 1, "a", {{"apple", 0, 1}}, 1});
  Story story(2);
  story.sell(0, sale);
  Story without = story;
  without.tell(RunEnded{});
  CHECK_FALSE(probes(without, true).contains("cloud-holds-all"));
  story.tell(CloudHolds{sale}).tell(RunEnded{});
  CHECK(probes(story, true).contains("cloud-holds-all"));
}

}  // namespace titan::simulations
