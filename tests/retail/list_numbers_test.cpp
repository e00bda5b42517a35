#include <catch2/catch.hpp>

#include "retail/catalogue/list_numbers.h"

using namespace titan;
using namespace titan::retail;

namespace {

// What `cell` means in a list with this separator whose other numbers are `others`.
std::string read_beside(char separator, const std::string& cell,
                        const std::vector<std::string>& others = {}) {
  NumberStyle style(separator);
  style.learn(cell, false);
  for (const std::string& other : others) style.learn(other, false);
  const auto number = style.read(cell, false);
  return number ? *number : "refused";
}

}  // namespace

TEST_CASE("a number that can only mean one thing is taken whatever the list looks like") {
  for (const char separator : {',', ';', '\t'}) {
    INFO(separator);
    CHECK(read_beside(separator, "7") == "7");
    CHECK(read_beside(separator, "7.5") == "7.5");
    CHECK(read_beside(separator, "7,5") == "7.5");
    CHECK(read_beside(separator, "0.125") == "0.125");
    CHECK(read_beside(separator, "2.345,60") == "2345.60");
    CHECK(read_beside(separator, "2,345.60") == "2345.60");
    CHECK(read_beside(separator, "2'345.60") == "2345.60");
    CHECK(read_beside(separator,
                      "2\xE2\x80\xAF"
                      "345,60") == "2345.60");
    CHECK(read_beside(separator, "\xE2\x82\xAC 12,90") == "12.90");
    CHECK(read_beside(separator, "-$3.10") == "-3.10");
    CHECK(read_beside(separator, "3.450.000") == "3450000");
    CHECK(read_beside(separator, "12.50 EUR") == "12.50");
    CHECK(read_beside(separator, "1.2.3") == "refused");
    CHECK(read_beside(separator, "12,50,1") == "refused");
    CHECK(read_beside(separator, "1,23.456,7") == "refused");
    CHECK(read_beside(separator, "about 5") == "refused");
    CHECK(read_beside(separator, "") == "refused");
  }
}

TEST_CASE("three digits behind one mark mean what the list's other numbers say") {
  CHECK(read_beside(',', "2.499", {"1.50"}) == "2.499");
  CHECK(read_beside(',', "2,499", {"1.50"}) == "2499");
  CHECK(read_beside(';', "2.499", {"1,50"}) == "2499");
  CHECK(read_beside(';', "2,499", {"1,50"}) == "2.499");
  CHECK(read_beside('\t', "2.499", {"1,50"}) == "2499");
}

TEST_CASE("without any other number the separator may decide, or nothing does") {
  CHECK(read_beside(',', "2.499") == "2.499");  // taken, and warned of as finer than a coin
  CHECK(read_beside(',', "2,499") == "refused");
  CHECK(read_beside(';', "2,499") == "2.499");
  CHECK(read_beside(';', "2.499") == "refused");
  CHECK(read_beside('\t', "2.499") == "refused");
  NumberStyle style(';');
  const auto number = style.read("2.499", false);
  REQUIRE(number.has_error());
  CHECK(number.error().message.find("may be 2.499 or 2499") != std::string::npos);
}

TEST_CASE("a list that mixes both conventions is told so at the rarer one") {
  CHECK(read_beside(';', "1.50", {"2,50", "3,50"}) == "refused");
  CHECK(read_beside(';', "2,50", {"1.50", "3,50"}) == "2.50");
}

TEST_CASE("a tax rate has no thousands") {
  NumberStyle style(';');
  CHECK(*style.read("8.875", true) == "8.875");
  CHECK(*style.read("9,975 %", true) == "9.975");
}
