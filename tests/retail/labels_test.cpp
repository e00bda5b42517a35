// Price and weight labels of the shop's own scales. GS1 Germany's and GS1 Sweden's examples, and
// numbers made here by the same rules.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "retail/check_digits.h"
#include "retail/scan/scan.h"

using namespace titan;
using namespace titan::retail;

namespace {

Scan scanned(const std::string& code, std::string_view preset) {
  return read_scan(code, make_label_table(preset, {}).value(), 20261129);
}

std::string completed(std::string digits) {
  return digits + check_digit_of(digits);
}

}  // namespace

TEST_CASE("German labels: price, pieces, weight, each with its own check digit") {
  const Scan price = scanned("2330714002396", "DE");
  REQUIRE(price.price);
  CHECK(to_text(price.price->amount) == "2.39");
  CHECK_FALSE(price.measure);
  CHECK(price.candidates[0].key ==
        "2330714002396");  // an article of exactly this number goes first
  CHECK_FALSE(price.candidates[0].of_label);
  CHECK(price.candidates[1].key == completed("233071000000"));
  CHECK(price.candidates[2].key == "233071");
  CHECK(price.candidates[3].key == "3071");
  CHECK(price.candidates[3].or_sku);
  CHECK(price.unknown()->code == completed("233071000000"));

  CHECK(scanned("2630719000121", "DE").pieces == Decimal{12, 0});
  const Scan weight = scanned("2930711068700", "DE");
  REQUIRE(weight.measure);
  CHECK(to_text(weight.measure->quantity) == "6.870");
  CHECK(weight.measure->unit == "kg");
}

TEST_CASE("the same digits mean what the country says, and nothing without a setting") {
  const std::string code = completed("231234561234");
  const Scan swedish = scanned(code, "SE");
  REQUIRE(swedish.measure);
  CHECK(to_text(swedish.measure->quantity) == "1.234");
  CHECK(to_text(scanned(completed("201234561234"), "SE").price->amount) == "12.34");
  CHECK(to_text(scanned(completed("211234561234"), "SE").price->amount) == "123.4");
  CHECK(to_text(scanned(completed("221234561234"), "SE").price->amount) == "1234");
  CHECK(to_text(scanned(completed("251234561234"), "FI").measure->quantity) == "123.4");
  const Scan nowhere = scanned(code, "");
  CHECK_FALSE(nowhere.measure);
  CHECK_FALSE(nowhere.price);
  CHECK(nowhere.candidates.size() == 1);
}

TEST_CASE("British and American labels have a price of four digits behind its check digit") {
  const std::string cheese =
      completed(std::string("2012345") + *value_check_digit("1299") + "1299");
  CHECK(to_text(scanned(cheese, "GB").price->amount) == "12.99");
  const std::string upc = completed(std::string("204567") + *value_check_digit("0549") + "0549");
  REQUIRE(upc.size() == 12);
  for (const std::string& form : {upc, "0" + upc}) {
    const Scan scan = scanned(form, "US");
    REQUIRE(scan.price);
    CHECK(to_text(scan.price->amount) == "5.49");
    CHECK(scan.candidates.back().key == "04567");
  }
}

TEST_CASE("a value that was misread is not used, and the person is told") {
  std::string wrong = completed("233071500239");  // 4 would be right
  const Scan scan = scanned(wrong, "DE");
  CHECK(scan.has(ScanFault::value_check_digit));
  CHECK_FALSE(scan.price);
  CHECK(scan.candidates[1].of_label);
  // A wrong check digit of the whole: no label at all.
  const Scan broken = scanned("2330714002395", "DE");
  CHECK(broken.has(ScanFault::check_digit));
  CHECK_FALSE(broken.price);
  // A value of zero is the article itself.
  CHECK_FALSE(scanned(completed("233071000000"), "DE").price);
}

TEST_CASE("a shop's own row goes before the preset's") {
  const LabelRule own{"2IIIIIIVVVVVC", LabelValue::weight, 3, "kg"};
  REQUIRE_FALSE(label_rule_fault(own));
  const LabelTable table = make_label_table("DE", {own}).value();
  const Scan scan = read_scan("2330714002396", table, 0);
  REQUIRE(scan.measure);
  CHECK(to_text(scan.measure->quantity) == "0.239");
  const auto unknown = make_label_table("XX", {});
  REQUIRE(unknown.has_error());
  CHECK(unknown.error().message.find("CA, DE, EE, FI, GB, LT, LV, SE, US") != std::string::npos);
}

TEST_CASE("rows that cannot be read are refused") {
  const auto fault = [](const char* layout, LabelValue what = LabelValue::price,
                        std::uint32_t decimals = 2, const char* unit = "") {
    return label_rule_fault({layout, what, decimals, unit}).value_or("");
  };
  CHECK(fault("28IIIIPVVVVVC").empty());
  CHECK(fault("2IIVVVVC").empty());
  CHECK(fault("28IIIIPVVVVV").find("end with C") != std::string::npos);
  CHECK(fault("28IIIIPVVVVVVC").find("it has 14") != std::string::npos);
  CHECK(fault("28iiiipvvvvvc").find("may hold") != std::string::npos);
  CHECK(fault("IIIIIIPVVVVVC").find("begin with") != std::string::npos);
  CHECK(fault("28IIVVIIVVVVC").find("in one place") != std::string::npos);
  CHECK(fault("28XXXXXVVVVVC").find("item's digits") != std::string::npos);
  CHECK(fault("28IIIIIIIIIIC").find("value's digits") != std::string::npos);
  CHECK(fault("28IIIPVVVVVVC").find("4 or 5") != std::string::npos);
  CHECK(fault("28IIIIPVVVVVC", LabelValue::price, 7).find("decimals") != std::string::npos);
  CHECK(fault("28IIIIPVVVVVC", LabelValue::pieces, 2).find("no decimals") != std::string::npos);
  CHECK(fault("28IIIIPVVVVVC", LabelValue::price, 2, "kg").find("unit") != std::string::npos);
}

TEST_CASE("every preset reads what its own layout writes, and each label is one article") {
  for (const LabelPreset& preset : label_presets()) {
    const LabelTable table = make_label_table(preset.country, {}).value();
    for (const LabelRule& rule : preset.rules) {
      INFO(preset.country << " " << rule.layout);
      REQUIRE_FALSE(label_rule_fault(rule));
      REQUIRE(rc::check([&] {
        std::string value;
        std::string code;
        const auto digit = [] { return static_cast<char>('0' + *rc::gen::inRange(0, 10)); };
        for (const char letter : rule.layout) {
          if (letter == 'V') value += digit();
        }
        RC_PRE(value.find_first_not_of('0') != std::string::npos);
        std::size_t at = 0;
        for (const char letter : rule.layout.substr(0, rule.layout.size() - 1)) {
          if (letter == 'V') {
            code += value[at++];
          } else if (letter == 'P') {
            code += *value_check_digit(value);
          } else {
            code += letter == 'I' ? digit() : letter;
          }
        }
        code = completed(code);
        const auto reading = table.read(code);
        RC_ASSERT(reading.has_value());
        RC_ASSERT(*reading->rule == rule);
        RC_ASSERT(reading->value_is_sound);
        RC_ASSERT(reading->value == (Decimal{std::stoll(value), rule.decimals}));
        RC_ASSERT(has_right_check_digit(reading->article));
        RC_ASSERT(same_code(code, reading->article, table));
      }));
    }
  }
}
