#include "mesh/clock/clock_hold.h"

#include <catch2/catch.hpp>

using namespace titan;
using namespace titan::mesh;

namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t noon = 1'793'016'000'000;  // 2026-10-26T12:00:00Z

// A till whose wall clock is set by hand while its monotonic one runs, and whose journal bears the
// time that ClockHold lets it have.
struct Till {
  std::int64_t mono_ms = 5'000'000;
  std::int64_t wall_ms = noon;
  std::optional<std::int64_t> journal_ms;
  std::optional<std::int64_t> others_ms;  // minus the monotonic clock
  ClockHold hold;
  std::vector<std::string> alarms;
  int journals = 0;

  void pass(std::int64_t ms) {
    mono_ms += ms;
    wall_ms += ms;
  }
  bool look() {
    const auto others =
        others_ms ? std::optional(WallTime{mono_ms + *others_ms}) : std::optional<WallTime>{};
    const auto journal = journal_ms ? std::optional(WallTime{*journal_ms}) : std::nullopt;
    const bool leave = hold.look({{milliseconds(mono_ms)}, {wall_ms}}, journal, others);
    if (leave) {
      journal_ms.reset();
      ++journals;
    }
    for (const ClockNotice& notice : hold.take_notices()) alarms.push_back(notice.code);
    return leave;
  }
  // The time that an entry gets now.
  std::int64_t sell() {
    look();
    journal_ms = std::max(journal_ms.value_or(wall_ms), wall_ms);
    return *journal_ms;
  }
};

}  // namespace

TEST_CASE("A clock that slews or steps back by a second is held without a word") {
  Till till;
  CHECK(till.sell() == noon);
  till.wall_ms -= second;
  CHECK(till.sell() == noon);
  till.pass(2 * second);
  CHECK(till.sell() == noon + second);
  CHECK(till.alarms.empty());
  CHECK(till.journals == 0);
}

TEST_CASE("Minutes back are held until they have passed, and told once") {
  Till till;
  till.sell();
  till.wall_ms -= 7 * minute;
  CHECK(till.sell() == noon);
  till.pass(6 * minute);
  CHECK(till.sell() == noon);
  CHECK(till.alarms == std::vector<std::string>{"clock_back"});
  till.pass(2 * minute);
  CHECK(till.sell() == noon + minute);
  // Another episode is told again.
  till.wall_ms -= 5 * minute;
  till.sell();
  CHECK(till.alarms.size() == 2);
  CHECK(till.journals == 0);
}

TEST_CASE("A jump ahead that is taken back ends at once in a new journal") {
  for (const std::int64_t jump : {hour, day, 40 * day, 3650 * day}) {
    CAPTURE(jump);
    Till till;
    till.sell();
    till.pass(3 * minute);
    till.wall_ms += jump;
    CHECK(till.sell() == noon + 3 * minute + jump);
    till.pass(9 * minute);
    till.wall_ms -= jump + 2 * second;  // not to the second
    CHECK(till.sell() == noon + 12 * minute - 2 * second);
    CHECK(till.journals == 1);
    CHECK(till.alarms == std::vector<std::string>{"clock_ahead"});
  }
}

TEST_CASE("Two jumps ahead are taken back in one") {
  Till till;
  till.sell();
  till.wall_ms += 3 * day;
  till.sell();
  till.wall_ms += 400 * day;
  till.sell();
  till.wall_ms = noon + minute;
  till.mono_ms += minute;
  CHECK(till.sell() == noon + minute);
  CHECK(till.journals == 1);
}

TEST_CASE("What the process found ahead when it began is told from its first look on") {
  Till till;
  till.wall_ms += 3650 * day;
  till.sell();
  till.pass(minute);
  till.wall_ms -= 3650 * day;
  till.look();
  CHECK(till.journals == 1);
  CHECK(till.sell() == noon + minute);
  CHECK(till.alarms == std::vector<std::string>{"clock_ahead"});
}

TEST_CASE("A machine that slept was not ahead") {
  Till till;
  till.sell();
  till.wall_ms += 14 * hour;  // the monotonic clock stood still meanwhile
  CHECK(till.sell() == noon + 14 * hour);
  till.pass(hour);
  till.wall_ms -= second;
  till.sell();
  CHECK(till.alarms.empty());
  CHECK(till.journals == 0);
}

TEST_CASE("A dead clock never makes the till leave its journal") {
  Till till;
  till.sell();
  till.wall_ms = 10 * second;
  for (int i = 0; i < 50; ++i) {
    CHECK(till.sell() == noon);
    till.pass(hour);
  }
  CHECK(till.alarms == std::vector<std::string>{"clock_back"});
  CHECK(till.journals == 0);
}

TEST_CASE("A day back, uncontradicted, is believed after a while") {
  Till till;
  till.sell();
  till.wall_ms -= day;
  CHECK(till.sell() == noon);
  till.pass(119 * second);
  CHECK(till.sell() == noon);
  till.pass(second);
  CHECK(till.sell() == noon - day + 2 * minute);
  CHECK(till.alarms == std::vector<std::string>{"clock_back", "clock_ahead"});
}

TEST_CASE("The others' clocks decide who is right") {
  Till till;
  till.sell();
  till.others_ms = noon - till.mono_ms;
  till.wall_ms -= day;
  for (int i = 0; i < 30; ++i) {
    till.pass(20 * minute);
    till.sell();
  }
  CHECK(till.journals == 0);  // they have the day that the journal has

  Till ahead;
  ahead.wall_ms += day;
  ahead.sell();
  ahead.wall_ms -= day;
  ahead.others_ms = noon - ahead.mono_ms;
  CHECK(ahead.sell() == noon);
  CHECK(ahead.journals == 1);
}
