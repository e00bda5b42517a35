// titan-sim judge: what every checker says of a history, by whichever executor.
#include <CLI/CLI.hpp>
#include <iostream>

#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/cli/run_judge.h"
#include "simulations/history/history_file.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

struct JudgeFiles {
  std::string scenario;
  std::string history;
  ReportFiles reports;
};

int judge_history(const JudgeFiles& files) {
  const auto scenario = read_scenario(files.scenario);
  if (!scenario) return refuse(scenario.error().message);
  RunJudge judge(*scenario);
  const auto head = read_history_file(files.history, judge);
  if (!head) return refuse(head.error().message);
  if (head->scenario != scenario->name) {
    return refuse(files.history + ":1: this is a run of the scenario '" + head->scenario +
                  "', not of '" + scenario->name + "'");
  }
  const Verdict verdict = judge.verdict(head->seed, Duration(0), "");
  std::cout << summary_text(verdict, *scenario);
  const bool all_written = write_reports(verdict, judge.timeline(), files.reports);
  return verdict.passed() && all_written ? exit_good : exit_failed;
}

}  // namespace

void add_judge(CLI::App& app, Action& action) {
  auto files = std::make_shared<JudgeFiles>();
  auto* command = app.add_subcommand("judge", "Judge the history of a run with every checker");
  command->add_option("scenario", files->scenario, "The scenario file")->required();
  command->add_option("history", files->history, "The history of the run")->required();
  add_report_options(*command, files->reports);
  command->callback([files, &action] { action = [files] { return judge_history(*files); }; });
}

}  // namespace titan::simulations
