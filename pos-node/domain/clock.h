// The terminal's clock, read once per request: time, zone, local date, and how far to trust it.
//
// A till sells with any clock; its quality is written into each entry so that a report can tell.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "mesh/clock/clock_hold.h"
#include "mesh/entry/entry.h"
#include "pos-node/domain/business_day.h"

namespace titan::pos {

using mesh::is_plausible;

struct ClockReading {
  WallTime time;
  std::int32_t utc_offset_minutes = 0;
  std::uint32_t local_date = 0;  // yyyymmdd, the business day by the store's calendar
  mesh::ClockQuality quality = mesh::ClockQuality::unknown;
};

// Without the kernel's word on the quality: implausible or unknown. A clock beyond the last
// business date there is tells no day either: 1970-01-01, and no offset.
ClockReading read_wall_clock(WallTime time, const StoreCalendar& calendar);
// Asks the kernel (clock_gettime, adjtimex) and the store's calendar.
ClockReading read_system_clock(const StoreCalendar& calendar);

// "20111006T091700Z", now: for the name of a file set aside.
std::string file_time_stamp();

// "synchronised", "unsynchronised", "held", "implausible", "unknown".
const char* to_string(mesh::ClockQuality quality);

}  // namespace titan::pos
