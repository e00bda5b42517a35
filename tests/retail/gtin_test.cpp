#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "retail/gtin.h"

using namespace titan::retail;

TEST_CASE("barcodes with right check digits") {
  for (const char* code :
       {"4006381333931", "96385074", "036000291452", "10614141000415", "0019320001376"}) {
    INFO(code);
    CHECK(check_gtin(code) == GtinFault::none);
    CHECK(gtin_flag(check_gtin(code)).empty());
  }
}

TEST_CASE("odd barcodes are named, with what is odd") {
  CHECK(check_gtin("4006381333932") == GtinFault::check_digit);
  CHECK(describe_gtin_fault("4006381333932", GtinFault::check_digit).find("(1 expected)") !=
        std::string::npos);
  CHECK(check_gtin("00009") == GtinFault::length);
  CHECK(check_gtin("03600029145") == GtinFault::length);       // a UPC that lost its zero
  CHECK(check_gtin("(01)09501101") == GtinFault::not_digits);  // application identifiers
  CHECK(check_gtin("") == GtinFault::length);
}

TEST_CASE("one wrong digit is always found") {
  REQUIRE(rc::check([] {
    std::string code = "4006381333931";
    const auto at = *rc::gen::inRange<std::size_t>(0, code.size());
    const auto digit = static_cast<char>('0' + *rc::gen::inRange(0, 10));
    RC_PRE(code[at] != digit);
    code[at] = digit;
    RC_ASSERT(check_gtin(code) == GtinFault::check_digit);
  }));
}
