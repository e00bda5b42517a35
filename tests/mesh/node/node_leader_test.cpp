// Who leads a store whose tills die, stall or do not hear.
#include <catch2/catch.hpp>

#include "tests/mesh/node/cluster_checks.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("a leader's crash brings another within a second", "[node]") {
  Cluster cluster({.tills = 5, .seed = 3});
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  cluster.run_for(seconds(3));
  const std::size_t first = *cluster.leader();
  cluster.crash(first);
  INFO(cluster.describe());
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(1)));
  CHECK(*cluster.leader() != first);
  const std::size_t second = *cluster.leader();
  cluster.start(first);
  cluster.run_for(seconds(5));
  CHECK(cluster.has_one_leader());
  CHECK(cluster.leader() == second);  // a healthy leader is never replaced
}

TEST_CASE("mass restart: one leader within the bound, nothing lost", "[node]") {
  Cluster cluster({.tills = 10, .seed = 21, .check_every_step = false});
  cluster.run_for(seconds(4));
  for (std::size_t i = 0; i < 10; ++i) cluster.sell(i, "milk", 1);
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(0).vector().entry_count() == 10; },
      seconds(2)));
  for (std::size_t i = 0; i < 10; ++i) cluster.crash(i);
  cluster.run_for(seconds(1));
  for (std::size_t i = 0; i < 10; ++i) cluster.start(i);
  const bool led = cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5));
  INFO(cluster.describe());
  REQUIRE(led);
  CHECK(cluster.node(4).vector().entry_count() == 10);
}

TEST_CASE("a stall of a follower for a second deposes nobody", "[node]") {
  Cluster cluster({.tills = 4, .seed = 2});
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  cluster.run_for(seconds(3));
  const std::size_t first = *cluster.leader();
  cluster.stall((first + 1) % 4, seconds(1));
  cluster.run_for(seconds(4));
  CHECK(cluster.has_one_leader());
  CHECK(cluster.leader() == first);
}

// Field report 34. Its beats go out for a while although it hears nobody, then its connections end.
TEST_CASE("a leader whose ear was dead for a moment does not depose the one elected meanwhile",
          "[node]") {
  const int deaf_ms = GENERATE(range(600, 2600, 100));
  const std::uint64_t seed = GENERATE(range(1, 13));
  Cluster cluster({.tills = 5,
                   .seed = seed,
                   .cut_noticed = milliseconds(400 + 50 * static_cast<int>(seed)),
                   .check_every_step = false});
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  cluster.run_for(seconds(7));
  const std::size_t first = *cluster.leader();
  for (std::size_t other = 0; other < 5; ++other) {
    if (other != first) cluster.cut_one_way(other, first);
  }
  cluster.run_for(milliseconds(deaf_ms));
  std::optional<std::size_t> elected;
  for (std::size_t other = 0; other < 5; ++other) {
    if (other != first && cluster.node(other).is_leader()) elected = other;
  }
  cluster.heal();
  INFO("deaf for " << deaf_ms << " ms, seed " << seed << "\n" << cluster.describe());
  CHECK(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  cluster.run_for(seconds(2));
  CHECK(cluster.has_one_leader());
  if (elected) CHECK(cluster.leader() == elected);
}
