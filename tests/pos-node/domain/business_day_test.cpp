// Which day a sale belongs to, in every zone and through every change of clocks.
#include "pos-node/domain/business_day.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pos-node/domain/zone_news.h"

using namespace titan;
using namespace titan::pos;

namespace {

// "2026-04-23T21:59:59" in UTC.
WallTime utc(const char* text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  REQUIRE(std::sscanf(text, "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) ==
          6);
  const std::chrono::sys_days date{std::chrono::year(year) / month / day};
  const std::int64_t seconds = hour * 3600 + minute * 60 + second;
  return {(date.time_since_epoch().count() * 86'400LL + seconds) * 1000};
}

StoreCalendar calendar(const char* zone, const char* day_ends = "00:00") {
  return StoreCalendar::make(zone, day_ends).value();
}

// Every minute of some days: the date only ascends, and each minute has one.
void check_ascends(const StoreCalendar& shop, const char* from, int hours) {
  std::uint32_t last = 0;
  for (int minute = 0; minute < hours * 60; ++minute) {
    const auto day = shop.day_of({utc(from).utc_ms + minute * 60'000LL});
    if (day.business_date < last) FAIL("back from " << last << " to " << day.business_date);
    last = day.business_date;
  }
}

}  // namespace

TEST_CASE("A day begins at midnight in the shop, or when the day before ends") {
  const StoreCalendar berlin = calendar("Europe/Berlin");
  CHECK(berlin.day_of(utc("2026-10-24T21:59:59")).business_date == 20261024);
  CHECK(berlin.day_of(utc("2026-10-24T22:00:00")).business_date == 20261025);
  CHECK(berlin.day_of(utc("2026-10-24T22:00:00")).utc_offset_minutes == 120);
  const StoreCalendar bar = calendar("Europe/Berlin", "04:00");
  CHECK(bar.day_of(utc("2026-07-11T01:59:59")).business_date == 20260710);
  CHECK(bar.day_of(utc("2026-07-11T02:00:00")).business_date == 20260711);
  CHECK(calendar("Asia/Kathmandu").day_of(utc("2026-07-11T00:00:00")).utc_offset_minutes == 345);
  CHECK(calendar("Asia/Kathmandu").day_of(utc("2026-07-10T18:15:00")).business_date == 20260711);
  CHECK(calendar("America/St_Johns").day_of(utc("2026-01-11T03:29:00")).business_date == 20260110);
  // Before 1970, too: a clock may show anything.
  CHECK(calendar("Etc/UTC").day_of({-1}).business_date == 19691231);
}

TEST_CASE("A day without midnight begins at the leap") {
  const StoreCalendar cairo = calendar("Africa/Cairo");  // 2026-04-24, 00:00 to 01:00
  CHECK(cairo.day_of(utc("2026-04-23T21:59:59")).business_date == 20260423);
  CHECK(cairo.day_of(utc("2026-04-23T22:00:00")).business_date == 20260424);
  CHECK(cairo.day_of(utc("2026-04-23T22:00:00")).utc_offset_minutes == 180);
  const StoreCalendar santiago = calendar("America/Santiago");  // 2026-09-06
  CHECK(santiago.day_of(utc("2026-09-06T03:59:59")).business_date == 20260905);
  CHECK(santiago.day_of(utc("2026-09-06T04:00:00")).business_date == 20260906);
  CHECK(calendar("Africa/Cairo", "00:30").day_of(utc("2026-04-23T22:00:00")).business_date ==
        20260424);
  // One that ends in the hour that the clocks leave out.
  const StoreCalendar berlin = calendar("Europe/Berlin", "02:30");
  CHECK(berlin.day_of(utc("2026-03-29T00:59:59")).business_date == 20260328);
  CHECK(berlin.day_of(utc("2026-03-29T01:00:00")).business_date == 20260329);
}

TEST_CASE("An hour that comes twice does not bring yesterday back") {
  const StoreCalendar berlin = calendar("Europe/Berlin", "02:30");
  CHECK(berlin.day_of(utc("2026-10-25T00:29:59")).business_date == 20261024);
  CHECK(berlin.day_of(utc("2026-10-25T00:30:00")).business_date == 20261025);
  CHECK(berlin.day_of(utc("2026-10-25T01:10:00")).business_date == 20261025);  // 02:10 once more
  for (const char* ends : {"00:00", "00:30", "02:30", "23:30"}) {
    check_ascends(calendar("Europe/Berlin", ends), "2026-10-24T00:00:00", 60);
    check_ascends(calendar("America/Havana", ends), "2026-10-31T00:00:00", 60);
    check_ascends(calendar("America/Santiago", ends), "2026-04-04T00:00:00", 60);
    check_ascends(calendar("Africa/Cairo", ends), "2026-10-29T00:00:00", 60);
    check_ascends(calendar("Australia/Lord_Howe", ends), "2026-04-04T00:00:00", 60);
    check_ascends(calendar("America/St_Johns", ends), "2006-10-28T00:00:00", 72);
  }
}

TEST_CASE("A day that the calendar left out is nobody's") {
  for (const char* ends : {"00:00", "04:00", "23:00"}) {
    const StoreCalendar apia = calendar("Pacific/Apia", ends);
    for (int hour = 0; hour < 96; ++hour) {
      const WallTime at{utc("2011-12-29T00:00:00").utc_ms + hour * 3'600'000LL};
      CHECK(apia.day_of(at).business_date != 20111230);
    }
    check_ascends(apia, "2011-12-29T00:00:00", 96);
  }
  CHECK(calendar("Pacific/Apia").day_of(utc("2011-12-30T09:59:59")).business_date == 20111229);
  CHECK(calendar("Pacific/Apia").day_of(utc("2011-12-30T10:00:00")).business_date == 20111231);
  CHECK(calendar("Pacific/Apia", "04:00").day_of(utc("2011-12-30T12:00:00")).business_date ==
        20111229);
}

TEST_CASE("What is not a time zone is refused with what to write") {
  for (const char* zone : {"Berlin", "Europe/Berlinn", "europe/berlin", "/etc/passwd", "../../etc",
                           "UTC+1 ", "Fixed/UTC+01:00:00", "libc:Europe/Berlin", "Europe/"}) {
    const auto made = StoreCalendar::make(zone, "");
    CAPTURE(zone);
    REQUIRE(made.has_error());
    CHECK(made.error().message.find("Europe/Berlin") != std::string::npos);
  }
  for (const char* ends : {"4:00", "24:00", "04:60", "0400", "04:0x", "four", "04:00:00"}) {
    CHECK(day_ends_complaint(ends));
  }
  CHECK_FALSE(day_ends_complaint("23:59"));
  CHECK(StoreCalendar::make("", "").value().day_of(utc("2026-07-11T12:00:00")).business_date >=
        20260711);
}

TEST_CASE("A stated day lies in this century") {
  for (const std::uint32_t date : {101u, 19991231u, 21010101u, 99991231u}) {
    CHECK(business_date_complaint(date));
  }
  for (const std::uint32_t date : {20000101u, 20261129u, 21001231u}) {
    CHECK_FALSE(business_date_complaint(date));
  }
}

TEST_CASE("Zone data that is too old for the store's zone is told") {
  // Whatever this machine has: what a zone shows decides, not how old its data calls itself.
  for (const char* zone : {"America/Vancouver", "America/Edmonton", "Africa/Casablanca"}) {
    const StoreCalendar shop = calendar(zone);
    const auto complaint = zone_data_complaint(shop);
    if (!complaint) continue;
    CHECK(complaint->find(zone) != std::string::npos);
    CHECK(complaint->find("tzdata") != std::string::npos);
  }
  const bool is_old =
      calendar("America/Vancouver").offset_at(utc("2026-12-01T12:00:00")) == -8 * 60;
  CHECK(zone_data_complaint(calendar("America/Vancouver")).has_value() == is_old);
  CHECK_FALSE(zone_data_complaint(calendar("Europe/Berlin")));
}
