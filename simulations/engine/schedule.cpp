#include "simulations/engine/schedule.h"

#include <algorithm>

namespace titan::simulations {

void Schedule::at(MonoTime when, Task task) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(tasks_.size());
    tasks_.push_back(std::move(task));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    tasks_[slot] = std::move(task);
  }
  due_.push({std::max(when, now_), next_sequence_++, slot});
}

bool Schedule::step(MonoTime end) {
  if (due_.empty() || due_.top().at > end) {
    now_ = std::max(now_, end);
    return false;
  }
  const Due next = due_.top();
  due_.pop();
  now_ = next.at;
  // Out of its slot first: the task may ask for others, which moves the slots.
  Task task = std::move(tasks_[next.slot]);
  free_slots_.push_back(next.slot);
  ++steps_;
  task();
  return true;
}

}  // namespace titan::simulations
