// Monotonic since the process started, and the system's wall clock.
#pragma once

#include <chrono>

#include "base/time.h"

namespace titan::pos {

class ProcessClock {
 public:
  Now now() const {
    using std::chrono::duration_cast;
    const auto since_start = std::chrono::steady_clock::now() - start_;
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    return {{duration_cast<Duration>(since_start)}, {duration_cast<milliseconds>(wall).count()}};
  }
  // When, on the timer's clock.
  std::chrono::steady_clock::time_point at(MonoTime time) const {
    return start_ + time.since_start;
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace titan::pos
