// titan-sim shrink: makes a failing scenario small.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/cli/judged_run.h"
#include "simulations/scenario/scenario_file.h"
#include "simulations/scenario/shrink.h"

namespace titan::simulations {

namespace {

constexpr std::chrono::seconds run_limit{60};

struct ShrinkOptions {
  std::string what;  // a seed or a file
  std::string checker;
  std::string folder = "simulations/regressions";
  std::uint32_t tries = ShrinkLimits{}.tries_max;
};

int shrink_one(const ShrinkOptions& options) {
  const auto scenario = scenario_of(options.what);
  if (!scenario) return refuse(scenario.error().message);
  JudgeOptions judge;
  judge.folder = folder_of(options.what);
  const RunOutcome first = run_in_child(*scenario, judge, run_limit);
  if (first.failures.empty()) {
    std::cout << scenario->name << " does not fail; there is nothing to shrink.\n";
    return exit_failed;
  }
  std::string checker = options.checker;
  if (checker.empty()) checker = first.failures.begin()->first;
  if (!first.has_failed_as(checker)) {
    std::cerr << scenario->name << " does not fail by " << checker << ", but by";
    for (const auto& [name, message] : first.failures) std::cerr << ' ' << name;
    std::cerr << '\n';
    return exit_wrong_input;
  }
  std::cout << checker << ": " << first.failures.at(checker) << '\n';
  std::uint32_t tries = 0;
  const auto still_fails = [&](const Scenario& candidate) {
    const bool fails = run_in_child(candidate, judge, run_limit).has_failed_as(checker);
    std::cout << "try " << ++tries << ": " << candidate.faults.size() << " faults, "
              << candidate.topology.terminals.size() << " terminals"
              << (fails ? ", still fails" : "") << std::endl;
    return fails;
  };
  auto shrunk = shrink(*scenario, still_fails, {.tries_max = options.tries});
  shrunk.scenario.name = "seed-" + std::to_string(scenario->seed) + "-" + checker;
  shrunk.scenario.purpose = first.failures.at(checker).substr(0, 200);
  const RunOutcome last = run_in_child(shrunk.scenario, judge, run_limit);
  if (last.has_failed_as(checker)) {
    shrunk.scenario.purpose = last.failures.at(checker).substr(0, 200);
  }
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  const std::string path = options.folder + "/" + shrunk.scenario.name + ".toml";
  const auto written = write_scenario(shrunk.scenario, path);
  if (!written) {
    std::cerr << written.error().message << '\n';
    return exit_failed;
  }
  std::cout << path << ": " << shrunk.scenario.faults.size() << " faults, "
            << shrunk.scenario.topology.terminals.size() << " terminals"
            << (shrunk.is_finished ? "" : " (the tries ran out before it was smallest)") << '\n';
  return exit_good;
}

}  // namespace

void add_shrink(CLI::App& app, Action& action) {
  auto options = std::make_shared<ShrinkOptions>();
  auto* command = app.add_subcommand("shrink", "Make a failing scenario small");
  command->add_option("what", options->what, "A seed of explore, or a scenario file")->required();
  command->add_option("--checker", options->checker, "The failure to keep; else the first one");
  command->add_option("--out", options->folder, "Folder for the small scenario");
  command->add_option("--tries", options->tries, "At most so many runs");
  command->callback([options, &action] { action = [options] { return shrink_one(*options); }; });
}

}  // namespace titan::simulations
