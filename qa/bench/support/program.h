// What every benchmark program needs: the machine's monotonic clock, which all namespaces share,
// and an end with a message.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include "base/result.h"

namespace titan::bench {

inline constexpr std::int64_t second_ns = 1'000'000'000;

inline std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second_ns + time.tv_nsec;
}

inline void sleep_until_ns(std::int64_t when) {
  const timespec time{when / second_ns, when % second_ns};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

// Prints the message and ends the process: a benchmark that met a fault has no figure to give.
[[noreturn]] void fail(const std::string& message);
// The same, with the reason that errno holds.
[[noreturn]] void fail_errno(const std::string& message);

// What must not fail: its value, or the end with its message.
template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(*result);
}
inline void must(const Status& status) {
  if (!status) fail(status.error().message);
}

}  // namespace titan::bench
