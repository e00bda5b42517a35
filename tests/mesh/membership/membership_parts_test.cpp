// The parts of membership by themselves: the arithmetic, the configuration, what is passed on.
#include <catch2/catch.hpp>

#include <cmath>

#include "tests/mesh/membership/single_inputs.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("suspicion arithmetic agrees with the papers' formulas", "[membership]") {
  for (std::uint32_t n = 1; n <= 1000; ++n) {
    CHECK(ceiling_log2(n) == static_cast<std::uint32_t>(std::ceil(std::log2(n))));
    CHECK(std::abs(static_cast<double>(log2_fixed(n)) / 65536 - std::log2(n)) < 1.0 / 30000);
  }
  const Duration min = milliseconds(1000), max = milliseconds(2000);
  CHECK(suspicion_timeout(min, max, 0, 3) == max);
  CHECK(suspicion_timeout(min, max, 1, 3) == milliseconds(1500));  // log 2 / log 4
  CHECK(suspicion_timeout(min, max, 3, 3) == min);
  CHECK(suspicion_timeout(min, max, 9, 3) == min);
  CHECK(suspicion_timeout(min, max, 0, 0) == min);
  CHECK(gossip_transmissions(3, 1) == 3);
  CHECK(gossip_transmissions(3, 10) == 12);
  CHECK(gossip_transmissions(3, 100) == 21);
  CHECK(suspicion_min(seconds(1), milliseconds(50), 10) == milliseconds(1200));
}

TEST_CASE("round trips are smoothed and bound the ack timeout", "[membership]") {
  RoundTrip round_trip;
  CHECK(round_trip.ack_timeout(Duration(100), Duration(10), Duration(200)) == Duration(100));
  round_trip.add(Duration(40));
  CHECK(round_trip.last() == Duration(40));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(10), Duration(200)) == Duration(120));
  for (int i = 0; i < 100; ++i) round_trip.add(Duration(40));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(10), Duration(200)) <= Duration(48));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(60), Duration(200)) == Duration(60));
  round_trip.add(Duration(9000));
  CHECK(round_trip.ack_timeout(Duration(100), Duration(60), Duration(200)) == Duration(200));
}

TEST_CASE("both profiles are valid and every wrong value is named", "[membership]") {
  CHECK(MembershipConfig::wired().validate().empty());
  CHECK(MembershipConfig::wireless().validate().empty());
  MembershipConfig config;
  config.ack_timeout_max = milliseconds(150);
  config.gossip_fanout = 0;
  config.suspicion_refused = seconds(2);
  const auto complaints = config.validate();
  REQUIRE(complaints.size() == 3);
  CHECK(complaints[0].find("probe_interval") != std::string::npos);
  CHECK(complaints[1].find("suspicion_refused") != std::string::npos);
  CHECK(complaints[2].find("gossip_fanout") != std::string::npos);
}

TEST_CASE("gossip sends what was sent least, then the newest, each so many times", "[membership]") {
  GossipQueue queue;
  for (std::uint8_t i = 1; i <= 4; ++i) queue.put(said(terminal(i), MemberState::alive, 1));
  const ProcessId receiver = terminal(9).process;
  const auto first = queue.take(receiver, 2, 2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].member == terminal(4));
  CHECK(first[1].member == terminal(3));
  const auto second = queue.take(receiver, 3, 2);
  REQUIRE(second.size() == 3);
  CHECK(second[0].member == terminal(2));
  CHECK(second[1].member == terminal(1));
  CHECK(second[2].member == terminal(4));
  CHECK(queue.size() == 3);
  // Nobody is told that he is alive himself, but he is told what is said against him.
  CHECK(queue.take(terminal(1).process, 9, 9).size() == 2);
  queue.put(said(terminal(1), MemberState::suspect, 1));
  CHECK(queue.take(terminal(1).process, 9, 9).front().member == terminal(1));
}

TEST_CASE("a ring gives everyone a turn in each round, newcomers too", "[membership]") {
  Random random(3);
  Ring ring;
  for (std::uint8_t i = 1; i <= 5; ++i) ring.insert(terminal(i).process, random);
  ring.advance(random, true);
  ring.advance(random, true);
  ring.insert(terminal(6).process, random);
  ring.remove(terminal(1).process);
  std::map<ProcessId, int> turns;
  for (int i = 0; i < 5 * 4 + 10; ++i) ++turns[*ring.advance(random, true)];
  CHECK(turns.size() == 5);
  for (const auto& [process, count] : turns) CHECK(count >= 4);
}
