// A process that is stalled does nothing of its own: it begins no commit and tells nobody of one.
#include <catch2/catch.hpp>

#include "simulations/run.h"

namespace titan::simulations {
namespace {

constexpr Duration stalls_at = seconds(8);
constexpr Duration stalls_for = seconds(3);
constexpr Duration commit_takes = milliseconds(150);

struct StalledTill : Observer {
  void on_observed(const Observed& observed) override {
    const Duration at = observed.at.since_start;
    const bool is_during = at > stalls_at && at < stalls_at + stalls_for;
    if (const auto* stored = std::get_if<EntryStored>(&observed.what)) {
      if (stored->terminal != 0) return;
      ++stored_in_all;
      // The kernel finishes the one commit that it was at.
      if (is_during && at > stalls_at + commit_takes) ++begun_during;
    }
    const auto* answered = std::get_if<RequestAnswered>(&observed.what);
    const auto* state = std::get_if<StateReported>(&observed.what);
    const bool is_told = (answered && answered->terminal == 0) || (state && state->terminal == 0);
    if (is_told && is_during) ++told_during;
  }
  std::uint64_t stored_in_all = 0;
  std::uint64_t begun_during = 0;
  std::uint64_t told_during = 0;
};

TEST_CASE("a stalled process begins no commit and reports none") {
  Scenario scenario;
  scenario.name = "stalled";
  scenario.purpose = "one till stalls while its disk has much to do";
  for (int i = 1; i <= 3; ++i) {
    TerminalSpec spec;
    spec.name = "till-" + std::to_string(i);
    spec.commit_min = spec.commit_max = commit_takes;
    scenario.topology.terminals.push_back(spec);
  }
  scenario.workload.sales_per_second = {60, 1};
  scenario.lasts = seconds(15);
  Fault stall;
  stall.kind = FaultKind::stall;
  stall.at = stalls_at;
  stall.lasts = stalls_for;
  stall.targets = {{Target::Role::named, "till-1"}};
  scenario.faults = {stall};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    scenario.seed = seed;
    CAPTURE(seed);
    StalledTill till;
    RunOptions options;
    options.observers = {&till};
    const auto result = run(scenario, options);
    REQUIRE(result.has_value());
    INFO(result->at_end);
    CHECK(result->rested_after.has_value());
    CHECK(till.stored_in_all > 100);
    CHECK(till.begun_during == 0);
    CHECK(till.told_during == 0);
  }
}

}  // namespace
}  // namespace titan::simulations
