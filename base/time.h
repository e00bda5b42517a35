// Two clocks that must never be mixed: monotonic time drives every decision, wall-clock time is
// only written down and shown. Both come in as `Now`; the core reads no clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace titan {

using Duration = std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Since an arbitrary start of the process (or of the simulation); never goes back.
struct MonoTime {
  Duration since_start{};

  auto operator<=>(const MonoTime&) const = default;
  MonoTime operator+(Duration d) const { return {since_start + d}; }
  MonoTime operator-(Duration d) const { return {since_start - d}; }
  Duration operator-(MonoTime other) const { return since_start - other.since_start; }

  static constexpr MonoTime never() { return {Duration::max()}; }
};

// UTC, milliseconds since 1970; may jump.
struct WallTime {
  std::int64_t utc_ms = 0;

  auto operator<=>(const WallTime&) const = default;
};

struct Now {
  MonoTime mono;
  WallTime wall;
};

}  // namespace titan
