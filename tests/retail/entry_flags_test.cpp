#include "retail/entry_flags.h"

#include <catch2/catch.hpp>

using namespace titan;
using namespace titan::retail;
using mesh::ClockQuality;

namespace {

using Flags = std::vector<std::string_view>;

mesh::Envelope sold(ClockQuality quality, std::uint32_t business_date) {
  mesh::Envelope envelope;
  envelope.time.utc_ms = 1'793'016'000'000;  // 2026-10-26T12:00:00Z
  envelope.clock_quality = quality;
  envelope.business_date = business_date;
  return envelope;
}

}  // namespace

TEST_CASE("A sale of today by a clock that runs has no flag") {
  CHECK(envelope_flags(sold(ClockQuality::synchronised, 20261026)).empty());
  CHECK(envelope_flags(sold(ClockQuality::unsynchronised, 20261025)).empty());
  CHECK(envelope_flags(sold(ClockQuality::unknown, 20261029)).empty());
}

TEST_CASE("A clock that is not to be believed is told") {
  CHECK(envelope_flags(sold(ClockQuality::held, 20261026)) == Flags{flag::clock_held});
  CHECK(envelope_flags(sold(ClockQuality::contradicted, 20261026)) ==
        Flags{flag::clock_contradicted});
  // Dead while the journal had a time to hold, and dead from the start.
  CHECK(envelope_flags(sold(ClockQuality::implausible, 20261026)) ==
        Flags{flag::clock_held, flag::clock_implausible});
  mesh::Envelope dead = sold(ClockQuality::implausible, 20261026);
  dead.time.utc_ms = 5000;
  CHECK(envelope_flags(dead) == Flags{flag::clock_implausible});
  dead.time.utc_ms = 253'402'300'800'000;  // the year 10000
  CHECK(envelope_flags(dead) == Flags{flag::clock_implausible});
}

TEST_CASE("A business date far from the day of the sale is told, also one that does not exist") {
  for (const std::uint32_t date : {20261030u, 20261022u, 20250101u, 99991231u, 101u, 20260230u}) {
    CAPTURE(date);
    CHECK(envelope_flags(sold(ClockQuality::synchronised, date)) ==
          Flags{flag::business_date_differs});
  }
}
