// Decides what a wall clock that went back means for the open journal: hold its times, or leave it.
//
// Within a journal times never go back, so an entry made while the clock shows less than the last
// one bears that one's time ("held"). That is right while the clock is a little behind or plainly
// wrong; where it was ahead before and is right now, the journal must be left, or its times would
// stand still until the clock catches up, for years perhaps.
//
// Two clocks tell the cases apart: only the wall clock can be set, so a change of (wall -
// monotonic) is somebody's doing. A machine that slept shows one too, upwards, and never takes it
// back.
//
// Pure, single-threaded. Invariants: a clock that is not is_plausible(), or behind those of the
// others, never makes it leave; nor does one that is behind by no more than catch_up_max.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace titan::mesh {

// A clock that shows less lost its battery: no version of this software is older (2026-01-01).
inline constexpr WallTime plausible_time_min{1767225600000};
// The end of 2100-12-31, as of business dates: what shows more was set by a typing error.
inline constexpr WallTime plausible_time_max{4133980799999};

constexpr bool is_plausible(WallTime time) {
  return time.utc_ms >= plausible_time_min.utc_ms && time.utc_ms <= plausible_time_max.utc_ms;
}

struct ClockHoldConfig {
  // Slews and leap seconds: held without a word. Higher: later alarms.
  Duration quiet_max = seconds(60);
  // So much passes by itself soon. Higher: more sales bear a time that stands still.
  Duration catch_up_max = seconds(15 * 60);
  // What comes so near to where the clock stood before a jump ahead takes the jump back.
  Duration taken_back_within = seconds(5 * 60);
  // Behind by more than this (two years), a plausible clock is believed rather than the journal.
  Duration absurd_min = seconds(2LL * 365 * 86'400);
  // Behind for so long, with nobody to contradict it, the clock is believed. Higher: a wrong clock
  // is followed later, and a right one, too.
  Duration patience = seconds(120);
};

struct ClockNotice {
  std::string code;  // "clock_back", "clock_ahead"
  std::string message;
};

class ClockHold {
 public:
  explicit ClockHold(ClockHoldConfig config = {}) : config_(config) {}

  // Call often, and before each entry. `journal_time` is the last one of the open journal;
  // `others` the time that the clocks of the other terminals agree on, if any are known.
  // True: leave the journal.
  bool look(Now now, std::optional<WallTime> journal_time, std::optional<WallTime> others);

  // New since the last call; one of each kind an episode.
  std::vector<ClockNotice> take_notices();

 private:
  struct Jump {
    std::int64_t offset_before_ms = 0;  // wall minus monotonic
    WallTime from;                      // what the clock showed just after
  };

  void note_jump(Now now);
  bool should_leave(Now now, std::int64_t behind_ms, std::optional<WallTime> others) const;
  const Jump* taken_back(Now now) const;
  void tell_back(Now now, WallTime journal_time);
  void tell_ahead(Now now, WallTime journal_time);

  const ClockHoldConfig config_;
  std::optional<std::int64_t> offset_ms_;  // wall minus monotonic at the last look
  WallTime first_seen_;                    // what the clock showed at the first look
  std::vector<Jump> jumps_;  // ahead, not taken back yet; oldest first; at most jumps_max
  std::optional<MonoTime> behind_since_;  // the clock shows less than the journal's last time
  bool told_ = false;                     // in this episode: only while behind
  std::vector<ClockNotice> notices_;
};

// "2026-10-26T00:00:02Z"; for messages.
std::string utc_text(WallTime time);

}  // namespace titan::mesh
