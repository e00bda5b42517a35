// One run with all checkers, here or in a child process of its own, so that an assertion or an
// endless loop costs one run and not the exploration.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulations/checkers/checker.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// The checkers that stand for an executor that did not come back.
inline constexpr std::string_view crashed = "crashed";
inline constexpr std::string_view hung = "hung";

struct RunOutcome {
  std::map<std::string, std::string> failures;  // checker -> its first violation, with the time
  std::set<std::string> probes;
  std::uint64_t trace_hash = 0;
  Duration simulated{};
  std::uint64_t recorded = 0;

  bool has_failed_as(std::string_view checker) const {
    return failures.contains(std::string(checker));
  }
};

struct JudgeOptions {
  std::uint32_t check_every = 1;  // inputs of a node between two checks of its invariants
  std::string folder;             // where day files are looked for
};

// Runs it in this process.
Result<RunOutcome> judged_run(const Scenario& scenario, const JudgeOptions& options);

// An assertion names its file by the folder it was compiled in; a scenario file that is kept should
// name it by its path in the repository.
std::string without_source_root(std::string text);

// "12.345 s: text"
std::string text_of(const Violation& violation);

// A child that runs a scenario. Not thread-safe; the process must have one thread only, since it
// forks. Destroying it ends the child.
class ChildRun {
 public:
  // `limit` is the processor time it may use.
  ChildRun(const Scenario& scenario, const JudgeOptions& options, std::chrono::seconds limit);
  ~ChildRun();
  ChildRun(const ChildRun&) = delete;
  ChildRun& operator=(const ChildRun&) = delete;

  // To be waited for with poll().
  int descriptor() const { return answer_; }
  // Takes what is there to read; the outcome once the child has ended or its time is up.
  std::optional<RunOutcome> advance();

 private:
  RunOutcome outcome_of_end(int status);
  void stop();

  pid_t child_ = -1;
  int answer_ = -1;
  int errors_ = -1;
  std::string text_;
  std::string error_text_;
  std::chrono::steady_clock::time_point deadline_;
};

// Runs it in a child and waits.
RunOutcome run_in_child(const Scenario& scenario, const JudgeOptions& options,
                        std::chrono::seconds limit);

}  // namespace titan::simulations
