// titan-sim explore: random scenarios by seed, as many at a time as there are cores.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "simulations/cli/child_runs.h"
#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/scenario/random_scenario.h"
#include "simulations/scenario/scenario_file.h"
#include "simulations/scenario/tables.h"

namespace titan::simulations {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t seeds_usual = 300;
constexpr std::uint64_t run_twice_every = 50;
constexpr std::chrono::seconds run_limit{30};
constexpr std::string_view determinism = "determinism";

struct ExploreOptions {
  std::uint64_t seeds = 0;
  std::optional<std::uint64_t> first_seed;
  double minutes = 0;
  unsigned jobs = 0;
  std::uint32_t check_every = 16;
  std::string folder = "simulation-failures";
  std::string traces;
};

// The seed of a fresh exploration: any.
std::uint64_t fresh_seed() {
  return std::random_device{}() % 1'000'000'000ULL * 1'000;
}

class Exploration {
 public:
  explicit Exploration(ExploreOptions options) : options_(std::move(options)) {
    next_seed_ = options_.first_seed ? *options_.first_seed : fresh_seed();
    if (options_.seeds == 0) {
      options_.seeds = options_.minutes > 0 ? ~std::uint64_t{0} : seeds_usual;
    }
    options_.jobs = jobs_to_run(options_.jobs);
    if (!options_.traces.empty()) traces_.open(options_.traces, std::ios::trunc);
    is_terminal_ = ::isatty(STDOUT_FILENO) != 0;
  }

  int run() {
    std::printf("Exploring from seed %llu, %u at a time.\n",
                static_cast<unsigned long long>(next_seed_), options_.jobs);
    while (fill() || running_.size() != 0) {
      for (const auto& [job, outcome] : running_.wait()) on_outcome(job, outcome);
      show_progress(false);
    }
    show_progress(true);
    return summary();
  }

 private:
  struct Job {
    std::uint64_t seed = 0;
    std::optional<std::uint64_t> first_hash;  // of the first of two runs
  };

  bool is_time_up() const {
    return options_.minutes > 0 &&
           std::chrono::duration<double>(Clock::now() - began_).count() > options_.minutes * 60;
  }

  void start(std::uint64_t seed, std::optional<std::uint64_t> first_hash) {
    JudgeOptions judge;
    judge.check_every = options_.check_every;
    running_.add({seed, first_hash},
                 std::make_unique<ChildRun>(random_scenario(seed), judge, run_limit));
  }

  // False when there is nothing more to start.
  bool fill() {
    while (running_.size() < options_.jobs) {
      if (started_ == options_.seeds || is_time_up()) return false;
      ++started_;
      start(next_seed_++, std::nullopt);
    }
    return true;
  }

  void on_outcome(const Job& job, const RunOutcome& outcome) {
    if (job.first_hash) {
      if (!outcome.has_failed_as(crashed) && outcome.trace_hash != *job.first_hash) {
        fail(job.seed, std::string(determinism), "two runs of the seed have different traces");
      }
      return;
    }
    ++done_;
    if (traces_.is_open()) {
      traces_ << "seed " << job.seed << ' ' << std::hex << outcome.trace_hash << std::dec
              << std::endl;
    }
    simulated_ += outcome.simulated;
    recorded_ += outcome.recorded;
    probes_.insert(outcome.probes.begin(), outcome.probes.end());
    for (const auto& [checker, message] : outcome.failures) fail(job.seed, checker, message);
    if (outcome.failures.empty() && done_ % run_twice_every == 0) {
      start(job.seed, outcome.trace_hash);
    }
  }

  void fail(std::uint64_t seed, const std::string& checker, const std::string& message) {
    failed_seeds_.insert(seed);
    ++failures_[checker];
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    const std::string path =
        options_.folder + "/seed-" + std::to_string(seed) + "-" + checker + ".toml";
    std::ofstream out(path, std::ios::trunc);
    out << "# " << checker << ", ";
    for (const char c : message) out << c << (c == '\n' ? "# " : "");
    out << "\n" << scenario_toml(random_scenario(seed));
    out.flush();
    clear_line();
    std::printf("%s%s  %s: %s\n", path.c_str(), out ? "" : " (could not be written)",
                checker.c_str(), message.substr(0, 300).c_str());
    std::fflush(stdout);
  }

  void clear_line() {
    if (is_terminal_) std::printf("\r\033[K");
  }

  void show_progress(bool is_last) {
    const auto now = Clock::now();
    const auto pause = is_terminal_ ? std::chrono::seconds(1) : std::chrono::seconds(30);
    if (!is_last && now - shown_ < pause) return;
    shown_ = now;
    const double took = std::chrono::duration<double>(now - began_).count();
    clear_line();
    std::printf("%llu runs, %.1f runs/s, %.1f simulated hours, %zu of %zu probes, %zu failed%s",
                static_cast<unsigned long long>(done_), static_cast<double>(done_) / took,
                static_cast<double>(simulated_.count()) / 3.6e9, probes_.size(),
                probe_table().size(), failed_seeds_.size(), is_terminal_ && !is_last ? "" : "\n");
    std::fflush(stdout);
  }

  int summary() const {
    std::printf("%llu sales and other requests were recorded.\n",
                static_cast<unsigned long long>(recorded_));
    for (const auto& row : probe_table()) {
      if (!probes_.contains(std::string(row.name))) {
        std::printf("never reached: %s\n", std::string(row.name).c_str());
      }
    }
    for (const auto& [checker, count] : failures_) {
      std::printf("%s failed in %llu runs\n", checker.c_str(),
                  static_cast<unsigned long long>(count));
    }
    if (failures_.empty()) {
      std::printf("No run failed.\n");
      return exit_good;
    }
    std::printf("The failing scenarios are in %s; make one small with: titan sim shrink FILE\n",
                options_.folder.c_str());
    return exit_failed;
  }

  ExploreOptions options_;
  std::ofstream traces_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point shown_ = Clock::now();
  bool is_terminal_ = false;
  std::uint64_t next_seed_ = 0;
  std::uint64_t started_ = 0;
  ChildRuns<Job> running_;
  std::uint64_t done_ = 0;
  std::uint64_t recorded_ = 0;
  Duration simulated_{};
  std::set<std::string> probes_;
  std::set<std::uint64_t> failed_seeds_;
  std::map<std::string, std::uint64_t> failures_;
};

}  // namespace

void add_explore(CLI::App& app, Action& action) {
  auto options = std::make_shared<ExploreOptions>();
  auto* command = app.add_subcommand("explore", "Run random scenarios, one per seed");
  command->add_option("--seeds", options->seeds, "How many seeds (300, or no end with --minutes)")
      ->check(CLI::PositiveNumber);
  command->add_option("--first-seed", options->first_seed, "The first seed; else a fresh one");
  command->add_option("--minutes", options->minutes, "Start no run after so many minutes")
      ->check(CLI::PositiveNumber);
  add_jobs_option(*command, options->jobs);
  add_check_every_option(*command, options->check_every);
  command->add_option("--out", options->folder, "Folder for the failing scenarios");
  command->add_option("--traces", options->traces,
                      "Write the trace hash of each seed to a file, to compare two builds");
  command->callback(
      [options, &action] { action = [options] { return Exploration(*options).run(); }; });
}

}  // namespace titan::simulations
