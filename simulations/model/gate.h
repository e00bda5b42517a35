// The way into one process: what is meant for it waits while the process is stalled, and comes to
// nothing once it has ended. Single-threaded; shared by the process and the tasks under way.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "simulations/engine/schedule.h"

namespace titan::simulations {

class Gate : public std::enable_shared_from_this<Gate> {
 public:
  explicit Gate(Schedule& schedule) : schedule_(schedule) {}

  MonoTime now() const { return schedule_.now(); }
  bool is_closed() const { return closed_; }
  bool is_stalled() const { return stalled_; }

  template <class Act>
  void at(MonoTime when, Act act) {
    schedule_.at(when, [gate = shared_from_this(), act = std::move(act)]() mutable {
      gate->pass(std::move(act));
    });
  }
  template <class Act>
  void in(Duration delay, Act act) {
    at(schedule_.now() + delay, std::move(act));
  }
  template <class Act>
  void pass(Act act) {
    if (closed_) return;
    if (stalled_) {
      waiting_.emplace_back(std::move(act));
    } else {
      act();
    }
  }
  void stall(Duration length) {
    stalled_ = true;
    stalled_until_ = std::max(stalled_until_, schedule_.now() + length);
    schedule_.at(stalled_until_, [gate = shared_from_this()] { gate->resume(); });
  }
  void close() {
    closed_ = true;
    waiting_.clear();
  }

 private:
  void resume() {
    if (closed_ || !stalled_ || schedule_.now() < stalled_until_) return;
    stalled_ = false;
    while (!waiting_.empty() && !closed_ && !stalled_) {
      Task task = std::move(waiting_.front());
      waiting_.pop_front();
      task();
    }
  }

  Schedule& schedule_;
  bool closed_ = false;
  bool stalled_ = false;
  MonoTime stalled_until_{};
  std::deque<Task> waiting_;  // came while it was stalled, in order
};

}  // namespace titan::simulations
