// titan-sim run: one scenario in virtual time, judged and reported.
#include "simulations/run.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/cli/run_judge.h"
#include "simulations/history/history_file.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

struct RunFiles {
  std::string scenario;
  std::optional<std::uint64_t> seed;
  ReportFiles reports;
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
  if (!scenario) return refuse(scenario.error().message);
  if (files.seed) scenario->seed = *files.seed;
  RunJudge judge(*scenario);
  TracePrinter printer;
  RunOptions options;
  options.check_every = files.check_every;
  options.folder = folder_of(files.scenario);
  options.observers.push_back(&judge);
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
  if (!result) return refuse(result.error().message);
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016" PRIx64, result->trace_hash);
  const Verdict verdict =
      judge.verdict(scenario->seed, std::chrono::duration_cast<Duration>(took), hash);
  std::cout << summary_text(verdict, *scenario);
  if (!result->rested_after) std::cout << "\nThe store never came to rest:\n" << result->at_end;
  bool all_written = write_reports(verdict, judge.timeline(), files.reports);
  if (!files.history.empty() && !history.flush()) {
    std::cerr << cannot_be_written(files.history) << '\n';
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
  add_report_options(*command, files->reports);
  command->add_option("--history", files->history, "Write every observation here");
  command->add_flag("--trace", files->prints_trace, "Print every observation");
  add_check_every_option(*command, files->check_every);
  command->callback([files, &action] { action = [files] { return run_one(*files); }; });
}

}  // namespace titan::simulations
