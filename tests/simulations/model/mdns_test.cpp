// mDNS on a poor LAN: datagrams that come twice or late change what a till is told, and no more.
#include <catch2/catch.hpp>

#include <algorithm>

#include "simulations/run.h"

namespace titan::simulations {
namespace {

Scenario store_without_seeds(Ratio duplication, Ratio reordering) {
  Scenario scenario;
  scenario.name = "poor-lan";
  scenario.purpose = "tills that know each other by multicast only";
  SwitchSpec spec;
  spec.name = "hub";
  spec.quality.duplication = duplication;
  spec.quality.reordering = reordering;
  scenario.topology.switches = {spec};
  scenario.topology.has_seeds = false;
  for (int i = 1; i <= 4; ++i) {
    TerminalSpec terminal;
    terminal.name = "till-" + std::to_string(i);
    scenario.topology.terminals.push_back(terminal);
  }
  Fault leaves;
  leaves.kind = FaultKind::leave;
  leaves.at = seconds(12);
  leaves.lasts = milliseconds(900);  // back before its goodbye is heard
  leaves.targets = {{Target::Role::named, "till-2"}};
  scenario.faults = {leaves};
  scenario.lasts = seconds(40);
  return scenario;
}

bool has_reached(const RunResult& result, const std::string& probe) {
  return std::find(result.reached.begin(), result.reached.end(), probe) != result.reached.end();
}

RunResult run_of(const Scenario& scenario) {
  const auto result = run(scenario, {});
  REQUIRE(result.has_value());
  INFO(result->at_end);
  CHECK(result->rested_after.has_value());
  return *result;
}

TEST_CASE("duplication and reordering are of mDNS, take effect, and do no harm") {
  const RunResult plain = run_of(store_without_seeds({0, 100}, {0, 100}));
  CHECK_FALSE(has_reached(plain, "mdns_told_twice"));
  CHECK_FALSE(has_reached(plain, "mdns_overtaken"));

  const RunResult doubled = run_of(store_without_seeds({1, 1}, {0, 100}));
  CHECK(has_reached(doubled, "mdns_told_twice"));
  CHECK_FALSE(has_reached(doubled, "mdns_overtaken"));
  CHECK(doubled.trace_hash != plain.trace_hash);

  const RunResult reordered = run_of(store_without_seeds({0, 100}, {1, 1}));
  CHECK(has_reached(reordered, "mdns_overtaken"));
  CHECK(reordered.trace_hash != plain.trace_hash);
}

}  // namespace
}  // namespace titan::simulations
