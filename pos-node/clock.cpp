#include "pos-node/clock.h"

#include <sys/timex.h>

#include <ctime>

namespace titan::pos {

ClockReading read_system_clock() {
  ClockReading reading;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  reading.time.utc_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;

  std::tm local{};
  localtime_r(&now.tv_sec, &local);
  reading.utc_offset_minutes = static_cast<std::int32_t>(local.tm_gmtoff / 60);
  reading.local_date = static_cast<std::uint32_t>((local.tm_year + 1900) * 10000 +
                                                  (local.tm_mon + 1) * 100 + local.tm_mday);

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
  }
  return "unknown";
}

}  // namespace titan::pos
