#include "mesh/clock/clock_hold.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

namespace titan::mesh {
namespace {

// More jumps ahead than this, none taken back, and the oldest is forgotten.
constexpr std::size_t jumps_max = 8;

std::int64_t ms_of(Duration duration) {
  return std::chrono::duration_cast<milliseconds>(duration).count();
}

std::int64_t offset_of(Now now) {
  return now.wall.utc_ms - ms_of(now.mono.since_start);
}

std::string span_text(std::int64_t ms) {
  const std::int64_t seconds = std::abs(ms) / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  const auto rounded = [&](std::int64_t unit) {
    return std::to_string((seconds + unit / 2) / unit);
  };
  if (seconds < 7200) return rounded(60) + " min";
  if (seconds < 172'800) return rounded(3600) + " h";
  return rounded(86'400) + " days";
}

}  // namespace

std::string utc_text(WallTime time) {
  using namespace std::chrono;
  // No more than four digits of a year.
  constexpr std::int64_t ms_min = -62'167'219'200'000;
  constexpr std::int64_t ms_max = 253'402'300'799'999;
  const sys_time<milliseconds> at{milliseconds(std::clamp(time.utc_ms, ms_min, ms_max))};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<std::chrono::seconds>(at - day)};
  const auto two = [](std::int64_t number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  return std::to_string(static_cast<int>(date.year())) + "-" +
         two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day())) +
         "T" + two(clock.hours().count()) + ":" + two(clock.minutes().count()) + ":" +
         two(clock.seconds().count()) + "Z";
}

bool ClockHold::look(Now now, std::optional<WallTime> journal_time,
                     std::optional<WallTime> others) {
  note_jump(now);
  const std::int64_t behind_ms = journal_time ? journal_time->utc_ms - now.wall.utc_ms : 0;
  if (behind_ms <= 0) {
    behind_since_.reset();
    told_ = false;
    return false;
  }
  if (!behind_since_) behind_since_ = now.mono;
  if (should_leave(now, behind_ms, others)) {
    tell_ahead(now, *journal_time);
    jumps_.clear();
    behind_since_.reset();
    told_ = false;
    return true;
  }
  if (behind_ms > ms_of(config_.quiet_max)) tell_back(now, *journal_time);
  return false;
}

void ClockHold::note_jump(Now now) {
  const std::int64_t offset_ms = offset_of(now);
  if (!offset_ms_) first_seen_ = now.wall;
  if (offset_ms_ && offset_ms - *offset_ms_ > ms_of(config_.catch_up_max)) {
    if (jumps_.size() == jumps_max) jumps_.erase(jumps_.begin());
    jumps_.push_back({*offset_ms_, now.wall});
  }
  offset_ms_ = offset_ms;
}

// The earliest: a clock set twice and then put right was ahead from the first on.
const ClockHold::Jump* ClockHold::taken_back(Now now) const {
  const auto jump = std::find_if(jumps_.begin(), jumps_.end(), [&](const Jump& one) {
    return std::abs(offset_of(now) - one.offset_before_ms) <= ms_of(config_.taken_back_within);
  });
  return jump == jumps_.end() ? nullptr : &*jump;
}

bool ClockHold::should_leave(Now now, std::int64_t behind_ms,
                             std::optional<WallTime> others) const {
  if (behind_ms <= ms_of(config_.catch_up_max) || !is_plausible(now.wall)) return false;
  if (others) {
    const std::int64_t ahead_of_us_ms = others->utc_ms - now.wall.utc_ms;
    if (ahead_of_us_ms > ms_of(config_.catch_up_max)) return false;
    if (std::abs(ahead_of_us_ms) <= ms_of(config_.taken_back_within)) return true;
  }
  if (taken_back(now) != nullptr || behind_ms > ms_of(config_.absurd_min)) return true;
  return now.mono - *behind_since_ >= config_.patience;
}

void ClockHold::tell_back(Now now, WallTime journal_time) {
  if (std::exchange(told_, true)) return;
  notices_.push_back(
      {"clock_back",
       "this terminal's clock went back and shows " + utc_text(now.wall) + ", " +
           span_text(journal_time.utc_ms - now.wall.utc_ms) +
           " before its last record. What it records bears that record's time and date, " +
           utc_text(journal_time) +
           ", flagged clock_held, until the clock has passed it or is "
           "found to be right; check its date and its time synchronisation"});
}

void ClockHold::tell_ahead(Now now, WallTime journal_time) {
  const Jump* jump = taken_back(now);
  const WallTime from = jump ? jump->from : std::min(first_seen_, journal_time);
  notices_.push_back({"clock_ahead", "this terminal's clock was ahead by about " +
                                         span_text(journal_time.utc_ms - now.wall.utc_ms) +
                                         " and was put back: what it recorded from " +
                                         utc_text(from) + " to " + utc_text(journal_time) +
                                         " by its own reckoning bears times and dates that are too "
                                         "late. It goes on in a new journal at " +
                                         utc_text(now.wall) +
                                         "; look through the sales of those dates"});
}

std::vector<ClockNotice> ClockHold::take_notices() {
  return std::exchange(notices_, {});
}

}  // namespace titan::mesh
