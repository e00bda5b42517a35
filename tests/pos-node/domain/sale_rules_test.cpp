// Sales and movements: what becomes of a request, what is flagged and what is refused.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/pos-node/domain/fixtures.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;
namespace v1 = titan::entry::v1;

namespace {

v1::Sale sale_body(const Result<Ruling>& ruling) {
  if (!ruling) FAIL(ruling.error().field + ": " + ruling.error().message);
  return body_of<v1::Sale>(ruling->draft);
}

void check_refused(const Result<Ruling>& ruling, const std::string& field,
                   ErrorCode code = ErrorCode::invalid) {
  REQUIRE(ruling.has_error());
  CHECK(ruling.error().field == field);
  CHECK(ruling.error().code == code);
  CHECK(ruling.error().message.size() > 10);
}

}  // namespace

TEST_CASE("a plain sale takes price, text and tax from the product") {
  Shop shop;
  shop.catalogue.add("85123A", "2.55");
  const auto ruling = make_sale(sale_of({line("85123A", "2")}), shop.context());
  const auto sale = sale_body(ruling);
  CHECK(sale.currency() == "GBP");
  CHECK(sale.total_minor() == 510);
  CHECK(sale.tax_minor() == 85);
  CHECK(sale.lines(0).description() == "article 85123A");
  CHECK(sale.lines(0).tax_code() == "S");
  CHECK(sale.flags_size() == 0);
  CHECK(sale.lines(0).flags_size() == 0);
  REQUIRE(sale.payments_size() == 1);
  CHECK(sale.payments(0).method() == "cash");
  CHECK(sale.payments(0).amount_minor() == 510);
  const auto& draft = ruling->draft;
  CHECK(draft.kind == mesh::Kind::sale);
  CHECK(draft.wants_receipt);
  CHECK(draft.business_date == 20111006);
  CHECK(draft.utc_offset_minutes == 60);
  REQUIRE(draft.stock_effects.size() == 1);
  CHECK(draft.stock_effects[0] == crdt::StockEffect{"85123A", 0, 2'000'000});
}

TEST_CASE("the same sku on two lines is one stock effect; letter case makes two") {
  Shop shop;
  shop.catalogue.add("85123A", "1");
  shop.catalogue.add("85123a", "2");
  const auto ruling = make_sale(
      sale_of({line("85123A", "2"), line("85123a", "1"), line("85123A", "3")}), shop.context());
  REQUIRE(ruling.has_value());
  REQUIRE(ruling->draft.stock_effects.size() == 2);
  CHECK(ruling->draft.stock_effects[0] == crdt::StockEffect{"85123A", 0, 5'000'000});
  CHECK(ruling->draft.stock_effects[1] == crdt::StockEffect{"85123a", 0, 1'000'000});
}

TEST_CASE("an unknown article is sold if it has a price") {
  Shop shop;
  check_refused(make_sale(sale_of({line("GHOST", "1")}), shop.context()),
                "lines[0].charged_unit_price");
  const auto sale = sale_body(make_sale(sale_of({line("GHOST", "1", "3.20")}), shop.context()));
  CHECK(sale.total_minor() == 320);
  CHECK(has_flag(sale.lines(0).flags(), flag::unknown_product));
}

TEST_CASE("a barcode finds the product; an odd one is flagged and still sold") {
  Shop shop;
  shop.catalogue.add("PEN", "1.10").add_gtins("4006381333931");
  LineRequest scanned;
  scanned.gtin = "4006381333931";
  scanned.quantity = decimal("1");
  auto sale = sale_body(make_sale(sale_of({scanned}), shop.context()));
  CHECK(sale.lines(0).sku() == "PEN");
  CHECK(sale.lines(0).gtin_scanned() == "4006381333931");
  CHECK(sale.lines(0).flags_size() == 0);

  scanned.gtin = "4006381333932";
  scanned.charged_unit_price = decimal("1.10");
  sale = sale_body(make_sale(sale_of({scanned}), shop.context()));
  CHECK(sale.lines(0).sku() == "4006381333932");
  CHECK(has_flag(sale.lines(0).flags(), "gtin_check_digit"));
  CHECK(has_flag(sale.lines(0).flags(), flag::unknown_product));
}

TEST_CASE("a barcode of another product is flagged") {
  Shop shop;
  shop.catalogue.add("PEN", "1.10").add_gtins("4006381333931");
  shop.catalogue.add("CUP", "2");
  LineRequest wrong = line("CUP", "1");
  wrong.gtin = "4006381333931";
  const auto sale = sale_body(make_sale(sale_of({wrong}), shop.context()));
  CHECK(sale.lines(0).sku() == "CUP");
  CHECK(has_flag(sale.lines(0).flags(), flag::gtin_of_other_product));
}

TEST_CASE("what happened is recorded and flagged: exchange, zero and negative price, delisted") {
  Shop shop;
  shop.catalogue.add("A", "5");
  shop.catalogue.add("FREE", "0");
  shop.catalogue.add("OLD", "1").set_delisted(true);
  const auto ruling = make_sale(sale_of({line("A", "1"), line("A", "-1", "4.00"), line("FREE", "1"),
                                         line("OLD", "1"), line("B", "1", "-11.62")}),
                                shop.context());
  const auto sale = sale_body(ruling);
  CHECK(has_flag(sale.flags(), flag::negative_line));
  CHECK(has_flag(sale.lines(1).flags(), flag::negative_line));
  CHECK(has_flag(sale.lines(2).flags(), flag::zero_price));
  CHECK(has_flag(sale.lines(3).flags(), flag::delisted));
  CHECK(has_flag(sale.lines(4).flags(), flag::negative_price));
  CHECK(has_flag(sale.flags(), flag::negative_total));
  CHECK(sale.total_minor() == 500 - 400 + 0 + 100 - 1162);
  REQUIRE(sale.payments_size() == 1);  // paid out
  CHECK(sale.payments(0).amount_minor() == sale.total_minor());
  const auto& effects = ruling->draft.stock_effects;
  CHECK(effects[0] == crdt::StockEffect{"A", 1'000'000, 1'000'000});
}

TEST_CASE("training moves no stock") {
  Shop shop;
  shop.catalogue.add("A", "5");
  auto request = sale_of({line("A", "1")});
  request.training = true;
  const auto ruling = make_sale(request, shop.context());
  CHECK(has_flag(sale_body(ruling).flags(), flag::training));
  CHECK(ruling->draft.stock_effects.empty());
}

TEST_CASE("zero lines and too many lines are refused") {
  Shop shop;
  check_refused(make_sale(sale_of({}), shop.context()), "lines");
  check_refused(
      make_sale(sale_of(std::vector<LineRequest>(10'000, line("A", "1", "1"))), shop.context()),
      "lines", ErrorCode::too_large);
}

TEST_CASE("an entry over the limit is refused, below the limit of lines too") {
  Shop shop;
  auto long_line = line("A", "1", "1");
  long_line.description = std::string(description_characters_max, 'x');
  check_refused(make_sale(sale_of(std::vector<LineRequest>(1000, long_line)), shop.context()),
                "lines", ErrorCode::too_large);
}

TEST_CASE("the largest sale that the rules take fits an entry") {
  Shop shop;
  std::vector<LineRequest> lines;
  for (std::size_t i = 0; i < sale_lines_max; ++i) {
    lines.push_back(line("SKU-" + std::to_string(i), "1", "12.34"));
    lines.back().description = std::string(35, 'd');
  }
  const auto ruling = make_sale(sale_of(lines), shop.context());
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.body.size() < mesh::entry_bytes_max);
}

TEST_CASE("quantities that cannot be") {
  Shop shop;
  check_refused(make_sale(sale_of({line("A", "0", "1")}), shop.context()), "lines[0].quantity");
  check_refused(make_sale(sale_of({line("A", "1000000001", "1")}), shop.context()),
                "lines[0].quantity");
}

TEST_CASE("sums beyond 64 bits are refused, wherever they arise") {
  Shop shop;
  check_refused(make_sale(sale_of({line("A", "1000000000", "999999999999999999")}), shop.context()),
                "lines[0].charged_unit_price");
  std::vector<LineRequest> lines(100, line("A", "1000", "999999999999.99"));
  check_refused(make_sale(sale_of(lines), shop.context()), "lines[92].charged_unit_price");
  auto request = sale_of({line("A", "1", "1")});
  request.payments = {payment("cash", "90000000000000000"), payment("card", "90000000000000000")};
  check_refused(make_sale(request, shop.context()), "payments[1].amount");
}

TEST_CASE("payments must cover the total; change comes out of the cash") {
  Shop shop;
  auto request = sale_of({line("A", "1", "5.00")});
  request.payments = {payment("cash", "4.99")};
  check_refused(make_sale(request, shop.context()), "payments");

  request.payments = {payment("card", "3.00"), payment("cash", "10.00")};
  auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.payments(0).change_minor() == 0);
  CHECK(sale.payments(1).change_minor() == 800);

  request.payments = {payment("cash", "10.00")};
  request.payments->front().change = decimal("5.00");
  CHECK(sale_body(make_sale(request, shop.context())).payments(0).change_minor() == 500);
  request.payments->front().change = decimal("5.01");
  check_refused(make_sale(request, shop.context()), "payments");
  request.payments->front().change = decimal("4.00");
  CHECK(has_flag(sale_body(make_sale(request, shop.context())).flags(), flag::overpaid));

  request.payments = {payment("voucher", "20.00")};
  CHECK(has_flag(sale_body(make_sale(request, shop.context())).flags(), flag::overpaid));
}

TEST_CASE("a payment without amount takes what is left") {
  Shop shop;
  auto request = sale_of({line("A", "1", "5.00")});
  PaymentRequest rest;
  rest.method = "card";
  request.payments = {payment("cash", "1.50"), rest};
  const auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.payments(1).amount_minor() == 350);
}

TEST_CASE("foreign money needs a rate") {
  Shop shop;
  auto request = sale_of({line("A", "1", "5.00")});
  request.payments = {payment("cash", "10.00")};
  request.payments->front().currency = "EUR";
  check_refused(make_sale(request, shop.context()), "payments[0].rate");
  request.payments->front().rate = decimal("0.85");
  const auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(has_flag(sale.flags(), flag::foreign_currency));
  CHECK(sale.payments(0).change_minor() == 350);  // 8.50 - 5.00, in pounds
}

TEST_CASE("a card number never reaches the journal") {
  Shop shop;
  auto request = sale_of({line("A", "1", "5.00")});
  request.payments = {payment("card", "5.00")};
  request.payments->front().reference = "4111 1111 1111 1111";
  const auto ruling = make_sale(request, shop.context());
  CHECK(has_flag(sale_body(ruling).flags(), flag::reference_masked));
  CHECK(ruling->draft.body.find("4111 1111") == std::string::npos);
}

TEST_CASE("tax of a line is checked") {
  Shop shop;
  shop.catalogue.add("A", "2.55");
  auto taxed = line("A", "2");
  taxed.tax = decimal("0.85");
  CHECK(sale_body(make_sale(sale_of({taxed}), shop.context())).tax_minor() == 85);
  taxed.tax = decimal("0.84");  // rounded per piece
  CHECK(sale_body(make_sale(sale_of({taxed}), shop.context())).tax_minor() == 84);
  taxed.tax = decimal("1.02");
  check_refused(make_sale(sale_of({taxed}), shop.context()), "lines[0].tax");
  taxed.tax = decimal("1.02");  // 20 % on top
  taxed.tax_included = false;
  const auto sale = sale_body(make_sale(sale_of({taxed}), shop.context()));
  CHECK(sale.total_minor() == 612);
  CHECK(sale.tax_minor() == 102);
}

TEST_CASE("discounts, rounding and a stated total") {
  Shop shop;
  shop.catalogue.add("A", "2.55");
  auto cheap = line("A", "2");
  cheap.discounts = {{decimal("0.10"), "damaged", ""}};
  auto request = sale_of({cheap});
  request.discounts = {{decimal("0.02"), "card holder", "P-7"}};
  request.rounding = decimal("0.02");
  request.total = decimal("5.00");
  const auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.total_minor() == 500);
  CHECK(sale.tax_minor() == 83);
  CHECK(sale.rounding_minor() == 2);
  CHECK(has_flag(sale.flags(), flag::cash_rounding));
  request.total = decimal("5.01");
  check_refused(make_sale(request, shop.context()), "total");
  request.total.reset();
  request.rounding = decimal("1.00");
  check_refused(make_sale(request, shop.context()), "rounding");
  request.rounding = decimal("0.005");
  check_refused(make_sale(request, shop.context()), "rounding");
}

TEST_CASE("a price finer than the smallest coin is rounded at the line") {
  Shop shop;
  const auto sale = sale_body(make_sale(sale_of({line("A", "5", "0.001")}), shop.context()));
  CHECK(sale.total_minor() == 1);  // 0.005
  CHECK(sale.lines(0).charged_unit_price().exponent() == 3);
}

TEST_CASE("a product priced in another currency needs a price") {
  Shop shop;
  shop.catalogue.add("A", "2.55").set_currency("EUR");
  check_refused(make_sale(sale_of({line("A", "1")}), shop.context()),
                "lines[0].charged_unit_price");
}

TEST_CASE("the sums of any sale agree with its lines and payments") {
  Shop shop;
  REQUIRE(rc::check([&] {
    std::vector<LineRequest> lines;
    const auto count = *rc::gen::inRange<std::size_t>(1, 30);
    for (std::size_t i = 0; i < count; ++i) {
      LineRequest any;
      any.sku = std::string(1, static_cast<char>('A' + *rc::gen::inRange(0, 6)));
      any.quantity = {*rc::gen::inRange<std::int64_t>(-5000, 5001), *rc::gen::inRange(0U, 4U)};
      RC_PRE(any.quantity.value != 0);
      any.charged_unit_price = Decimal{*rc::gen::inRange<std::int64_t>(0, 4'000'000), 3};
      any.tax_rate_micropercent = *rc::gen::inRange(0U, 25'000'001U);
      any.tax_included = *rc::gen::arbitrary<bool>();
      if (*rc::gen::arbitrary<bool>()) any.discounts = {{{5, 2}, "", ""}};
      lines.push_back(any);
    }
    const auto ruling = make_sale(sale_of(lines), shop.context());
    RC_ASSERT(ruling.has_value());
    const auto sale = body_of<v1::Sale>(ruling->draft);
    std::int64_t total = 0;
    std::int64_t tax = 0;
    std::int64_t moved = 0;
    for (const auto& each : sale.lines()) {
      total += each.total_minor();
      tax += each.tax_minor();
      moved += stock_units(each.quantity());
    }
    RC_ASSERT(sale.total_minor() == total);
    RC_ASSERT(sale.tax_minor() == tax);
    std::int64_t paid = 0;
    for (const auto& each : sale.payments()) paid += each.amount_minor() - each.change_minor();
    RC_ASSERT(paid == total);
    std::int64_t effect = 0;
    for (const auto& each : ruling->draft.stock_effects) {
      effect += static_cast<std::int64_t>(each.removed - each.added);
    }
    RC_ASSERT(effect == moved);
    RC_ASSERT(
        std::is_sorted(ruling->draft.stock_effects.begin(), ruling->draft.stock_effects.end()));
    // Deterministic: the same request makes the same bytes.
    RC_ASSERT(make_sale(sale_of(lines), shop.context())->draft.body == ruling->draft.body);
  }));
}

TEST_CASE("deliveries add, adjustments go both ways, transfers carry a claim when they arrive") {
  Shop shop;
  shop.catalogue.add("A", "1");
  MovementRequest request;
  request.kind = mesh::Kind::delivery;
  request.lines = {{"A", "", decimal("10"), {}, {}}, {"NEW", "", decimal("2.5"), "kg", {}}};
  auto ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_value());
  CHECK_FALSE(ruling->draft.wants_receipt);
  CHECK(ruling->draft.stock_effects[0] == crdt::StockEffect{"A", 10'000'000, 0});
  CHECK(ruling->draft.stock_effects[1] == crdt::StockEffect{"NEW", 2'500'000, 0});
  CHECK(
      has_flag(body_of<v1::StockMovement>(ruling->draft).lines(1).flags(), flag::unknown_product));

  request.lines = {{"A", "", decimal("-10"), {}, {}}};
  check_refused(make_movement(request, shop.context()), "lines[0].quantity");
  request.kind = mesh::Kind::adjustment;
  ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.stock_effects[0] == crdt::StockEffect{"A", 0, 10'000'000});

  request.kind = mesh::Kind::transfer_in;
  request.lines = {{"A", "", decimal("4"), {}, {}}};
  check_refused(make_movement(request, shop.context()), "other_store");
  request.other_store = "paris-2";
  check_refused(make_movement(request, shop.context()), "transfer_id");
  request.document = "T-1";
  ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.claim == transfer_in_claim("paris-2", "T-1"));
  CHECK(ruling->draft.stock_effects[0].added == 4'000'000);
  request.kind = mesh::Kind::transfer_out;
  ruling = make_movement(request, shop.context());
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.claim.is_none());
  CHECK(ruling->draft.stock_effects[0].removed == 4'000'000);
}

TEST_CASE("a discount on the whole lowers the tax; a voucher that is tendered does not") {
  Shop shop;
  auto request = sale_of({line("A", "1", "120.00")});
  request.lines[0].tax_rate_micropercent = 20'000'000;
  request.discounts = {{decimal("12.00"), "coupon", ""}};
  CHECK(sale_body(make_sale(request, shop.context())).tax_minor() == 1800);
  request.discounts.clear();
  request.payments = {payment("voucher", "12.00"), payment("cash", "108.00")};
  CHECK(sale_body(make_sale(request, shop.context())).tax_minor() == 2000);

  // Of prices before tax the discount takes from what is taxed.
  request.payments.reset();
  request.discounts = {{decimal("20.00"), "coupon", ""}};
  request.lines[0].tax_included = false;
  const auto added = sale_body(make_sale(request, shop.context()));
  CHECK(added.total_minor() == 12000);
  CHECK(added.tax_minor() == 2000);
  CHECK(added.lines(0).paid_minor() == 12000);
}

TEST_CASE("several taxes, fine rates, exempt goods") {
  Shop shop;
  auto request = sale_of({line("A", "1", "100.00"), line("B", "1", "7.00")});
  request.lines[0].taxes = {{"GST", 5'000'000, false}, {"QST", 9'975'000, false}};
  request.lines[0].tax_included = false;
  request.lines[1].tax_exempt = true;
  const auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.total_minor() == 10000 + 500 + 998 + 700);
  CHECK(sale.lines(0).taxes(1).tax_minor() == 998);
  CHECK(sale.lines(0).tax_minor() == 1498);
  CHECK(sale.lines(1).taxes(0).exempt());
  CHECK(sale.lines(1).tax_minor() == 0);
}

TEST_CASE("cash is rounded by the store's rule, cards are not, and of both the coins only") {
  Shop shop;
  shop.facts.currency = "CHF";
  shop.facts.cash_rule = cash_rule_of_country("CH").value();
  auto request = sale_of({line("A", "1", "9.98")});
  auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.total_minor() == 1000);
  CHECK(sale.rounding_minor() == 2);
  CHECK(sale.cash_rounding().rule() == "CH");
  CHECK(sale.cash_rounding().step_minor() == 5);
  CHECK(has_flag(sale.flags(), flag::cash_rounding));
  CHECK(sale.payments(0).amount_minor() == 1000);

  request.payments = {payment("card", "9.98")};
  CHECK(sale_body(make_sale(request, shop.context())).total_minor() == 998);
  request.payments = {payment("card", "5.01"), payment("cash", "20.00")};
  sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.total_minor() == 996);  // 4.97 in coins are 4.95
  CHECK(sale.payments(1).change_minor() == 1505);
  request.payments = {payment("cash", "20.00")};
  request.total = decimal("9.98");  // the screen's sum, before rounding
  CHECK(sale_body(make_sale(request, shop.context())).payments(0).change_minor() == 1000);

  // A screen that does not round: recorded as it happened.
  request.payments = {payment("cash", "9.98")};
  sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.total_minor() == 998);
  CHECK(has_flag(sale.flags(), flag::cash_not_rounded));
  request.payments.reset();
  request.rounding = decimal("-0.03");
  request.total.reset();
  CHECK(has_flag(sale_body(make_sale(request, shop.context())).flags(), flag::rounding_differs));
}

TEST_CASE("a rounding that the rule gives is never too large") {
  Shop shop;
  shop.facts.currency = "HUF";
  shop.facts.cash_rule = cash_rule_of_country("HU").value();
  auto request = sale_of({line("A", "1", "1232.00")});
  CHECK(sale_body(make_sale(request, shop.context())).total_minor() == 123000);
  request.rounding = decimal("-2.00");
  CHECK(sale_body(make_sale(request, shop.context())).total_minor() == 123000);
  shop.facts.cash_rule.reset();  // the screen knows, the store was not told its country
  CHECK(sale_body(make_sale(request, shop.context())).total_minor() == 123000);
}

TEST_CASE("change goes to the customer, out of cash, as far as there is cash") {
  Shop shop;
  auto request = sale_of({line("A", "1", "10.00")});
  request.payments = {payment("cash", "5.00")};
  request.payments->front().change = decimal("-5.00");
  check_refused(make_sale(request, shop.context()), "payments[0].change");

  request.payments = {payment("cash", "5.00"), payment("card", "20.00")};
  auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.payments(0).change_minor() == 500);  // no more than was in the drawer
  CHECK(has_flag(sale.flags(), flag::overpaid));

  request.payments->back().change = decimal("15.00");
  sale = sale_body(make_sale(request, shop.context()));
  CHECK(has_flag(sale.flags(), flag::change_exceeds_cash));
  request.payments = {payment("cash", "20.00")};
  request.payments->front().change = decimal("10.00");
  CHECK(sale_body(make_sale(request, shop.context())).flags_size() == 0);
}

TEST_CASE("a rate of exchange keeps its digits; a currency nobody knows is told") {
  Shop shop;
  auto request = sale_of({line("A", "1", "10.00")});
  request.payments = {payment("cash", "350000")};
  request.payments->front().currency = "VND";
  request.payments->front().rate = parse_decimal("0.000028571429", rate_scale_max).value();
  auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.payments(0).rate().exponent() == 12);
  CHECK_FALSE(has_flag(sale.flags(), flag::overpaid));
  request = sale_of({line("A", "1", "10.00")});
  request.currency = "QQQ";
  CHECK(has_flag(sale_body(make_sale(request, shop.context())).flags(), flag::unknown_currency));
}

TEST_CASE("not exempt is no rate of zero, and exempt has none") {
  Shop shop;
  shop.catalogue.add("A", "60.00");
  auto plain = line("A", "1");
  plain.tax_exempt = false;
  CHECK(sale_body(make_sale(sale_of({plain}), shop.context())).tax_minor() == 1000);
  plain.tax_exempt = true;
  plain.tax_rate_micropercent = 20'000'000;
  CHECK(sale_body(make_sale(sale_of({plain}), shop.context())).tax_minor() == 0);
  plain = line("A", "1");
  plain.taxes = {{"E", 20'000'000, true}};
  CHECK(sale_body(make_sale(sale_of({plain}), shop.context())).tax_minor() == 0);
}

TEST_CASE("a tax stated as it was before the sale's discount is no reason to lose the sale") {
  Shop shop;
  shop.catalogue.add("A", "60.00");
  auto taxed = line("A", "1");
  taxed.tax = decimal("10.00");
  auto request = sale_of({taxed});
  request.discounts = {{decimal("12.00"), "", ""}};
  const auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.tax_minor() == 800);
  CHECK(has_flag(sale.lines(0).flags(), flag::tax_before_discount));
}

TEST_CASE("who takes the rest takes it rounded, and never less than nothing") {
  Shop shop;
  PaymentRequest rest;
  rest.method = "card";
  auto request = sale_of({line("A", "1", "9.98")});
  request.rounding = decimal("0.02");
  request.payments = {rest};
  CHECK(sale_body(make_sale(request, shop.context())).payments(0).amount_minor() == 1000);
  request.rounding.reset();
  request.payments = {payment("cash", "20.00"), rest};
  auto sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.payments(1).amount_minor() == 0);
  CHECK(sale.payments(0).change_minor() == 1002);
  CHECK(sale.flags_size() == 0);
  rest.method = "cash";
  request.payments = {payment("voucher", "15.00"), rest};
  sale = sale_body(make_sale(request, shop.context()));
  CHECK(sale.payments(1).amount_minor() == 0);
  CHECK(has_flag(sale.flags(), flag::overpaid));
}
