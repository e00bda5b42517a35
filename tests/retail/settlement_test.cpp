#include "retail/settlement.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

using namespace titan;
using namespace titan::retail;
namespace v1 = titan::entry::v1;

namespace {

v1::Line& add_line(v1::Sale& sale, std::int64_t pieces, std::int64_t total) {
  v1::Line& line = *sale.add_lines();
  line.set_sku("A");
  line.mutable_quantity()->set_value(pieces);
  line.set_total_minor(total);
  return line;
}

v1::Sale paid_sale(std::int64_t pieces, std::int64_t paid, std::int64_t tax) {
  v1::Sale sale;
  v1::Line& line = add_line(sale, pieces, paid);
  line.set_paid_minor(paid);
  line.set_tax_minor(tax);
  sale.set_total_minor(paid);
  return sale;
}

// A refund of `units` of line 0 at its share.
v1::Refund give_back(const Settlement& settlement, std::int64_t units) {
  const LineMoney share = settlement.share(0, units);
  v1::Refund refund;
  v1::Line& line = *refund.mutable_sale()->add_lines();
  line.mutable_quantity()->set_value(units);
  line.mutable_quantity()->set_scale(6);
  line.set_total_minor(share.total_minor);
  line.set_paid_minor(share.paid_minor);
  line.set_tax_minor(share.taxes_minor.front());
  refund.mutable_sale()->set_total_minor(share.paid_minor);
  refund.add_original_lines(0);
  return refund;
}

constexpr std::int64_t piece = 1'000'000;

}  // namespace

TEST_CASE("a part pays its share of what is left; the last one takes the rest") {
  Settlement settlement(paid_sale(3, 1001, 65));
  std::vector<std::int64_t> paid;
  std::vector<std::int64_t> tax;
  for (int i = 0; i < 3; ++i) {
    const auto refund = give_back(settlement, piece);
    paid.push_back(refund.sale().total_minor());
    tax.push_back(refund.sale().lines(0).tax_minor());
    settlement.take(refund);
  }
  CHECK(paid == std::vector<std::int64_t>{334, 334, 333});
  CHECK(tax == std::vector<std::int64_t>{22, 22, 21});
  CHECK_FALSE(settlement.anything_left());
  CHECK(settlement.left_minor() == 0);
  CHECK(settlement.excesses().empty());
}

TEST_CASE("any split adds up to what was paid, tax too") {
  REQUIRE(rc::check([] {
    const auto units = *rc::gen::inRange<std::int64_t>(1, 20 * piece);
    const auto paid = *rc::gen::inRange<std::int64_t>(0, 1'000'000);
    const auto tax = *rc::gen::inRange<std::int64_t>(0, paid + 1);
    v1::Sale sale = paid_sale(units, paid, tax);
    sale.mutable_lines(0)->mutable_quantity()->set_scale(6);
    Settlement settlement(sale);
    std::int64_t back = 0;
    std::int64_t tax_back = 0;
    while (settlement.anything_left()) {
      // At least a twentieth each time, so that it ends.
      const auto left = settlement.left(0).units;
      const auto least = std::min(left, units / 20 + 1);
      const auto refund = give_back(settlement, *rc::gen::inRange<std::int64_t>(least, left + 1));
      RC_ASSERT(refund.sale().total_minor() >= 0);
      back += refund.sale().total_minor();
      tax_back += refund.sale().lines(0).tax_minor();
      RC_ASSERT(back <= paid);
      settlement.take(refund);
    }
    RC_ASSERT(back == paid);
    RC_ASSERT(tax_back == tax);
    RC_ASSERT(settlement.excesses().empty());
  }));
}

TEST_CASE("more pieces or more money than is left is an excess") {
  Settlement pieces(paid_sale(2, 600, 100));
  pieces.take(give_back(pieces, 2 * piece));
  const auto again = give_back(pieces, piece);
  CHECK(again.sale().total_minor() == 300);  // what such a piece cost
  pieces.take(again);
  REQUIRE(pieces.excesses().size() == 1);
  CHECK(pieces.excesses()[0].in_pieces);

  Settlement money(paid_sale(1, 300, 50));
  v1::Refund dear = give_back(money, piece);
  dear.mutable_sale()->mutable_lines(0)->set_paid_minor(30'000);
  money.take(dear);
  REQUIRE(money.excesses().size() == 1);
  CHECK_FALSE(money.excesses()[0].in_pieces);
  CHECK(money.excesses()[0].refunded == 30'000);
}

TEST_CASE("of a voided sale nothing is left, and every refund is too much") {
  Settlement settlement(paid_sale(2, 600, 100));
  const auto refund = give_back(settlement, piece);
  settlement.take_void();
  CHECK_FALSE(settlement.anything_left());
  CHECK(settlement.left_minor() == 0);
  CHECK(settlement.excesses().empty());
  settlement.take(refund);
  CHECK(settlement.excesses().size() == 1);
}

TEST_CASE("training settles nothing real, and the real nothing of a training") {
  Settlement real(paid_sale(1, 300, 50));
  v1::Refund lesson = give_back(real, piece);
  lesson.mutable_sale()->set_training(true);
  real.take(lesson);
  CHECK(real.left(0).units == piece);

  v1::Sale sale = paid_sale(1, 300, 50);
  sale.set_training(true);
  Settlement training(sale);
  training.take(lesson);
  CHECK_FALSE(training.anything_left());
}

TEST_CASE("a sale of an older version: shares follow from totals, discounts and rounding") {
  v1::Sale sale;
  add_line(sale, 1, 6000);
  add_line(sale, 1, 2000);
  sale.add_discounts()->set_amount_minor(1500);
  sale.set_rounding_minor(2);
  sale.set_total_minor(6502);
  const auto lines = lines_money(sale);
  CHECK(lines[0].paid_minor == 6000 - 1125 + 2);
  CHECK(lines[1].paid_minor == 2000 - 375);
  CHECK(lines[0].paid_minor + lines[1].paid_minor == sale.total_minor());
}

TEST_CASE("absurd figures of a foreign entry saturate instead of wrapping") {
  v1::Sale sale;
  for (int i = 0; i < 3; ++i)
    add_line(sale, std::numeric_limits<std::int64_t>::max(),
             std::numeric_limits<std::int64_t>::max());
  sale.add_discounts()->set_amount_minor(std::numeric_limits<std::int64_t>::min());
  sale.set_rounding_minor(std::numeric_limits<std::int64_t>::min());
  Settlement settlement(sale);
  v1::Refund refund;
  *refund.mutable_sale() = sale;
  for (const std::uint32_t line : {0U, 1U, 4'000'000'000U}) refund.add_original_lines(line);
  settlement.take(refund);
  settlement.take(refund);
  (void)settlement.excesses();
  (void)settlement.left(0);
  CHECK(settlement.refunds() == 2);
}
