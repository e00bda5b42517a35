#include "pos-node/domain/clock.h"

#include <sys/timex.h>

#include <ctime>

namespace titan::pos {
namespace {

constexpr std::uint32_t date_of_dead_clock = 19700101;

}  // namespace

ClockReading read_wall_clock(WallTime time, const StoreCalendar& calendar) {
  ClockReading reading;
  reading.time = time;
  if (!is_plausible(time)) reading.quality = mesh::ClockQuality::implausible;
  if (time > mesh::plausible_time_max) {
    // No calendar reckons with any year. The latest date known here replaces this one.
    reading.local_date = date_of_dead_clock;
    return reading;
  }
  const StoreCalendar::Day day = calendar.day_of(time);
  reading.utc_offset_minutes = day.utc_offset_minutes;
  reading.local_date = day.business_date;
  return reading;
}

ClockReading read_system_clock(const StoreCalendar& calendar) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  ClockReading reading = read_wall_clock(
      {static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000}, calendar);
  if (reading.quality == mesh::ClockQuality::implausible) return reading;
  timex state{};  // modes = 0: only read
  const int answer = adjtimex(&state);
  if (answer < 0) {
    reading.quality = mesh::ClockQuality::unknown;
  } else if (answer == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    reading.quality = mesh::ClockQuality::unsynchronised;
  } else {
    reading.quality = mesh::ClockQuality::synchronised;
  }
  return reading;
}

std::string file_time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

const char* to_string(mesh::ClockQuality quality) {
  switch (quality) {
    case mesh::ClockQuality::unknown:
      return "unknown";
    case mesh::ClockQuality::synchronised:
      return "synchronised";
    case mesh::ClockQuality::unsynchronised:
      return "unsynchronised";
    case mesh::ClockQuality::held:
      return "held";
    case mesh::ClockQuality::implausible:
      return "implausible";
    case mesh::ClockQuality::contradicted:
      return "contradicted";
  }
  return "unknown";
}

}  // namespace titan::pos
