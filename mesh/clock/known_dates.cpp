#include "mesh/clock/known_dates.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "mesh/clock/clock_hold.h"

namespace titan::mesh {
namespace {

using std::chrono::year_month_day;

year_month_day calendar_of(std::uint32_t date) {
  return {std::chrono::year(static_cast<int>(date / 10000)), std::chrono::month(date / 100 % 100),
          std::chrono::day(date % 100)};
}

}  // namespace

bool is_calendar_date(std::uint32_t yyyymmdd) {
  return yyyymmdd >= 10101 && yyyymmdd <= 99991231 && calendar_of(yyyymmdd).ok();
}

std::int64_t days_between(std::uint32_t from, std::uint32_t to) {
  const std::chrono::sys_days first{calendar_of(from)};
  const std::chrono::sys_days last{calendar_of(to)};
  return (last - first).count();
}

std::uint32_t date_of_clock(const Envelope& envelope) {
  using namespace std::chrono;
  constexpr std::int64_t ms_max = 253'402'300'799'999;  // the end of the year 9999
  const std::int64_t local_ms = std::clamp<std::int64_t>(envelope.time.utc_ms, 0, ms_max) +
                                std::int64_t{envelope.utc_offset_minutes} * 60'000;
  const std::int64_t clamped_ms = std::clamp<std::int64_t>(local_ms, 0, ms_max);
  const year_month_day date{floor<days>(sys_time<milliseconds>(milliseconds(clamped_ms)))};
  return static_cast<std::uint32_t>(static_cast<int>(date.year())) * 10000 +
         static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day());
}

bool tells_the_date(const Envelope& envelope) {
  if (envelope.clock_quality == ClockQuality::implausible ||
      envelope.clock_quality == ClockQuality::contradicted) {
    return false;
  }
  const std::uint32_t date = envelope.business_date;
  if (!is_plausible(envelope.time) || !is_calendar_date(date)) return false;
  if (date < business_date_min || date > business_date_max) return false;
  const std::int64_t days = days_between(date_of_clock(envelope), date);
  return days >= -business_date_days_max && days <= business_date_days_max;
}

void observe_date(KnownDates& known, const Envelope& envelope) {
  if (!tells_the_date(envelope)) return;
  std::uint32_t& latest = known[envelope.device];
  latest = std::max(latest, envelope.business_date);
}

std::uint32_t latest_date(const KnownDates& known, const DeviceId& cloud) {
  std::vector<std::uint32_t> dates;
  std::uint32_t of_cloud = 0;
  for (const auto& [device, date] : known) {
    dates.push_back(date);
    if (!cloud.is_none() && device == cloud) of_cloud = date;
  }
  if (dates.empty()) return 0;
  std::sort(dates.rbegin(), dates.rend());
  return std::max(of_cloud, dates.size() == 1 ? dates[0] : dates[1]);
}

}  // namespace titan::mesh
