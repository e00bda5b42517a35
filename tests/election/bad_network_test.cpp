// Stalls, lost frames, links that are missing: what brings no election, and what a deaf leader
// brings.
#include <catch2/catch.hpp>

#include <vector>

#include "tests/election/scene.h"

namespace titan::election::lab {

TEST_CASE("row 16: an hour of followers stalling for a second each brings no election") {
  Lab lab({.seed = 16});
  settle(lab, 5);
  const std::size_t leader = only_leader(lab);
  Random random(99);
  while (lab.elapsed() < seconds(3600)) {
    const std::size_t follower = random.below(lab.size());
    if (follower != leader) lab.stall(follower, seconds(1));
    lab.run(milliseconds(200 + random.below(2000)));
  }
  lab.run(seconds(2));
  INFO(told(lab));
  CHECK(lab.elections_won() == 1);
  CHECK(lab.step_downs() == 0);
  CHECK(only_leader(lab) == leader);
  CHECK(lab.disagreement().empty());
}

TEST_CASE("row 15: a tenth of all frames lost for ten minutes brings no election") {
  LabConfig config;
  config.seed = 15;
  config.delay_spread = milliseconds(20);
  Lab lab(config);
  settle(lab, 6);
  lab.set_loss({10, 100});
  lab.run(seconds(600));
  INFO(told(lab));
  CHECK(lab.elections_won() == 1);
  CHECK(lab.step_downs() == 0);
}

TEST_CASE("row 27: pairs that hear each other only through a third keep the healthy leader") {
  // Each follower in turn is cut from the leader, and all followers but one at once.
  Lab lab({.seed = 27});
  settle(lab, 6);
  const std::size_t leader = only_leader(lab);
  std::size_t kept = lab.size() - 1;
  if (kept == leader) --kept;
  for (std::size_t i = 0; i < lab.size(); ++i) {
    if (i != leader && i != kept) lab.set_link(leader, i, false);
  }
  lab.run(seconds(120));
  INFO(told(lab));
  CHECK(lab.elections_won() == 1);
  CHECK(only_leader(lab) == leader);
  // The one that connects them stalls for two seconds; afterwards all agree again.
  lab.stall(kept, seconds(2));
  lab.run(seconds(2));
  CHECK(agree(lab, seconds(5)));
  count_no_broken_rule(lab);
}

TEST_CASE("row 27: tills that hear each other only around a ring keep their leader") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Lab lab({.seed = seed, .draw_process_ids = true});
    settle(lab, 5);
    // Every till reaches its two neighbours on the ring, the others through one of them.
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = i + 1; j < 5; ++j) {
        if (j - i == 2 || j - i == 3) lab.set_link(i, j, false);
      }
    }
    REQUIRE(lab.is_one_component());
    lab.run(seconds(10));
    INFO("seed " << seed << "\n" << told(lab));
    CHECK(lab.elections_won() == 1);
    CHECK(lab.disagreement().empty());
    count_no_broken_rule(lab);
  }
}

TEST_CASE("row 27: one of two hubs dies as leader; the rest elects through the other within 1 s") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Lab lab({.seed = seed, .draw_process_ids = true});
    settle(lab, 6);
    REQUIRE(only_leader(lab) == 0);
    for (std::size_t i = 2; i < 6; ++i) {
      for (std::size_t j = i + 1; j < 6; ++j) lab.set_link(i, j, false);
    }
    lab.run(seconds(10));
    CHECK(lab.elections_won() == 1);
    lab.kill(0);
    REQUIRE(lab.is_one_component());
    const bool agreed = agree(lab, seconds(1));
    INFO("seed " << seed << "\n" << told(lab));
    CHECK(agreed);
    count_no_broken_rule(lab);
  }
}

TEST_CASE("row 34: a deaf leader of ten is replaced within 5 s and steps down") {
  Lab lab({.seed = 34});
  settle(lab, 10);
  const std::size_t deaf = only_leader(lab);
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < lab.size(); ++i) {
    if (i == deaf) continue;
    lab.set_one_way(i, deaf, false);
    rest.push_back(i);
  }
  const Duration before = lab.elapsed();
  const bool replaced = lab.run_until(
      [&] {
        const auto leader = lab.election(rest[0])->leader();
        return lab.disagreement(rest).empty() && leader && leader != lab.last_token(deaf);
      },
      seconds(5));
  INFO("after " << in_ms(lab.elapsed() - before) << " ms\n" << told(lab));
  REQUIRE(replaced);
  CHECK(lab.run_until([&] { return lab.election(deaf)->role() != Role::leader; }, seconds(3)));
  const std::uint64_t elections = lab.elections_won();
  lab.run(seconds(20));
  // The rest keeps its leader; the deaf one may have become leader of itself.
  CHECK(lab.disagreement(rest).empty());
  CHECK(lab.elections_won() <= elections + 1);
  const auto followed = lab.election(rest[0])->leader();
  lab.heal();
  CHECK(agree(lab, seconds(5)));
  CHECK(lab.election(deaf)->leader()->process == followed->process);
  count_no_broken_rule(lab);
}

TEST_CASE("wireless: roaming gaps of 3 s bring no election") {
  LabConfig config;
  config.seed = 30;
  config.election = Config::wireless();
  config.delay_spread = milliseconds(40);
  config.probe_interval = seconds(1);
  config.suspect_after = seconds(2);
  config.dead_after = seconds(8);
  Lab lab(config);
  add_many(lab, 5);
  start_all(lab);
  REQUIRE(agree(lab, seconds(30)));
  Random random(30);
  for (int gap = 0; gap < 100; ++gap) {
    lab.run(seconds(3 + random.below(5)));
    const std::size_t away = random.below(5);
    for (std::size_t i = 0; i < 5; ++i) {
      if (i != away) lab.set_link(i, away, false);
    }
    lab.run(seconds(3));
    lab.heal();
  }
  INFO(told(lab));
  CHECK(lab.elections_won() == 1);
}

}  // namespace titan::election::lab
