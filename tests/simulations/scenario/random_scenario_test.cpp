#include "simulations/scenario/random_scenario.h"

#include <catch2/catch.hpp>
#include <map>

#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

TEST_CASE("random scenarios are valid, healed in time, and of every kind") {
  std::map<FaultKind, int> kinds;
  std::map<std::size_t, int> sizes;
  std::map<std::string, int> options;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Scenario scenario = random_scenario(seed);
    const auto complaints = validate(scenario);
    if (!complaints.empty()) {
      INFO("seed " << seed << ": " << complaints.front().path << ": "
                   << complaints.front().message);
      REQUIRE(complaints.empty());
    }
    ++sizes[scenario.topology.terminals.size()];
    for (const auto& terminal : scenario.topology.terminals) {
      options["dead addresses"] += terminal.dead_addresses != 0;
      options["next version"] += terminal.is_next_version;
      options["starts later"] += terminal.starts_at != Duration(0);
      options["line"] += terminal.line.has_value();
      options["may not lead"] += !terminal.may_lead;
      options["priority"] += terminal.priority != 0;
      options["slow disk"] += terminal.commit_max > milliseconds(10);
    }
    for (const auto& item : scenario.topology.switches) {
      options["switch that doubles"] += item.quality.duplication.numerator != 0;
      options["switch that reorders"] += item.quality.reordering.numerator != 0;
      options["switch without multicast"] += !item.passes_multicast;
    }
    options["several gateways"] += scenario.topology.gateways > 1;
    options["no cloud"] += scenario.topology.cloud == CloudPresence::none;
    options["no seeds"] += !scenario.topology.has_seeds;
    options["no mDNS"] += !scenario.topology.has_mdns;
    options["wireless"] += scenario.topology.timing == Timing::wireless;
    options["keys used twice"] += scenario.workload.reused_keys.numerator != 0;
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
  for (const auto& [option, count] : options) {
    INFO(option);
    CHECK(count > 10);
  }
}

TEST_CASE("the same seed gives the same scenario") {
  for (std::uint64_t seed : {0ULL, 1ULL, 77ULL, ~0ULL}) {
    CHECK(scenario_json(random_scenario(seed)) == scenario_json(random_scenario(seed)));
  }
  CHECK(scenario_json(random_scenario(1)) != scenario_json(random_scenario(2)));
}

}  // namespace titan::simulations
