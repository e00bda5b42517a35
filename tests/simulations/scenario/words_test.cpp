#include "simulations/scenario/words.h"

#include <catch2/catch.hpp>

namespace titan::simulations {

TEST_CASE("durations read as a person writes them") {
  CHECK(parse_duration("10s") == seconds(10));
  CHECK(parse_duration("200ms") == milliseconds(200));
  CHECK(parse_duration("130us") == Duration(130));
  CHECK(parse_duration("1m30s") == seconds(90));
  CHECK(parse_duration("1.5s") == milliseconds(1500));
  CHECK(parse_duration("-2h") == seconds(-7200));
  CHECK(parse_duration("0") == Duration(0));
}

TEST_CASE("what is no duration is none") {
  for (const char* text : {"", "-", "10", "s", "10 s", "1s1s", "1s1m", "5x", "1.s", ".5s", "1e3s",
                           "1.1234567s", "99999999999999999999s", "9999999h", "10s "}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("a duration's text reads back as the same") {
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto value = static_cast<std::int64_t>(random.below(1ULL << random.below(44)));
    const Duration duration(random.below(4) == 0 ? -value : value);
    INFO(duration_text(duration));
    CHECK(parse_duration(duration_text(duration)) == duration);
  }
}

TEST_CASE("shares read as percent, fraction or number") {
  const auto is = [](const char* text, Ratio expected) {
    const auto read = parse_ratio(text);
    return read && same_ratio(*read, expected);
  };
  CHECK(is("2%", {2, 100}));
  CHECK(is("0.5%", {5, 1000}));
  CHECK(is("1/3", {1, 3}));
  CHECK(is("5", {5, 1}));
  CHECK(is("1.2", {12, 10}));
  for (const char* text : {"", "%", "1/0", "1/", "/2", "-1", "1.5/2", "2 %", "2%%"}) {
    INFO(text);
    CHECK_FALSE(parse_ratio(text));
  }
  CHECK(ratio_text({2, 100}) == "2%");
  CHECK(ratio_text({5, 1}) == "5");
  CHECK(ratio_text({1, 3}) == "1/3");
}

TEST_CASE("a slip of the pen is recognised, another word is not") {
  const std::vector<std::string_view> known = {"targets", "others", "groups"};
  CHECK(nearest("target", known) == "targets");
  CHECK(nearest("grups", known) == "groups");
  CHECK_FALSE(nearest("banana", known));
}

}  // namespace titan::simulations
