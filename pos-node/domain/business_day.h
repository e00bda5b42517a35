// Which day a sale belongs to: the store's calendar, and what a screen may state instead.
//
// A business day begins when the clocks in the shop first show `day_ends` ("04:00": a sale at 02:30
// belongs to yesterday) and lasts until they first show it on the next day. Counted by instants,
// so it never goes back where clocks are put back across its beginning, begins at the leap where
// the clocks leave its beginning out (midnight in Cairo or Santiago), and a day that the calendar
// left out (Apia, 2011-12-30) is nobody's.
//
// Pure but for reading the zone's file once, in make(); day_of() is thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace titan::pos {

class StoreCalendar {
 public:
  struct Day {
    std::int32_t utc_offset_minutes = 0;
    std::uint32_t business_date = 0;  // yyyymmdd
  };

  // `zone`: a name of the tz database ("Europe/Berlin"); empty: the system's. `day_ends`: "HH:MM",
  // empty: midnight. The error is written for whoever wrote the configuration.
  static Result<StoreCalendar> make(const std::string& zone, const std::string& day_ends);
  // The system's zone, days that end at midnight.
  StoreCalendar();

  Day day_of(WallTime time) const;
  // As configured, or how the system names its zone; "local time" if it does not.
  const std::string& zone() const { return name_; }
  // Minutes east of UTC at an instant.
  std::int32_t offset_at(WallTime time) const { return day_of(time).utc_offset_minutes; }

 private:
  struct Zone;  // of the library

  std::shared_ptr<const Zone> zone_;
  std::string name_;
  std::int64_t day_ends_minutes_ = 0;
};

// Minutes after midnight; nothing unless "HH:MM" before 24:00.
std::optional<std::int64_t> parse_time_of_day(std::string_view text);

// What is wrong with a time zone's name; nothing if the system's tz database has it.
std::optional<std::string> time_zone_complaint(const std::string& zone);
std::optional<std::string> day_ends_complaint(const std::string& day_ends);

// What is wrong with a business date that a screen states, if anything is.
std::optional<std::string> business_date_complaint(std::uint32_t yyyymmdd);

}  // namespace titan::pos
