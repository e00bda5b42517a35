// titan-sim judge: a history, by whichever executor, before all checkers.
#include <CLI/CLI.hpp>
#include <iostream>

#include "simulations/cli/commands.h"
#include "simulations/cli/court.h"
#include "simulations/history/history_file.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

struct JudgeFiles {
  std::string scenario;
  std::string history;
  std::string json;
  std::string html;
};

int judge(const JudgeFiles& files) {
  const auto scenario = read_scenario(files.scenario);
  if (!scenario) {
    std::cerr << scenario.error().message << '\n';
    return exit_wrong_input;
  }
  Court court(*scenario);
  const auto head = read_history_file(files.history, court);
  if (!head) {
    std::cerr << head.error().message << '\n';
    return exit_wrong_input;
  }
  if (head->scenario != scenario->name) {
    std::cerr << files.history << ":1: this is a run of the scenario '" << head->scenario
              << "', not of '" << scenario->name << "'\n";
    return exit_wrong_input;
  }
  const Verdict verdict = court.verdict(head->seed, Duration(0), "");
  std::cout << summary_text(verdict, *scenario);
  const bool all_written = write_reports(verdict, court.timeline(), files.json, files.html);
  return verdict.passed() && all_written ? exit_good : exit_failed;
}

}  // namespace

void add_judge(CLI::App& app, Action& action) {
  auto files = std::make_shared<JudgeFiles>();
  auto* command = app.add_subcommand("judge", "Judge the history of a run with every checker");
  command->add_option("scenario", files->scenario, "The scenario file")->required();
  command->add_option("history", files->history, "The history of the run")->required();
  command->add_option("--json", files->json, "Write the verdict here");
  command->add_option("--html", files->html, "Write the page here");
  command->callback([files, &action] { action = [files] { return judge(*files); }; });
}

}  // namespace titan::simulations
