// Waiting for a condition, with a limit, and saying what was seen when it runs out. The pause
// between two looks is the only sleep of the C++ tests; a ManagedPostgres is lent it, too.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace titan::test {

inline bool pause_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  return true;
}

// Waits until `condition` holds; on running out `seen` says what there was instead.
inline void wait_until(const std::function<bool()>& condition, const std::string& what,
                       const std::function<std::string()>& seen = {}, int limit_ms = 30'000) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) {
      FAIL("waited " << limit_ms << " ms for: " << what << "; seen: " << (seen ? seen() : "-"));
    }
    pause_ms(5);
  }
}

}  // namespace titan::test
