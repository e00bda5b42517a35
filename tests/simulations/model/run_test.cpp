#include <catch2/catch.hpp>

#include <iostream>
#include <map>

#include "base/overloaded.h"
#include "simulations/run.h"

namespace titan::simulations {
namespace {

Scenario store_of(std::size_t terminals) {
  Scenario scenario;
  scenario.name = "a store";
  scenario.purpose = "sells";
  for (std::size_t i = 0; i < terminals; ++i) {
    TerminalSpec spec;
    spec.name = "till-" + std::to_string(i + 1);
    scenario.topology.terminals.push_back(spec);
  }
  scenario.lasts = seconds(20);
  return scenario;
}

Target named(const std::string& name) {
  Target target;
  target.name = name;
  return target;
}

Target role(Target::Role role) {
  Target target;
  target.role = role;
  return target;
}

Fault fault(FaultKind kind, Duration at, Duration lasts, std::vector<Target> targets = {}) {
  Fault fault;
  fault.kind = kind;
  fault.at = at;
  fault.lasts = lasts;
  fault.targets = std::move(targets);
  return fault;
}

RunResult run_of(const Scenario& scenario, RunOptions options = {}) {
  options.rest_within = seconds(30);
  auto result = run(scenario, options);
  REQUIRE(result.has_value());
  INFO(result->at_end);
  for (const std::string& name : result->reached) UNSCOPED_INFO(name);
  CHECK(result->rested_after.has_value());
  return *result;
}

TEST_CASE("three terminals sell, one crashes, the LAN is cut: all agree, twice the same") {
  Scenario scenario = store_of(3);
  scenario.faults.push_back(
      fault(FaultKind::crash, seconds(5), seconds(3), {role(Target::Role::leader)}));
  Fault cut = fault(FaultKind::cut, seconds(10), seconds(4));
  cut.groups = {{named("till-1")}, {named("till-2"), named("till-3")}};
  scenario.faults.push_back(cut);
  const RunResult first = run_of(scenario);
  CHECK(first.recorded > 50);
  const RunResult second = run_of(scenario);
  CHECK(first.trace_hash == second.trace_hash);
  scenario.seed = 2;
  CHECK(run_of(scenario).trace_hash != first.trace_hash);
}

// A fault of each kind with what its kind needs.
Fault sample(FaultKind kind) {
  Fault made = fault(kind, seconds(6), seconds(4), {role(Target::Role::any)});
  made.others = {named("till-1"), named("till-2")};
  made.groups = {{named("till-1"), named("till-2")}, {named("till-3"), named("cloud")}};
  made.place = "switch-2";
  made.delay = milliseconds(300);
  made.period = milliseconds(700);
  made.age = seconds(3);
  made.parts_per_million = 200;
  made.pages = 3;
  made.quality = LinkQuality{milliseconds(5), milliseconds(30), {10, 100}, {0, 1}, {0, 1}, 500'000};
  return made;
}

TEST_CASE("whatever breaks, the store comes to rest when it is mended") {
  for (const FaultRow& row : fault_table()) {
    SECTION(std::string(row.name)) {
      for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        Scenario scenario = store_of(4);
        scenario.seed = seed;
        scenario.topology.switches = {{"switch-1", "", {}, true},
                                      {"switch-2", "switch-1", {}, true}};
        scenario.topology.terminals[3].switch_name = "switch-2";
        scenario.topology.gateways = 2;
        scenario.faults = {sample(row.kind)};
        CAPTURE(seed);
        const RunResult first = run_of(scenario);
        CHECK(first.recorded > 20);
        if (seed == 1) CHECK(run_of(scenario).trace_hash == first.trace_hash);
      }
    }
  }
}

TEST_CASE("every planted bug runs, and changes what happens") {
  Scenario scenario = store_of(4);
  scenario.faults = {
      fault(FaultKind::crash, seconds(5), seconds(2), {role(Target::Role::leader)}),
      fault(FaultKind::stall, seconds(10), seconds(2), {role(Target::Role::leader)})};
  scenario.topology.terminals[1].is_next_version = true;
  RunOptions options;
  options.rest_within = seconds(10);
  const auto sound = run(scenario, options);
  REQUIRE(sound.has_value());
  CHECK(sound->rested_after.has_value());
  for (const PlantedBug bug :
       {PlantedBug::forgotten_promise, PlantedBug::acknowledge_before_commit,
        PlantedBug::lost_commit, PlantedBug::merge_by_sum, PlantedBug::relay_drops_entry,
        PlantedBug::stale_leader_writes, PlantedBug::acknowledge_before_kafka,
        PlantedBug::continued_journal, PlantedBug::deaf_ears, PlantedBug::repeated_process_id,
        PlantedBug::reused_receipt_number}) {
    scenario.planted_bug = bug;
    CAPTURE(std::string(name_of(bug)));
    const auto broken = run(scenario, options);
    REQUIRE(broken.has_value());
    CHECK(broken->trace_hash != sound->trace_hash);
  }
}

TEST_CASE("one of two processes that were the same is found out, and both branches are kept") {
  Scenario scenario = store_of(4);
  scenario.faults = {fault(FaultKind::clone, seconds(6), seconds(6), {named("till-2")})};
  const RunResult result = run_of(scenario);
  CHECK(result.recorded > 20);
}

TEST_CASE("bytes are weighed against what was missing") {
  Scenario scenario = store_of(3);
  scenario.bounds.bytes_per_missing_byte = Ratio{3, 1};
  struct Weigher : Observer {
    void on_observed(const Observed& observed) override {
      if (const auto* t = std::get_if<TrafficCounted>(&observed.what)) traffic = *t;
    }
    TrafficCounted traffic;
  } weigher;
  RunOptions options;
  options.observers = {&weigher};
  run_of(scenario, options);
  CHECK(weigher.traffic.missing_bytes > 0);
  CHECK(weigher.traffic.entry_bytes >= weigher.traffic.missing_bytes);
  CHECK(weigher.traffic.bytes > weigher.traffic.entry_bytes);
}

}  // namespace
}  // namespace titan::simulations
