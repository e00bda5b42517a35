#include "retail/cash_rounding.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "retail/currency.h"

using namespace titan;
using namespace titan::retail;

namespace {

CashRule rule_of(const char* country) {
  return cash_rule_of_country(country).value().value();
}

}  // namespace

TEST_CASE("each country rounds to its own coin") {
  CHECK(round_cash(998, rule_of("CH")) == 1000);
  CHECK(round_cash(997, rule_of("CH")) == 995);
  CHECK(round_cash(1'002, rule_of("NL")) == 1'000);
  CHECK(round_cash(1'003, rule_of("FI")) == 1'005);
  CHECK(round_cash(10'049, rule_of("SE")) == 10'000);
  CHECK(round_cash(10'050, rule_of("NO")) == 10'100);
  CHECK(round_cash(1'024, rule_of("DK")) == 1'000);
  CHECK(round_cash(1'025, rule_of("DK")) == 1'050);
  CHECK(round_cash(1'074, rule_of("DK")) == 1'050);
  CHECK(round_cash(123'249, rule_of("HU")) == 123'000);
  CHECK(round_cash(123'250, rule_of("HU")) == 123'500);
  CHECK(round_cash(1'005, rule_of("NZ")) == 1'000);  // by custom, for the customer
  CHECK(round_cash(1'006, rule_of("NZ")) == 1'010);
  CHECK(round_cash(1'003, rule_of("CA")) == 1'005);
}

TEST_CASE("where small coins are in use, nothing is rounded; an unknown country is told") {
  CHECK_FALSE(cash_rule_of_country("DE").value());
  CHECK_FALSE(cash_rule_of_country("FR").value());
  const auto unknown = cash_rule_of_country("XX");
  REQUIRE(unknown.has_error());
  CHECK(unknown.error().message.find("cash_rounding") != std::string::npos);
}

TEST_CASE("a shop sets a coin of its own currency") {
  CHECK(cash_rule_of_setting("0.05", "EUR").value().step_minor == 5);
  CHECK(cash_rule_of_setting("5", "HUF").value().step_minor == 500);
  CHECK(cash_rule_of_setting("10", "JPY").value().step_minor == 10);
  CHECK(cash_rule_of_setting("0.005", "EUR").has_error());
  CHECK(cash_rule_of_setting("0", "EUR").has_error());
  CHECK(cash_rule_of_setting("five", "EUR").has_error());
}

TEST_CASE("sale and refund are rounded alike, to the nearest coin") {
  REQUIRE(rc::check([] {
    const auto table = country_cash_table();
    const auto& row = table[*rc::gen::inRange<std::size_t>(0, table.size())];
    const auto rule = cash_rule_of_country(row.country).value();
    RC_PRE(rule.has_value());
    const auto amount = *rc::gen::inRange<std::int64_t>(-10'000'000, 10'000'000);
    const auto rounded = round_cash(amount, *rule);
    RC_ASSERT(rounded % rule->step_minor == 0);
    RC_ASSERT(2 * std::abs(rounded - amount) <= rule->step_minor);
    RC_ASSERT(round_cash(-amount, *rule) == -rounded);
    RC_ASSERT(std::abs(rounded - amount) <= cash_rounding_max(rule->currency));
  }));
}

TEST_CASE("the table is in order, each currency is known") {
  std::string_view before;
  for (const CountryCash& row : country_cash_table()) {
    CHECK(row.country > before);
    before = row.country;
    CHECK(is_country_code(row.country));
    CHECK(is_known_currency(row.currency));
    CHECK_FALSE(row.source.empty());
  }
}

TEST_CASE("digits of the minor unit are ISO's") {
  CHECK(currency_exponent("HUF") == 2);  // CLDR shows it without
  CHECK(currency_exponent("ISK") == 0);
  CHECK(currency_exponent("JPY") == 0);
  CHECK(currency_exponent("KWD") == 3);
  CHECK(currency_exponent("CLF") == 4);
  CHECK(currency_exponent("XYZ") == 2);
  CHECK(is_known_currency("EUR"));
  CHECK_FALSE(is_known_currency("XYZ"));
  CHECK_FALSE(is_known_currency("UR "));
  CHECK_FALSE(is_known_currency("eur"));
}
