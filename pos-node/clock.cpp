#include "pos-node/clock.h"

#include <sys/timex.h>

#include <ctime>

namespace titan::pos {

ClockReading read_system_clock(const StoreCalendar& calendar) {
  ClockReading reading;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  reading.time.utc_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;

  const StoreCalendar::Day day = calendar.day_of(reading.time);
  reading.utc_offset_minutes = day.utc_offset_minutes;
  reading.local_date = day.business_date;

  if (reading.time < plausible_time_min) {
    reading.quality = mesh::ClockQuality::implausible;
    return reading;
  }
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
