#include "pos-node/domain/business_day.h"

#include <cctz/time_zone.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "mesh/clock/known_dates.h"

namespace titan::pos {
namespace {

using Instant = cctz::time_point<cctz::seconds>;

constexpr std::int64_t day_minutes = 24 * 60;

Instant instant_of(WallTime time) {
  return Instant(std::chrono::floor<cctz::seconds>(milliseconds(time.utc_ms)));
}

std::uint32_t number_of(const cctz::civil_day& day) {
  return static_cast<std::uint32_t>(day.year() * 10000 + day.month() * 100 + day.day());
}

// When the clocks first show this, or leap past it.
Instant first_instant(const cctz::time_zone& zone, const cctz::civil_second& shown) {
  const auto found = zone.lookup(shown);
  return found.kind == cctz::time_zone::civil_lookup::SKIPPED ? found.trans : found.pre;
}

bool is_in_calendar(const cctz::time_zone& zone, const cctz::civil_day& day) {
  const auto noon = cctz::civil_second(day) + 12 * 3600;
  return zone.lookup(noon).kind != cctz::time_zone::civil_lookup::SKIPPED;
}

// Only names below the database's folder: nothing of a configuration is opened as a path.
bool is_zone_name(const std::string& zone) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  };
  return !zone.empty() && zone.size() <= 64 && zone.front() != '/' &&
         std::all_of(zone.begin(), zone.end(), is_allowed);
}

std::string zone_folder() {
  const char* folder = std::getenv("TZDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/usr/share/zoneinfo";
}

// As the C library finds it: TZ, or else where /etc/localtime points to.
std::string system_zone_name() {
  if (const char* set = std::getenv("TZ"); set != nullptr && *set != '\0') {
    return *set == ':' ? set + 1 : set;
  }
  std::error_code failed;
  const std::string target = std::filesystem::canonical("/etc/localtime", failed).string();
  const std::string folder = std::filesystem::canonical(zone_folder(), failed).string() + "/";
  return !failed && target.starts_with(folder) ? target.substr(folder.size()) : "";
}

}  // namespace

struct StoreCalendar::Zone {
  cctz::time_zone rules;
  bool is_known = false;  // otherwise the C library's local time, which has no rules to ask
};

StoreCalendar::StoreCalendar() {
  auto zone = std::make_shared<Zone>();
  const std::string name = system_zone_name();
  zone->is_known = is_zone_name(name) && cctz::load_time_zone(name, &zone->rules);
  name_ = zone->is_known ? name : "local time";
  zone_ = std::move(zone);
}

Result<StoreCalendar> StoreCalendar::make(const std::string& zone, const std::string& day_ends) {
  if (const auto complaint = time_zone_complaint(zone)) {
    return make_error(ErrorCode::invalid, "store.time_zone " + *complaint);
  }
  if (const auto complaint = day_ends_complaint(day_ends)) {
    return make_error(ErrorCode::invalid, "store.day_ends " + *complaint);
  }
  StoreCalendar calendar;
  if (!day_ends.empty()) calendar.day_ends_minutes_ = *parse_time_of_day(day_ends);
  if (zone.empty()) return calendar;
  auto named = std::make_shared<Zone>();
  named->is_known = cctz::load_time_zone(zone, &named->rules);
  calendar.zone_ = std::move(named);
  calendar.name_ = zone;
  return calendar;
}

StoreCalendar::Day StoreCalendar::day_of(WallTime time) const {
  const Instant now = instant_of(time);
  if (!zone_->is_known) {
    const std::time_t seconds = now.time_since_epoch().count();
    std::tm local{};
    localtime_r(&seconds, &local);
    const cctz::civil_second shown(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                                   local.tm_hour, local.tm_min, local.tm_sec);
    return {static_cast<std::int32_t>(local.tm_gmtoff / 60),
            number_of(cctz::civil_day(shown - 60 * day_ends_minutes_))};
  }
  const auto shown = zone_->rules.lookup(now);
  const auto begins = [&](const cctz::civil_day& day) {
    return first_instant(zone_->rules, cctz::civil_second(day) + 60 * day_ends_minutes_);
  };
  cctz::civil_day day(shown.cs - 60 * day_ends_minutes_);
  while (begins(day + 1) <= now) ++day;
  while (!is_in_calendar(zone_->rules, day)) --day;
  return {static_cast<std::int32_t>(shown.offset / 60), number_of(day)};
}

std::optional<std::int64_t> parse_time_of_day(std::string_view text) {
  const auto digit = [&](std::size_t at) -> std::int64_t {
    return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100;
  };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const std::int64_t hours = digit(0) * 10 + digit(1);
  const std::int64_t minutes = digit(3) * 10 + digit(4);
  if (minutes >= 60 || hours * 60 + minutes >= day_minutes) return std::nullopt;
  return hours * 60 + minutes;
}

std::optional<std::string> time_zone_complaint(const std::string& zone) {
  if (zone.empty()) return std::nullopt;
  cctz::time_zone loaded;
  // The library makes up zones of names of its own, which no other program knows.
  const bool is_made_up = zone.starts_with("Fixed/");
  if (is_zone_name(zone) && !is_made_up && cctz::load_time_zone(zone, &loaded)) {
    return std::nullopt;
  }
  std::error_code failed;
  if (!std::filesystem::exists(zone_folder(), failed)) {
    return "cannot be looked up: " + zone_folder() +
           " is missing on this machine; install the package tzdata";
  }
  return "\"" + zone +
         "\" is not a time zone that this machine knows; write it as continent and "
         "city with capitals, such as \"Europe/Berlin\" (`timedatectl list-timezones` lists all), "
         "or leave it out for the system's own";
}

std::optional<std::string> day_ends_complaint(const std::string& day_ends) {
  if (day_ends.empty() || parse_time_of_day(day_ends)) return std::nullopt;
  return "must be a time of day from \"00:00\" to \"23:59\", such as \"04:00\"";
}

std::optional<std::string> business_date_complaint(std::uint32_t yyyymmdd) {
  if (yyyymmdd >= mesh::business_date_min && yyyymmdd <= mesh::business_date_max) {
    return std::nullopt;
  }
  return "must be a day from 2000-01-01 to 2100-12-31; leave it out for today";
}

}  // namespace titan::pos
