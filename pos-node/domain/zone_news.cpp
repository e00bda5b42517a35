#include "pos-node/domain/zone_news.h"

#include <cstdlib>
#include <fstream>

namespace titan::pos {
namespace {

// From the tz database's own release notes (NEWS): what a zone must show at an instant.
struct ZoneNews {
  const char* zone;
  const char* what;
  const char* since;  // the release that has it
  WallTime at;
  std::int32_t utc_offset_minutes;
};

constexpr WallTime december_2026{1796126400000};  // 2026-12-01T12:00:00Z

constexpr ZoneNews all_news[] = {
    {"America/Vancouver", "British Columbia stays at UTC-7 all year from 2026 on", "2026b",
     december_2026, -7 * 60},
    {"Canada/Pacific", "British Columbia stays at UTC-7 all year from 2026 on", "2026b",
     december_2026, -7 * 60},
    {"America/Edmonton", "Alberta stays at UTC-6 all year from 2026 on", "2026c", december_2026,
     -6 * 60},
    {"Canada/Mountain", "Alberta stays at UTC-6 all year from 2026 on", "2026c", december_2026,
     -6 * 60},
    {"Africa/Casablanca", "Morocco is at UTC all year from 2026-09-20 on", "2026c", december_2026,
     0},
};

}  // namespace

std::string zone_data_version() {
  const char* set = std::getenv("TZDIR");
  const std::string folder = set != nullptr && *set != '\0' ? set : "/usr/share/zoneinfo";
  std::string word;
  std::ifstream names(folder + "/tzdata.zi");  // begins "# version 2025b"
  if (names >> word && word == "#" && names >> word && word == "version" && names >> word) {
    return word;
  }
  std::ifstream plain(folder + "/+VERSION");
  return plain >> word ? word : "";
}

std::optional<std::string> zone_data_complaint(const StoreCalendar& calendar) {
  for (const ZoneNews& news : all_news) {
    if (calendar.zone() != news.zone) continue;
    if (calendar.offset_at(news.at) == news.utc_offset_minutes) continue;
    const std::string version = zone_data_version();
    return "the time zone data of this machine" + (version.empty() ? "" : " (" + version + ")") +
           " is too old for " + news.zone + ": " + news.what + ", as release " + news.since +
           " of the tz database has it. Times and business dates are wrong by an hour; update "
           "the package tzdata and start titan-pos again";
  }
  return std::nullopt;
}

}  // namespace titan::pos
