#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "retail/tax_sums.h"

using namespace titan;
using namespace titan::retail;
using Amounts = std::vector<std::int64_t>;
namespace v1 = titan::entry::v1;

namespace {

Tax rate(const char* percent, const char* code = "S") {
  return {code, parse_tax_rate(percent).value(), false};
}

std::int64_t sum_of(const std::vector<Amounts>& lines) {
  std::int64_t sum = 0;
  for (const auto& line : lines) {
    for (const auto tax : line) sum += tax;
  }
  return sum;
}

}  // namespace

TEST_CASE("rates are read with all their digits") {
  CHECK(parse_tax_rate("8.875").value() == 8'875'000);
  CHECK(parse_tax_rate("9.975 %").value() == 9'975'000);
  CHECK(parse_tax_rate("19%").value() == 19'000'000);
  CHECK(parse_tax_rate("0").value() == 0);
  CHECK(parse_tax_rate("-1").has_error());
  CHECK(parse_tax_rate("1001").has_error());
  CHECK(parse_tax_rate("8,875").has_error());
  CHECK(parse_tax_rate("8.8750001").has_error());
  CHECK(tax_rate_text(8'875'000) == "8.875");
  CHECK(tax_rate_text(20'000'000) == "20");
}

TEST_CASE("one plain rate stands in the old fields, anything else in the list too") {
  v1::Product product;
  set_taxes(product, {rate("19")});
  CHECK(product.taxes_size() == 0);
  CHECK(product.tax_rate_basis_points() == 1900);
  CHECK(taxes_of(product) == std::vector{rate("19")});

  for (const std::vector<Tax>& taxes :
       {std::vector{rate("8.875")}, std::vector{rate("5", "GST"), rate("9.975", "QST")},
        std::vector{Tax{"E", 0, true}}}) {
    set_taxes(product, taxes);
    CHECK(taxes_of(product) == taxes);
  }
  set_taxes(product, {rate("5", "GST"), rate("9.975", "QST")});
  CHECK(product.tax_code() == "GST");
  CHECK(product.tax_rate_basis_points() == 1498);  // for readers that know one tax only
  set_taxes(product, {rate("7")});
  CHECK(taxes_of(product) == std::vector{rate("7")});
}

TEST_CASE("an entry of an older version has one tax, in basis points") {
  v1::Line line;
  line.set_tax_code("R");
  line.set_tax_rate_basis_points(550);
  CHECK(taxes_of(line) == std::vector{Tax{"R", 5'500'000, false}});
  line.set_tax_rate_basis_points(4'000'000'000);  // whoever wrote that
  CHECK(taxes_of(line).front().rate_micropercent == tax_rate_micropercent_max);
}

TEST_CASE("several taxes: each on the price before tax, each rounded on its own") {
  const std::vector<Tax> quebec{rate("5", "GST"), rate("9.975", "QST")};
  CHECK(tax_amounts(std::vector{TaxedAmount{10'000, quebec, false}}, TaxRounding::line).value() ==
        std::vector<Amounts>{{500, 998}});
  const std::vector<Tax> india{rate("9", "CGST"), rate("9", "SGST")};
  CHECK(tax_amounts(std::vector{TaxedAmount{11'800, india, true}}, TaxRounding::line).value() ==
        std::vector<Amounts>{{900, 900}});
  CHECK(tax_amounts(std::vector{TaxedAmount{999, india, true}}, TaxRounding::line).value() ==
        std::vector<Amounts>{{76, 76}});
}

TEST_CASE("New York's 8.875 percent needs its third digit") {
  const std::vector lines{TaxedAmount{100'000, {rate("8.875")}, false}};
  CHECK(sum_of(*tax_amounts(lines, TaxRounding::line)) == 8'875);
}

TEST_CASE("rounded once per rate and receipt, the parts make the whole") {
  const std::vector<TaxedAmount> lines(30, TaxedAmount{33, {rate("8")}, false});
  CHECK(sum_of(*tax_amounts(lines, TaxRounding::line)) == 90);
  CHECK(sum_of(*tax_amounts(lines, TaxRounding::receipt)) == 79);

  std::vector<TaxedAmount> mixed{{105, {rate("8")}, true},
                                 {105, {rate("10")}, true},
                                 {105, {rate("8")}, true},
                                 {-105, {rate("10")}, true}};
  const auto amounts = *tax_amounts(mixed, TaxRounding::receipt);
  CHECK(amounts[0][0] + amounts[2][0] == 16);  // 210 x 8 / 108 = 15.6
  CHECK(amounts[1][0] + amounts[3][0] == 0);
}

TEST_CASE("tax of any receipt: shared out exactly, each line within a unit of its own") {
  REQUIRE(rc::check([] {
    std::vector<TaxedAmount> lines;
    const bool included = *rc::gen::arbitrary<bool>();
    const auto count = *rc::gen::inRange<std::size_t>(1, 40);
    SignedWide base = 0;
    for (std::size_t i = 0; i < count; ++i) {
      lines.push_back(
          {*rc::gen::inRange<std::int64_t>(-100'000, 1'000'000), {rate("9.975")}, included});
      base += lines.back().amount_minor;
    }
    const auto by_line = *tax_amounts(lines, TaxRounding::line);
    const auto by_receipt = *tax_amounts(lines, TaxRounding::receipt);
    const SignedWide whole = included ? 109'975'000 : 100'000'000;
    const SignedWide off = static_cast<SignedWide>(sum_of(by_receipt)) * whole - base * 9'975'000;
    RC_ASSERT(2 * (off < 0 ? -off : off) <= whole);
    for (std::size_t i = 0; i < count; ++i) {
      RC_ASSERT(std::abs(by_line[i][0] - by_receipt[i][0]) <= 1);
    }
  }));
}
