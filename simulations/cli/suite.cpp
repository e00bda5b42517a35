// titan-sim suite: every scenario of some folders, as many at a time as there are cores. One with a
// planted bug must be caught by the checker it names, if need be under one of the next seeds.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <list>
#include <thread>

#include "simulations/cli/commands.h"
#include "simulations/cli/judged_run.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

constexpr std::chrono::seconds run_limit{300};
constexpr std::uint64_t seeds_to_catch_max = 20;
constexpr int poll_ms = 500;

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
  std::unique_ptr<ChildRun> child;
};

class Suite {
 public:
  explicit Suite(SuiteOptions options) : options_(std::move(options)) {
    if (options_.jobs == 0) options_.jobs = std::max(1u, std::thread::hardware_concurrency());
    if (!options_.results.empty()) results_.open(options_.results, std::ios::app);
    if (!options_.traces.empty()) traces_.open(options_.traces, std::ios::trunc);
  }

  int run() {
    if (!read_all()) return exit_wrong_input;
    const std::size_t count = waiting_.size();
    while (!waiting_.empty() || !running_.empty()) {
      while (running_.size() < options_.jobs && !waiting_.empty()) {
        start(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      std::vector<pollfd> descriptors;
      for (const auto& job : running_) descriptors.push_back({job.child->descriptor(), POLLIN, 0});
      ::poll(descriptors.data(), descriptors.size(), poll_ms);
      for (auto job = running_.begin(); job != running_.end();) {
        auto outcome = job->child->advance();
        if (!outcome) {
          ++job;
          continue;
        }
        Job done = std::move(*job);
        job = running_.erase(job);
        on_outcome(std::move(done), *outcome);
      }
    }
    std::printf("%zu scenarios, %zu failed\n", count, failed_);
    return failed_ == 0 ? exit_good : exit_failed;
  }

 private:
  bool read_all() {
    bool all_good = true;
    for (const auto& folder : options_.folders) {
      std::vector<std::string> files;
      std::error_code error;
      if (std::filesystem::is_regular_file(folder, error)) {
        files.push_back(folder);
      } else {
        for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
          if (item.path().extension() == ".toml") files.push_back(item.path().string());
        }
      }
      if (error) {
        std::cerr << folder << ": " << error.message() << '\n';
        all_good = false;
      } else if (files.empty()) {
        std::cerr << folder << ": holds no scenario, that is no file that ends in .toml\n";
        all_good = false;
      }
      std::sort(files.begin(), files.end());
      for (const auto& file : files) {
        auto scenario = read_scenario(file);
        if (!scenario) {
          std::cerr << scenario.error().message << '\n';
          all_good = false;
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
    judge.folder = std::filesystem::path(job.file).parent_path().string();
    job.child = std::make_unique<ChildRun>(job.scenario, judge, run_limit);
    running_.push_back(std::move(job));
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
  std::list<Job> running_;
  std::size_t failed_ = 0;
};

}  // namespace

void add_suite(CLI::App& app, Action& action) {
  auto options = std::make_shared<SuiteOptions>();
  auto* command = app.add_subcommand("suite", "Run every scenario of folders");
  command->add_option("folders", options->folders, "Folders of scenario files, or files");
  command->add_option("--jobs", options->jobs, "Runs at a time; else one for each core")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--check-every", options->check_every,
                   "Check a node's own invariants after every so-manieth input")
      ->check(CLI::PositiveNumber);
  command->add_option("--results", options->results,
                      "Append verdict, seconds and name of each to a file");
  command->add_option("--traces", options->traces,
                      "Write the trace hash of each to a file, to compare two builds");
  command->callback([options, &action] { action = [options] { return Suite(*options).run(); }; });
}

}  // namespace titan::simulations
