#include "mesh/clock/known_dates.h"

#include <catch2/catch.hpp>

using namespace titan;
using namespace titan::mesh;

namespace {

DeviceId device(char name) {
  return DeviceId::from_bytes(Bytes(DeviceId::size, name)).value();
}

}  // namespace

TEST_CASE("A calendar date exists") {
  CHECK(is_calendar_date(20240229));
  CHECK_FALSE(is_calendar_date(20230229));
  CHECK_FALSE(is_calendar_date(20261301));
  CHECK_FALSE(is_calendar_date(101));
  CHECK_FALSE(is_calendar_date(0));
  CHECK(days_between(20261230, 20270102) == 3);
}

TEST_CASE("The latest date is one that two devices have reached") {
  const DeviceId cloud = device('c');
  CHECK(latest_date({}, cloud) == 0);
  CHECK(latest_date({{device('a'), 20261126}}, cloud) == 20261126);
  // Ten years ahead, and alone with it: its own as well as another's.
  CHECK(latest_date({{device('a'), 20361126}, {device('b'), 20261127}}, cloud) == 20261127);
  CHECK(latest_date({{device('a'), 20361126}, {device('b'), 20261127}, {device('d'), 20250101}},
                    {}) == 20261127);
  CHECK(latest_date({{device('a'), 20261126}, {cloud, 20261128}}, cloud) == 20261128);
  CHECK(latest_date({{device('a'), 20361126}, {cloud, 20261128}}, cloud) == 20261128);
}

TEST_CASE("An entry tells the day only with a clock that may be right") {
  Envelope envelope;
  envelope.device = device('a');
  envelope.time.utc_ms = 1'793'016'000'000;  // 2026-10-26T12:00:00Z
  envelope.utc_offset_minutes = 60;
  envelope.business_date = 20261026;
  KnownDates known;
  observe_date(known, envelope);
  CHECK(known.at(envelope.device) == 20261026);

  envelope.business_date = 20261130;  // stated, not read from a clock
  CHECK_FALSE(tells_the_date(envelope));
  envelope.business_date = 20261027;
  envelope.clock_quality = ClockQuality::implausible;
  CHECK_FALSE(tells_the_date(envelope));
  envelope.clock_quality = ClockQuality::contradicted;
  CHECK_FALSE(tells_the_date(envelope));
  envelope.clock_quality = ClockQuality::held;
  CHECK(tells_the_date(envelope));
  envelope.time.utc_ms = 12;
  CHECK_FALSE(tells_the_date(envelope));
  envelope.time.utc_ms = 4'133'980'800'000;  // 2101-01-01
  envelope.business_date = 21001231;
  CHECK_FALSE(tells_the_date(envelope));
}

TEST_CASE("The date of the clock is the one on the wall of the shop") {
  Envelope envelope;
  envelope.time.utc_ms = 1'792'969'200'000;  // 2026-10-25T23:00:00Z
  CHECK(date_of_clock(envelope) == 20261025);
  envelope.utc_offset_minutes = 60;
  CHECK(date_of_clock(envelope) == 20261026);
  envelope.utc_offset_minutes = -2'000'000'000;
  CHECK(date_of_clock(envelope) == 19700101);
  envelope.time.utc_ms = INT64_MAX;
  envelope.utc_offset_minutes = 2'000'000'000;
  CHECK(date_of_clock(envelope) == 99991231);
}
