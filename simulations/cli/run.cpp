// titan-sim run: one scenario in virtual time, judged and reported.
#include "simulations/run.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "simulations/cli/commands.h"
#include "simulations/cli/court.h"
#include "simulations/history/history_file.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

struct RunFiles {
  std::string scenario;
  std::optional<std::uint64_t> seed;
  std::string json;
  std::string html;
  std::string history;
  bool prints_trace = false;
  std::uint32_t check_every = 1;
};

class TracePrinter : public Observer {
 public:
  void on_observed(const Observed& observed) override {
    std::printf("%12.6f  %s\n", static_cast<double>(observed.at.since_start.count()) / 1e6,
                describe(observed.what).c_str());
  }
};

int run_one(const RunFiles& files) {
  auto scenario = read_scenario(files.scenario);
  if (!scenario) {
    std::cerr << scenario.error().message << '\n';
    return exit_wrong_input;
  }
  if (files.seed) scenario->seed = *files.seed;
  Court court(*scenario);
  TracePrinter printer;
  RunOptions options;
  options.check_every = files.check_every;
  options.folder = std::filesystem::path(files.scenario).parent_path().string();
  options.observers.push_back(&court);
  if (files.prints_trace) options.observers.push_back(&printer);
  std::ofstream history;
  std::optional<HistoryWriter> writer;
  if (!files.history.empty()) {
    history.open(files.history, std::ios::binary | std::ios::trunc);
    options.observers.push_back(
        &writer.emplace(history, HistoryHead{scenario->name, scenario->seed}));
  }
  const auto began = std::chrono::steady_clock::now();
  const auto result = run(*scenario, options);
  const auto took = std::chrono::steady_clock::now() - began;
  if (!result) {
    std::cerr << result.error().message << '\n';
    return exit_wrong_input;
  }
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016" PRIx64, result->trace_hash);
  const Verdict verdict =
      court.verdict(scenario->seed, std::chrono::duration_cast<Duration>(took), hash);
  std::cout << summary_text(verdict, *scenario);
  if (!result->rested_after) std::cout << "\nThe store never came to rest:\n" << result->at_end;
  bool all_written = write_reports(verdict, court.timeline(), files.json, files.html);
  if (!files.history.empty() && !history.flush()) {
    std::cerr << files.history << ": cannot be written; is there room, and the right to?\n";
    all_written = false;
  }
  return verdict.passed() && all_written ? exit_good : exit_failed;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto files = std::make_shared<RunFiles>();
  auto* command = app.add_subcommand("run", "Run a scenario in virtual time");
  command->add_option("scenario", files->scenario, "The scenario file")->required();
  command->add_option("--seed", files->seed, "Another seed than the file's");
  command->add_option("--json", files->json, "Write the verdict here");
  command->add_option("--html", files->html, "Write the page here");
  command->add_option("--history", files->history, "Write every observation here");
  command->add_flag("--trace", files->prints_trace, "Print every observation");
  command
      ->add_option("--check-every", files->check_every,
                   "Check a node's own invariants after every so-manieth input")
      ->check(CLI::PositiveNumber);
  command->callback([files, &action] { action = [files] { return run_one(*files); }; });
}

}  // namespace titan::simulations
