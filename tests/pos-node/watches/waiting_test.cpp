// What a terminal says it waits for, in which words, since when.
#include "pos-node/watches/waiting.h"

#include <catch2/catch.hpp>

using namespace titan;
using namespace titan::pos;

namespace {

constexpr WallTime noon{1'764'417'600'000};

Now at(int second) {
  return {{std::chrono::hours(10) + seconds(second)}, {noon.utc_ms + second * 1000}};
}

std::string whats(const std::vector<WaitingReport>& waiting) {
  std::string text;
  for (const WaitingReport& report : waiting) text += (text.empty() ? "" : " ") + report.what;
  return text;
}

WaitingFacts of_database(const std::string& state) {
  WaitingFacts facts;
  facts.store_database.state = state;
  return facts;
}

WaitingFacts of_uplink(const std::string& state) {
  WaitingFacts facts;
  facts.uplink.state = state;
  return facts;
}

}  // namespace

TEST_CASE("a till with all it needs waits for nothing") {
  WaitingFacts facts;
  facts.clock_quality = mesh::ClockQuality::synchronised;
  facts.store_database.state = "up";
  facts.uplink.state = "up";
  CHECK(judge_waiting(facts).empty());
  facts.is_alone = true;  // and knows nobody: a store of one
  CHECK(judge_waiting(facts).empty());
  facts.missing = 2;
  facts.is_alone = false;  // some are there: that is a cut, which health tells
  CHECK(judge_waiting(facts).empty());
}

TEST_CASE("each thing that is lacking is waited for, in the order to look into them") {
  WaitingFacts facts;
  facts.has_network = false;
  facts.mdns_problem = "the Avahi daemon does not run";
  facts.is_alone = true;
  facts.missing = 2;
  facts.uplink = {"connecting", "no answer", {}};
  facts.clock_quality = mesh::ClockQuality::implausible;
  facts.store_database.state = "starting";
  const auto waiting = judge_waiting(facts);
  CHECK(whats(waiting) == "network avahi other_terminals cloud time store_database");
  CHECK(waiting[1].message.find("the Avahi daemon does not run") != std::string::npos);
  CHECK(waiting[2].message.find("2 other tills") != std::string::npos);
  CHECK(waiting[4].message.find("1970-01-01") != std::string::npos);
}

TEST_CASE("states of duties that need waiting, and those that do not") {
  for (const char* state : {"starting", "filling", "failed", "refused"}) {
    CHECK(whats(judge_waiting(of_database(state))) == "store_database");
  }
  for (const char* state : {"off", "up"}) CHECK(judge_waiting(of_database(state)).empty());
  for (const char* state : {"connecting", "failed", "refused"}) {
    CHECK(whats(judge_waiting(of_uplink(state))) == "cloud");
  }
  for (const char* state : {"off", "up", "not_leader"}) {
    CHECK(judge_waiting(of_uplink(state)).empty());
  }
}

TEST_CASE("one line for whoever looks at the service") {
  CHECK(summary_line("leader", 1, 1, {}) == "leader; 1 of 1 till is here");
  CHECK(summary_line("follower", 3, 4, {{"cloud", {}, ""}, {"store_database", {}, ""}}) ==
        "follower; 3 of 4 tills are here; waits for cloud, store database");
}

TEST_CASE("a wait begins once, keeps its time and ends with what it took") {
  WaitingWatch watch;
  WaitingFacts facts;
  facts.has_network = false;
  CHECK(whats(watch.look(facts, at(0)).begun) == "network");
  facts.mdns_problem = "D-Bus";
  CHECK(whats(watch.look(facts, at(5)).begun) == "avahi");
  facts.mdns_problem = "the daemon";  // other words, the same wait
  CHECK(watch.look(facts, at(6)).begun.empty());
  auto waiting = watch.now_waiting(at(9));
  REQUIRE(whats(waiting) == "network avahi");
  CHECK(waiting[0].since == at(0).wall);
  CHECK(waiting[1].since == at(5).wall);
  CHECK(waiting[1].message.find("the daemon") != std::string::npos);
  // A clock that was set does not make it one of years.
  Now later = at(10);
  later.wall.utc_ms += std::int64_t{56} * 365 * 86'400'000;
  CHECK(later.wall.utc_ms - watch.now_waiting(later)[0].since.utc_ms == 10'000);
  facts.has_network = true;
  const auto change = watch.look(facts, at(20));
  REQUIRE(change.ended.size() == 1);
  CHECK(change.ended[0].what == "network");
  CHECK(change.ended[0].took == seconds(20));
  CHECK(whats(watch.now_waiting(at(20))) == "avahi");
}
