// The terminal's clock, read once per request: time, zone, local date, and how far to trust it.
//
// A till sells with any clock; its quality is written into each entry so that a report can tell.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "mesh/entry.h"

namespace titan::pos {

// A clock that shows less than this lost its battery: 2025-01-01T00:00:00Z.
inline constexpr WallTime plausible_time_min{1735689600000};

struct ClockReading {
  WallTime time;
  std::int32_t utc_offset_minutes = 0;
  std::uint32_t local_date = 0;  // yyyymmdd, the default business date
  mesh::ClockQuality quality = mesh::ClockQuality::unknown;
};

// Asks the kernel (clock_gettime, adjtimex) and the system's time zone.
ClockReading read_system_clock();

// "20111006T091700Z", now: for the name of a file set aside.
std::string file_time_stamp();

// "synchronised", "unsynchronised", "held", "implausible", "unknown".
const char* to_string(mesh::ClockQuality quality);

}  // namespace titan::pos
