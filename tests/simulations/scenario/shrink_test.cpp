#include "simulations/scenario/shrink.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "simulations/scenario/random_scenario.h"

namespace titan::simulations {

namespace {

// A bug that needs a crash of till-1 and a store of two.
bool has_crash_of_first(const Scenario& scenario) {
  return scenario.topology.terminals.size() >= 2 &&
         std::any_of(scenario.faults.begin(), scenario.faults.end(), [](const Fault& fault) {
           return fault.kind == FaultKind::crash &&
                  std::count(fault.targets.begin(), fault.targets.end(),
                             Target{Target::Role::named, "till-1"}) != 0;
         });
}

}  // namespace

TEST_CASE("a failing scenario loses what the failure does not need") {
  std::size_t tried = 0;
  for (std::uint64_t seed = 0; seed < 4000 && tried < 12; ++seed) {
    const Scenario scenario = random_scenario(seed);
    if (!has_crash_of_first(scenario)) continue;
    ++tried;
    std::uint32_t asked = 0;
    const auto shrunk = shrink(scenario, [&](const Scenario& candidate) {
      ++asked;
      REQUIRE(validate(candidate).empty());
      return has_crash_of_first(candidate);
    });
    INFO("seed " << seed);
    CHECK(shrunk.is_finished);
    CHECK(shrunk.tries == asked);
    CHECK(has_crash_of_first(shrunk.scenario));
    CHECK(shrunk.scenario.faults.size() == 1);
    CHECK(shrunk.scenario.topology.terminals.size() == 2);
    CHECK(shrunk.scenario.topology.switches.empty());
    CHECK(shrunk.scenario.workload.products == 1);
    CHECK(shrunk.scenario.seed == scenario.seed);
  }
  CHECK(tried == 12);
}

TEST_CASE("shrinking stops when its tries run out, with something that still fails") {
  for (std::uint64_t seed = 0;; ++seed) {
    const Scenario scenario = random_scenario(seed);
    if (!has_crash_of_first(scenario) || scenario.faults.size() < 4) continue;
    const auto shrunk = shrink(scenario, has_crash_of_first, {.tries_max = 3});
    CHECK(shrunk.tries == 3);
    CHECK_FALSE(shrunk.is_finished);
    CHECK(has_crash_of_first(shrunk.scenario));
    break;
  }
}

}  // namespace titan::simulations
