// A store in two parts, each with its leader: who goes on when they meet, and who has the cloud.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/election/scene.h"

namespace titan::election::lab {

TEST_CASE("row 35: the leader that 29 tills follow stays when a tablet comes back, each time") {
  Lab lab({.seed = 35, .draw_process_ids = true});
  settle(lab, 30);
  const std::size_t leader = only_leader(lab);
  const std::size_t tablet = leader == 7 ? 8 : 7;
  for (int times = 0; times < 4; ++times) {
    for (std::size_t i = 0; i < lab.size(); ++i) lab.set_link(i, tablet, i == tablet);
    for (int restarts = 0; restarts <= times; ++restarts) {
      lab.run(seconds(4));
      lab.kill(tablet);
      lab.start(tablet);
    }
    lab.run(seconds(4));
    REQUIRE(lab.election(tablet)->role() == Role::leader);
    if (times > 1) REQUIRE(lab.last_token(tablet) > lab.last_token(leader));
    lab.heal();
    const bool agreed = agree(lab, seconds(5));
    INFO(told(lab));
    REQUIRE(agreed);
    CHECK(only_leader(lab) == leader);
    lab.run(seconds(8));
    CHECK(only_leader(lab) == leader);
  }
  count_no_broken_rule(lab);
}

TEST_CASE("row 19: 5|5 with the cloud in reach of both: one uplink, no flapping, then one leader") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Lab lab({.seed = seed, .draw_process_ids = true});
    settle(lab, 10);
    for (std::size_t i = 0; i < 10; ++i) lab.set_cloud(i, true);
    lab.run(seconds(2));
    REQUIRE(lab.lease_row() == lab.last_token(only_leader(lab)));
    const std::uint64_t moves = lab.lease_moves();
    split_in_halves(lab, 5);
    lab.run(seconds(60));
    INFO("seed " << seed << "\n" << told(lab));
    CHECK(lab.leaders().size() == 2);
    CHECK(lab.lease_moves() <= moves + 1);
    const Token holder = lab.lease_row();
    lab.heal();
    REQUIRE(agree(lab, seconds(5)));
    CHECK(lab.last_token(only_leader(lab)).process == holder.process);
    lab.run(seconds(10));
    CHECK(lab.disagreement().empty());
    count_no_broken_rule(lab);
  }
}

TEST_CASE("5|5 without a cloud: both sides lead, the heal leaves one") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Lab lab({.seed = seed, .draw_process_ids = true});
    settle(lab, 10);
    split_in_halves(lab, 5);
    lab.run(seconds(30));
    INFO("seed " << seed << "\n" << told(lab));
    CHECK(lab.leaders().size() == 2);
    lab.heal();
    REQUIRE(agree(lab, seconds(5)));
    const std::uint64_t elections = lab.elections_won();
    lab.run(seconds(10));
    CHECK(lab.disagreement().empty());
    CHECK(lab.elections_won() == elections);
    count_no_broken_rule(lab);
  }
}

TEST_CASE("the holder of the cloud's lease is gone: the refused leader rises above it") {
  Lab lab({.seed = 6});
  settle(lab, 3);
  const std::size_t leader = only_leader(lab);
  // A tablet far away takes the lease under a higher term, then its battery dies.
  const std::size_t tablet = 2;
  REQUIRE(leader != tablet);
  for (std::size_t i = 0; i < 3; ++i) {
    lab.set_cloud(i, true);
    if (i != tablet) lab.set_link(i, tablet, false);
  }
  lab.run(seconds(4));
  REQUIRE(lab.lease_row().process == lab.last_token(tablet).process);
  const Token before = lab.last_token(leader);
  lab.kill(tablet);
  lab.run(seconds(10));
  INFO(told(lab));
  CHECK(only_leader(lab) == leader);
  CHECK(lab.last_token(leader) > before);
  CHECK(lab.lease_row() == lab.last_token(leader));
  CHECK(lab.election(1)->leader() == lab.last_token(leader));
  CHECK(lab.elections_won() == 2);  // the first one, and the tablet's of itself
}

TEST_CASE("same seed, same trace") {
  std::vector<std::string> traces[2];
  for (auto& trace : traces) {
    Lab lab({.seed = 77, .draw_process_ids = true});
    settle(lab, 7);
    split_in_halves(lab, 3);
    lab.run(seconds(5));
    lab.heal();
    lab.run(seconds(5));
    trace = lab.whole_trace();
  }
  CHECK(traces[0].size() > 10);
  CHECK(traces[0] == traces[1]);
}

}  // namespace titan::election::lab
