// Runs one checker over a hand-written history.
#pragma once

#include <string>

#include "simulations/checkers/checker.h"
#include "tests/simulations/observing.h"

namespace titan::simulations::testing {

inline Scenario store_of(std::size_t terminals, CloudPresence cloud = CloudPresence::none) {
  Scenario scenario;
  scenario.topology.cloud = cloud;
  for (std::size_t i = 0; i < terminals; ++i) {
    scenario.topology.terminals.push_back({.name = "till-" + std::to_string(i + 1)});
  }
  return scenario;
}

// Empty if the checker found nothing, "not judged: ..." if it could not judge, else the first
// violation.
inline std::string judge(std::string_view name, const Scenario& scenario, const Story& story) {
  for (auto& checker : all_checkers(scenario)) {
    if (checker->name() != name) continue;
    for (const auto& observed : story.observed()) checker->on_observed(observed);
    checker->on_observed({story.time(), RunEnded{}});
    checker->finish();
    if (!checker->violations().empty()) return checker->violations().front().message;
    if (const auto why = checker->not_judged()) return "not judged: " + *why;
    return {};
  }
  return "there is no such checker";
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace titan::simulations::testing
