// Several runs at a time, each in a child, with what the caller wants to know of each.
//
// Not thread-safe; the process must have one thread only (judged_run.h).
#pragma once

#include <poll.h>

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "simulations/cli/judged_run.h"

namespace titan::simulations {

template <class Job>
class ChildRuns {
 public:
  std::size_t size() const { return running_.size(); }

  void add(Job job, std::unique_ptr<ChildRun> child) {
    running_.push_back({std::move(job), std::move(child)});
  }

  // Waits until one says something, but not for long; answers those that have ended, in the order
  // in which they were started.
  std::vector<std::pair<Job, RunOutcome>> wait() {
    std::vector<pollfd> descriptors;
    for (const auto& run : running_) descriptors.push_back({run.child->descriptor(), POLLIN, 0});
    ::poll(descriptors.data(), descriptors.size(), poll_ms);
    std::vector<std::pair<Job, RunOutcome>> ended;
    for (auto run = running_.begin(); run != running_.end();) {
      auto outcome = run->child->advance();
      if (!outcome) {
        ++run;
        continue;
      }
      ended.emplace_back(std::move(run->job), std::move(*outcome));
      run = running_.erase(run);
    }
    return ended;
  }

 private:
  static constexpr int poll_ms = 500;

  struct Running {
    Job job;
    std::unique_ptr<ChildRun> child;
  };
  std::list<Running> running_;
};

}  // namespace titan::simulations
