// Runs a scenario in virtual time: the simulator's front door.
//
// A run is a pure function of its scenario, seed included: the same scenario gives the same trace
// hash on every machine and in every build. Each run is single-threaded; several may run at once on
// different threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulations/history/observation.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

struct RunOptions {
  std::vector<Observer*> observers;
  // Inputs of a node between two checks of its invariants. Rises: faster exploration. In a store of
  // many products and terminals it rises by itself.
  std::uint32_t check_every = 1;
  // Keeps the last lines of the trace: for a failure.
  bool keeps_lines = true;
  // Day files are looked for relative to this folder.
  std::string folder;
  // How long the store may take to come to rest; beyond it the run ends as it is.
  Duration rest_within = seconds(120);
};

struct RunResult {
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t observations = 0;
  Duration simulated{};
  std::optional<Duration> rested_after;  // since all was healed; none: it never came to rest
  std::string at_end;                    // a line per terminal
  std::uint64_t requests = 0;
  std::uint64_t recorded = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> reached;
  std::vector<std::string> last_lines;
};

// Fails where the scenario's day file cannot be read; a scenario that does not validate is the
// caller's mistake.
Result<RunResult> run(const Scenario& scenario, const RunOptions& options = {});

}  // namespace titan::simulations
