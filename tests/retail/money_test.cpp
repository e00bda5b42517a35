#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "retail/currency.h"
#include "retail/money.h"
#include "retail/tax_sums.h"

using namespace titan;
using namespace titan::retail;

namespace {

Decimal any_decimal() {
  const auto scale = *rc::gen::inRange<std::uint32_t>(0, 7);
  const auto value = *rc::gen::inRange<std::int64_t>(-999'999'999'999'999, 999'999'999'999'999);
  return {value, scale};
}

}  // namespace

TEST_CASE("a decimal survives the way to text and back") {
  REQUIRE(rc::check([] {
    const Decimal decimal = any_decimal();
    const auto again = parse_decimal(to_text(decimal));
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == decimal);
  }));
}

TEST_CASE("the short text means the same amount") {
  REQUIRE(rc::check([] {
    const Decimal decimal = any_decimal();
    const auto again = parse_decimal(to_short_text(decimal.value, decimal.scale));
    RC_ASSERT(again.has_value());
    RC_ASSERT(rescale_exactly(*again, 6) == rescale_exactly(decimal, 6));
  }));
}

TEST_CASE("decimal texts that are refused") {
  for (const char* text : {"", "-", "+", ".", "1.", ".5", "1,5", "1e3", " 1", "1 ", "--1", "0x1",
                           "1.2.3", "1.1234567", "1234567890123456789", "NaN", "12a",
                           "\xC2\xA3"
                           "1"}) {
    INFO(text);
    const auto parsed = parse_decimal(text);
    CHECK(parsed.has_error());
    if (parsed.has_error()) CHECK(parsed.error().message.find("\"") == 0);
  }
}

TEST_CASE("decimal texts that are taken") {
  CHECK(*parse_decimal("2.50") == Decimal{250, 2});
  CHECK(*parse_decimal("-0.001") == Decimal{-1, 3});
  CHECK(*parse_decimal("+7") == Decimal{7, 0});
  CHECK(*parse_decimal("000000000000000000000012") == Decimal{12, 0});
  CHECK(to_text(-5, 2) == "-0.05");
  CHECK(to_text(std::numeric_limits<std::int64_t>::min(), 2) == "-92233720368547758.08");
  CHECK(to_short_text(2'500'000, 6) == "2.5");
  CHECK(to_short_text(0, 6) == "0");
}

TEST_CASE("rounding is half away from zero and symmetrical") {
  CHECK(rescale_rounded(25, 1, 0) == 3);
  CHECK(rescale_rounded(-25, 1, 0) == -3);
  CHECK(rescale_rounded(24, 1, 0) == 2);
  CHECK(multiply_rounded({5, 3}, {1, 0}, 2) == 1);  // 0.005 is one penny
  CHECK(multiply_rounded({1, 3}, {4, 0}, 2) == 0);  // 0.004 is none
  REQUIRE(rc::check([] {
    const Decimal price = any_decimal();
    const Decimal quantity{*rc::gen::inRange<std::int64_t>(-80'995, 80'996), 0};
    const auto there = multiply_rounded(price, quantity, 2);
    const auto back = multiply_rounded(price, {-quantity.value, 0}, 2);
    RC_ASSERT(there.has_value() == back.has_value());
    if (there) RC_ASSERT(*there == -*back);
  }));
}

TEST_CASE("a rounded product is at most half a unit off") {
  REQUIRE(rc::check([] {
    const Decimal price{*rc::gen::inRange<std::int64_t>(-10'000'000, 10'000'000), 3};
    const Decimal quantity{*rc::gen::inRange<std::int64_t>(-1'000'000, 1'000'000), 3};
    const auto minor = multiply_rounded(price, quantity, 2);
    RC_ASSERT(minor.has_value());
    const std::int64_t exact = price.value * quantity.value;  // at scale 6
    const std::int64_t error = exact - *minor * 10'000;
    RC_ASSERT(error >= -5'000 && error <= 5'000);
  }));
}

TEST_CASE("what does not fit 64 bits is said, not wrapped") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(multiply_rounded({most, 0}, {2, 0}, 0));
  CHECK_FALSE(rescale_exactly({most, 0}, 1));
  CHECK_FALSE(rescale_exactly({123, 2}, 1));  // would lose a digit
  CHECK_FALSE(proportion_rounded(most, 20'000, 10'000));
  std::int64_t sum = most;
  CHECK_FALSE(add_checked(sum, 1));
  CHECK(sum == most);
  sum = -most;
  CHECK_FALSE(subtract_checked(sum, 2));
}

TEST_CASE("included tax and net make the total to within rounding") {
  REQUIRE(rc::check([] {
    const auto total = *rc::gen::inRange<std::int64_t>(0, 10'000'000);
    const auto rate = *rc::gen::inRange<std::uint32_t>(0, 30'010'000);
    const std::vector lines{TaxedAmount{total, {Tax{"S", rate, false}}, true}};
    const std::int64_t tax = tax_amounts(lines, TaxRounding::line).value()[0][0];
    const std::int64_t again = *proportion_rounded(total - tax, rate, 100'000'000);
    RC_ASSERT(std::abs(again - tax) <= 1);
  }));
}

TEST_CASE("currencies have the digits of their coins") {
  CHECK(currency_exponent("GBP") == 2);
  CHECK(currency_exponent("JPY") == 0);
  CHECK(currency_exponent("KWD") == 3);
  CHECK(is_currency_code("EUR"));
  CHECK_FALSE(is_currency_code("eur"));
  CHECK_FALSE(is_currency_code("EURO"));
}
