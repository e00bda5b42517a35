#include "simulations/scenario/random_scenario.h"

#include <catch2/catch.hpp>
#include <map>

#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

TEST_CASE("random scenarios are valid, healed in time, and of every kind") {
  std::map<FaultKind, int> kinds;
  std::map<std::size_t, int> sizes;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Scenario scenario = random_scenario(seed);
    const auto complaints = validate(scenario);
    if (!complaints.empty()) {
      INFO("seed " << seed << ": " << complaints.front().path << ": "
                   << complaints.front().message);
      REQUIRE(complaints.empty());
    }
    ++sizes[scenario.topology.terminals.size()];
    for (const auto& fault : scenario.faults) {
      ++kinds[fault.kind];
      REQUIRE(fault.at + fault.lasts.value_or(Duration(0)) <= scenario.lasts);
    }
  }
  for (const auto& row : fault_table()) {
    INFO(row.name);
    CHECK(kinds[row.kind] > 10);
  }
  CHECK(sizes.size() > 8);
}

TEST_CASE("the same seed gives the same scenario") {
  for (std::uint64_t seed : {0ULL, 1ULL, 77ULL, ~0ULL}) {
    CHECK(scenario_json(random_scenario(seed)) == scenario_json(random_scenario(seed)));
  }
  CHECK(scenario_json(random_scenario(1)) != scenario_json(random_scenario(2)));
}

}  // namespace titan::simulations
