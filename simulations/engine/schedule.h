// Virtual time: one queue of tasks ordered by (time, sequence).
//
// Tasks due at the same moment run in the order in which they were asked for, so a run is a pure
// function of its scenario and seed. Single-threaded.
#pragma once

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "base/time.h"
#include "simulations/engine/task.h"

namespace titan::simulations {

class Schedule {
 public:
  MonoTime now() const { return now_; }
  // A moment that has passed means now, behind what is due now already.
  void at(MonoTime when, Task task);
  void in(Duration delay, Task task) { at(now_ + delay, std::move(task)); }
  // Runs the next task if it is due by `end`; otherwise time moves to `end`, and false.
  bool step(MonoTime end);
  std::uint64_t steps() const { return steps_; }
  std::size_t waiting() const { return due_.size(); }

 private:
  struct Due {
    MonoTime at;
    std::uint64_t sequence = 0;
    std::uint32_t slot = 0;
  };
  struct Later {
    bool operator()(const Due& a, const Due& b) const {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };

  MonoTime now_{};
  std::uint64_t next_sequence_ = 0;
  std::uint64_t steps_ = 0;
  std::priority_queue<Due, std::vector<Due>, Later> due_;
  std::vector<Task> tasks_;  // by slot
  std::vector<std::uint32_t> free_slots_;
};

}  // namespace titan::simulations
