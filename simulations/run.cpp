#include "simulations/run.h"

#include <utility>

#include "simulations/engine/schedule.h"
#include "simulations/engine/trace.h"
#include "simulations/model/world.h"

namespace titan::simulations {
namespace {

constexpr Duration look_every = milliseconds(20);
// At rest it is watched a little longer: what comes to rest must stay there.
constexpr Duration watched_at_rest = seconds(1);

void run_until(Schedule& schedule, MonoTime end) {
  while (schedule.step(end)) {
  }
}

}  // namespace

Result<RunResult> run(const Scenario& scenario, const RunOptions& options) {
  WorldSettings settings;
  settings.check_every = options.check_every;
  if (!scenario.workload.day_file.empty()) {
    const bool is_absolute = scenario.workload.day_file.front() == '/' || options.folder.empty();
    auto day = read_day(is_absolute ? scenario.workload.day_file
                                    : options.folder + "/" + scenario.workload.day_file);
    if (!day) return day.error();
    settings.day = std::move(*day);
  }
  Schedule schedule;
  Recorder recorder(schedule);
  Trace trace(options.keeps_lines);
  recorder.add(trace);
  recorder.set_trace(&trace);
  for (Observer* observer : options.observers) recorder.add(*observer);
  World world(scenario, recorder, schedule, std::move(settings));
  world.begin();
  run_until(schedule, {scenario.lasts});
  world.heal();
  recorder.observe(AllHealed{world.entries_missing()});

  RunResult result;
  const MonoTime healed = schedule.now();
  while (!world.is_at_rest() && schedule.now() - healed < options.rest_within) {
    run_until(schedule, schedule.now() + look_every);
  }
  if (world.is_at_rest()) {
    result.rested_after = schedule.now() - healed;
    run_until(schedule, schedule.now() + watched_at_rest);
  }
  world.observe_end();
  result.trace_hash = trace.hash();
  result.steps = schedule.steps();
  result.observations = trace.observations();
  result.simulated = schedule.now().since_start;
  result.at_end = world.describe();
  result.requests = world.requests();
  result.recorded = world.recorded();
  result.bytes = recorder.traffic().bytes;
  result.reached.assign(recorder.reached().begin(), recorder.reached().end());
  result.last_lines.assign(trace.last_lines().begin(), trace.last_lines().end());
  return result;
}

}  // namespace titan::simulations
