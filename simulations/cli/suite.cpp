// titan-sim suite: every scenario of some folders, as many at a time as there are cores. One with a
// planted bug must be caught by the checker it names, if need be under one of the next seeds.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <list>

#include "simulations/cli/child_runs.h"
#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

constexpr std::chrono::seconds run_limit{300};
constexpr std::uint64_t seeds_to_catch_max = 20;

struct SuiteOptions {
  std::vector<std::string> folders = {"simulations/scenarios", "simulations/negative",
                                      "simulations/regressions"};
  std::string results;  // a file to which verdict, seconds and name of each are appended
  std::string traces;   // a file that gets the trace hash of each, to compare two builds
  unsigned jobs = 0;
  std::uint32_t check_every = 1;
};

struct Job {
  Scenario scenario;
  std::string file;
  std::uint64_t tries = 0;
  std::chrono::steady_clock::time_point began;
};

class Suite {
 public:
  explicit Suite(SuiteOptions options) : options_(std::move(options)) {
    options_.jobs = jobs_to_run(options_.jobs);
    if (!options_.results.empty()) results_.open(options_.results, std::ios::app);
    if (!options_.traces.empty()) traces_.open(options_.traces, std::ios::trunc);
  }

  int run() {
    if (!read_all()) return exit_wrong_input;
    const std::size_t count = waiting_.size();
    while (!waiting_.empty() || running_.size() != 0) {
      while (running_.size() < options_.jobs && !waiting_.empty()) {
        start(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      for (auto& [job, outcome] : running_.wait()) on_outcome(std::move(job), outcome);
    }
    std::printf("%zu scenarios, %zu failed\n", count, failed_);
    return failed_ == 0 ? exit_good : exit_failed;
  }

 private:
  bool read_all() {
    bool all_good = true;
    const auto complain = [&all_good](const std::string& what) {
      std::cerr << what << '\n';
      all_good = false;
    };
    for (const auto& folder : options_.folders) {
      std::error_code error;
      const auto files = std::filesystem::is_regular_file(folder, error)
                             ? Result<std::vector<std::string>>({folder})
                             : scenario_files_in(folder);
      if (!files) {
        complain(files.error().message);
        continue;
      }
      if (files->empty()) {
        complain(folder + ": holds no scenario, that is no file that ends in .toml");
      }
      for (const auto& file : *files) {
        auto scenario = read_scenario(file);
        if (!scenario) {
          complain(scenario.error().message);
          continue;
        }
        waiting_.push_back({std::move(*scenario), file});
      }
    }
    return all_good;
  }

  void start(Job job) {
    job.began = std::chrono::steady_clock::now();
    JudgeOptions judge;
    judge.check_every = options_.check_every;
    judge.folder = folder_of(job.file);
    auto child = std::make_unique<ChildRun>(job.scenario, judge, run_limit);
    running_.add(std::move(job), std::move(child));
  }

  void tell(const Job& job, bool is_good, const std::string& what) {
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - job.began).count();
    std::printf("%-4s %-58s %6.1f s  %s\n", is_good ? "ok" : "FAIL", job.scenario.name.c_str(),
                took, what.c_str());
    std::fflush(stdout);
    if (results_.is_open()) {
      results_ << (is_good ? "ok" : "FAIL") << '\t' << took << '\t' << job.scenario.name
               << std::endl;
    }
    if (!is_good) ++failed_;
  }

  void on_outcome(Job job, const RunOutcome& outcome) {
    ++job.tries;
    if (traces_.is_open()) {
      traces_ << job.scenario.name << " seed " << job.scenario.seed << ' ' << std::hex
              << outcome.trace_hash << std::dec << std::endl;
    }
    if (job.scenario.planted_bug == PlantedBug::none) {
      std::string what;
      for (const auto& [checker, message] : outcome.failures) {
        what += "\n     " + checker + ": " + message;
      }
      return tell(job, outcome.failures.empty(), what);
    }
    const bool is_caught = outcome.has_failed_as(job.scenario.caught_by);
    if (!is_caught && job.tries < seeds_to_catch_max) {
      ++job.scenario.seed;
      return start(std::move(job));
    }
    std::string others;
    for (const auto& [checker, message] : outcome.failures) {
      if (checker != job.scenario.caught_by) others += " " + checker;
    }
    tell(job, is_caught,
         (is_caught ? "caught by " + job.scenario.caught_by + " after " : "not caught after ") +
             std::to_string(job.tries) + " seeds" + (others.empty() ? "" : "; also by" + others));
  }

  SuiteOptions options_;
  std::ofstream results_;
  std::ofstream traces_;
  std::list<Job> waiting_;
  ChildRuns<Job> running_;
  std::size_t failed_ = 0;
};

}  // namespace

void add_suite(CLI::App& app, Action& action) {
  auto options = std::make_shared<SuiteOptions>();
  auto* command = app.add_subcommand("suite", "Run every scenario of folders");
  command->add_option("folders", options->folders, "Folders of scenario files, or files");
  add_jobs_option(*command, options->jobs);
  add_check_every_option(*command, options->check_every);
  command->add_option("--results", options->results,
                      "Append verdict, seconds and name of each to a file");
  command->add_option("--traces", options->traces,
                      "Write the trace hash of each to a file, to compare two builds");
  command->callback([options, &action] { action = [options] { return Suite(*options).run(); }; });
}

}  // namespace titan::simulations
