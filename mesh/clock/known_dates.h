// The latest business date that a terminal without a clock can believe.
//
// A till whose battery died shows 1970 and still sells. What it knows of today is what the entries
// it holds say: its own last date, the other terminals', the cloud's. Any one of them may have had
// a clock years ahead, so a date counts only if two devices have reached it; the cloud's alone is
// enough, for head office signs it and keeps its clock. Alone, a till has but its own last date.
//
// Pure, single-threaded. Invariant: latest() never exceeds the second-latest date of all devices
// unless the cloud reached it or there is only one device.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "mesh/entry/entry.h"

namespace titan::mesh {

// What a business date may be at all; what lies outside is a typing error or a dead clock.
inline constexpr std::uint32_t business_date_min = 20000101;
inline constexpr std::uint32_t business_date_max = 21001231;
// Days between a stated business date and the one by the clock beyond which it is flagged: a shop
// books last night's till in the morning, also across a day on which it is closed.
inline constexpr std::int64_t business_date_days_max = 3;

bool is_calendar_date(std::uint32_t yyyymmdd);
// Days from one calendar date to another, both yyyymmdd.
std::int64_t days_between(std::uint32_t from, std::uint32_t to);
// By the entry's own time and offset; what a screen stated may differ.
std::uint32_t date_of_clock(const Envelope& envelope);

using KnownDates = std::map<DeviceId, std::uint32_t>;  // the latest of each device

// Whether the entry says anything about what day it is: its clock was not known to be wrong and its
// date is near its time.
bool tells_the_date(const Envelope& envelope);
void observe_date(KnownDates& known, const Envelope& envelope);
// 0: nothing is known. `cloud`: none if there is no cloud.
std::uint32_t latest_date(const KnownDates& known, const DeviceId& cloud);

}  // namespace titan::mesh
