// Field report 18: clocks that differ are told, once each, and of the right terminal.
#include "pos-node/watches/clock_watch.h"

#include <catch2/catch.hpp>

#include "pos-node/domain/clock.h"

namespace titan::pos {
namespace {

mesh::MemberView member(int number, std::optional<std::int64_t> skew_ms) {
  mesh::MemberView view;
  view.member.terminal = "till-" + std::to_string(number);
  view.member.process.bytes[0] = static_cast<std::uint8_t>(number);
  view.clock_skew_ms = skew_ms;
  return view;
}

using Texts = std::vector<std::string>;

TEST_CASE("A dead clock is told once, and again after it lived") {
  ClockWatch watch;
  const WallTime alive{1'793'016'000'000};
  CHECK_FALSE(watch.look_at_own(alive));
  const auto told = watch.look_at_own({86'400'000});
  REQUIRE(told);
  CHECK(told->find("1970-01-02T00:00:00Z") != std::string::npos);
  CHECK_FALSE(watch.look_at_own({86'401'000}));
  CHECK_FALSE(watch.look_at_own(alive));
  CHECK(watch.look_at_own({0}));
}

TEST_CASE("A clock beyond 2100 is as implausible as a dead one, whatever its year") {
  const WallTime last{4'133'980'799'999};  // 2100-12-31T23:59:59.999Z
  const StoreCalendar calendar = StoreCalendar::make("Europe/Berlin", "").value();
  ClockReading reading = read_wall_clock({last.utc_ms - 3'600'000}, calendar);
  CHECK(reading.quality != mesh::ClockQuality::implausible);
  CHECK(reading.local_date == 21001231);
  for (const std::int64_t ms :
       {last.utc_ms + 1, std::int64_t{253'402'300'800'000}, std::int64_t{9'000'000'000'000'000}}) {
    CAPTURE(ms);
    reading = read_wall_clock({ms}, calendar);
    CHECK(reading.quality == mesh::ClockQuality::implausible);
    CHECK(reading.time.utc_ms == ms);
    CHECK(reading.local_date == 19700101);
    ClockWatch watch;
    const auto told = watch.look_at_own({ms});
    REQUIRE(told);
    CHECK(told->find("set by mistake") != std::string::npos);
    CHECK(told->find("battery") == std::string::npos);
    CHECK_FALSE(watch.look_at_own({ms + 1000}));
    CHECK_FALSE(watch.look_at_own(last));
  }
  CHECK(read_wall_clock({5000}, calendar).local_date == 19700101);
}

TEST_CASE("one clock that is wrong is told once, and again after it was right meanwhile") {
  ClockWatch watch;
  const std::vector<mesh::MemberView> wrong{member(1, 3500), member(2, 40), member(3, -1900)};
  const Texts alarms = watch.look(wrong);
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].find("the clock of till-1 is 3 s ahead of this terminal's") == 0);
  CHECK(watch.look(wrong).empty());
  // Around the limit it is not told again and again.
  CHECK(watch.look({member(1, 1900), member(2, 40)}).empty());
  CHECK(watch.look(wrong).empty());
  CHECK(watch.look({member(1, 900), member(2, 40)}).empty());
  CHECK(watch.look(wrong).size() == 1);
}

TEST_CASE("where most others differ, this terminal's own clock is named") {
  ClockWatch watch;
  const std::vector<mesh::MemberView> members{member(1, 7'200'000), member(2, 7'200'400),
                                              member(3, 7'199'600), member(4, std::nullopt)};
  const Texts alarms = watch.look(members);
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].find("this terminal's clock is about 2 h behind those of 3 other") == 0);
  CHECK(watch.look(members).empty());
  CHECK(watch.look({member(1, 3), member(2, 4), member(3, 5)}).empty());
  CHECK(watch.look(members).size() == 1);
}

TEST_CASE("of two terminals each names the other; the dead and oneself do not count") {
  ClockWatch watch;
  auto self = member(1, 0);
  self.is_self = true;
  auto dead = member(3, 99'000);
  dead.state = mesh::MemberState::dead;
  const Texts alarms = watch.look({self, member(2, -1'318'000'000'000), dead});
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].find("the clock of till-2 is 15254 days behind this terminal's") == 0);
}

}  // namespace
}  // namespace titan::pos
