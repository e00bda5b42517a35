#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "retail/units.h"

using namespace titan;
using namespace titan::retail;

namespace {

std::string converted(const char* quantity, const char* from, const char* to) {
  const auto result = convert_quantity(parse_decimal(quantity).value(), from, to);
  return result ? to_text(*result) : "refused: " + result.error().message;
}

bool is_refused(const std::string& answer, std::string_view reason) {
  return answer.starts_with("refused") && answer.find(reason) != std::string::npos;
}

}  // namespace

TEST_CASE("one unit has many names") {
  for (const char* kilo : {"kg", "KG", "Kg", "kg.", " kg", "KGM", "kilo"}) {
    CHECK(same_unit(kilo, "kg"));
  }
  for (const char* piece : {"", "Stk", "stk.", "pcs", "PC", "ea", "EA", "each", "H87",
                            "St\xC3\xBC"
                            "ck"}) {
    INFO(piece);
    CHECK(same_unit(piece, ""));
  }
  CHECK_FALSE(same_unit("kg", "g"));
  CHECK_FALSE(same_unit("m", "m2"));
  CHECK(same_unit("Bund", "bund"));  // a shop's own
  CHECK_FALSE(same_unit("Bund", ""));
  CHECK(is_measure_unit("l"));
  CHECK_FALSE(is_measure_unit(""));
  CHECK_FALSE(is_measure_unit("Bund"));
}

TEST_CASE("what is defined exactly converts exactly") {
  CHECK(converted("640", "g", "kg") == "0.64");
  CHECK(converted("0.64", "KG", "g") == "640");
  CHECK(converted("250", "mg", "g") == "0.25");
  CHECK(converted("330", "ml", "l") == "0.33");
  CHECK(converted("1.5", "l", "cl") == "150");
  CHECK(converted("80", "cm", "m") == "0.8");
  CHECK(converted("1000", "lb", "kg") == "453.59237");
  CHECK(converted("16", "oz", "lb") == "1");
  CHECK(converted("12", "in", "ft") == "1");
  CHECK(converted("1", "in", "cm") == "2.54");
  CHECK(converted("2", "dozen", "") == "24");
  CHECK(converted("-640", "g", "kg") == "-0.64");
  CHECK(converted("3.50", "kg", "KG") == "3.50");
}

TEST_CASE("what does not convert is refused with both units and the reason") {
  CHECK(is_refused(converted("640", "g", ""), "640 g cannot be counted in pieces"));
  CHECK(is_refused(converted("1", "g", "l"), "do not measure the same thing"));
  CHECK(is_refused(converted("1", "Bund", "kg"), "\"Bund\" is no unit that is known"));
  CHECK(is_refused(converted("1", "kg", "Bund"), "\"Bund\" is no unit that is known"));
  CHECK(is_refused(converted("1", "lb", "kg"), "more than 6 decimals"));
  CHECK(is_refused(converted("0.0001", "g", "kg"), "more than 6 decimals"));
  CHECK(is_refused(converted("999999999999999999", "t", "mg"), "too much"));
}

TEST_CASE("there and back is the same quantity") {
  const std::vector<std::pair<const char*, const char*>> pairs = {
      {"kg", "g"}, {"g", "mg"}, {"l", "ml"}, {"l", "cl"}, {"m", "cm"}, {"m", "mm"}, {"ft", "in"}};
  REQUIRE(rc::check([&] {
    const auto [large, small] = *rc::gen::elementOf(pairs);
    const Decimal quantity{*rc::gen::inRange<std::int64_t>(-1'000'000'000, 1'000'000'000),
                           *rc::gen::inRange(0U, 7U)};
    const auto there = convert_quantity(quantity, large, small);
    RC_ASSERT(there.has_value());
    const auto back = convert_quantity(*there, small, large);
    RC_ASSERT(back.has_value());
    RC_ASSERT(rescale_exactly(*back, 6) == rescale_exactly(quantity, 6));
  }));
}
