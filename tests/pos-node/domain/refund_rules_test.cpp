// Refunds and voids: what comes back of a sale, in pieces and in money, in any split and order.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "mesh/journal/idempotency.h"
#include "tests/pos-node/domain/fixtures.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;
namespace v1 = titan::entry::v1;

namespace {

// Two of A at 2.55 less 0.10, one of B at 3.00, sold at till-1 as entry 17.
struct SoldShop : Shop {
  SoldShop() {
    catalogue.add("A", "2.55");
    catalogue.add("B", "3.00");
    auto cheap = line("A", "2");
    cheap.discounts = {{decimal("0.10"), "damaged", ""}};
    const auto sold = make_sale(sale_of({cheap, line("B", "1")}), context());
    sale = recorded(sold.value().draft, facts.device, 17);
    history.original = sale;
  }

  RefundRequest refund(std::vector<LineRequest> lines) {
    RefundRequest request;
    request.sale = sale_of(std::move(lines));
    request.original = sale->envelope.id;
    return request;
  }

  v1::Refund take(const RefundRequest& request) {
    ruling = make_refund(request, context(), history);
    if (!ruling) FAIL(ruling.error().field + ": " + ruling.error().message);
    return body_of<v1::Refund>(ruling->draft);
  }

  EntryPointer sale;
  RefundHistory history;
  Result<Ruling> ruling = Error{};
};

}  // namespace

TEST_CASE("a refund without lines takes the whole sale back, to the penny") {
  SoldShop shop;
  const auto refund = shop.take(shop.refund({}));
  CHECK(refund.sale().total_minor() == 800);
  CHECK(refund.sale().tax_minor() == 133);
  CHECK(refund.original().number() == 17);
  CHECK(refund.original().hash() == shop.sale->hash.view());
  REQUIRE(refund.original_lines_size() == 2);
  CHECK(refund.original_lines(1) == 1);
  const auto& effects = shop.ruling->draft.stock_effects;
  CHECK(effects[0] == crdt::StockEffect{"A", 2'000'000, 0});
  CHECK(effects[1] == crdt::StockEffect{"B", 1'000'000, 0});
  CHECK(shop.ruling->draft.kind == mesh::Kind::refund);
  CHECK(shop.ruling->alarms.empty());
}

TEST_CASE("part of a discounted line comes back at its share") {
  SoldShop shop;
  const auto refund = shop.take(shop.refund({line("A", "1")}));
  CHECK(refund.sale().total_minor() == 250);
  CHECK(refund.original_lines(0) == 0);
}

TEST_CASE("lines may be named by number") {
  SoldShop shop;
  auto request = shop.refund({});
  request.original_lines = {1};
  CHECK(shop.take(request).sale().total_minor() == 300);
  request.original_lines = {2};
  const auto refused = make_refund(request, shop.context(), shop.history);
  REQUIRE(refused.has_error());
  CHECK(refused.error().field == "original.lines[0]");
  request.sale.lines = {line("A", "1"), line("B", "1")};
  request.original_lines = {1};
  CHECK(make_refund(request, shop.context(), shop.history).error().field == "original.lines");
}

TEST_CASE("refunding more than was sold is recorded, flagged and alarmed") {
  SoldShop shop;
  const auto first = shop.take(shop.refund({line("A", "2")}));
  CHECK_FALSE(has_flag(first.sale().flags(), flag::refunded_more_than_sold));
  shop.history.refunds.push_back(recorded(shop.ruling->draft, shop.facts.device, 18));
  CHECK(over_refund_alarms(shop.history).empty());

  const auto second = shop.take(shop.refund({line("A", "1")}));
  CHECK(has_flag(second.sale().flags(), flag::refunded_more_than_sold));
  REQUIRE(shop.ruling->alarms.size() == 1);
  CHECK(shop.ruling->alarms[0].message.find("3 of A were refunded, but only 2 were sold") !=
        std::string::npos);
  // The same seen from another till, once both refunds met.
  shop.history.refunds.push_back(recorded(shop.ruling->draft, shop.facts.device, 19));
  CHECK(over_refund_alarms(shop.history).size() == 1);
}

TEST_CASE("a refund names its sale, or says why it cannot") {
  SoldShop shop;
  RefundRequest request;
  request.sale = sale_of({line("A", "1")});
  auto refused = make_refund(request, shop.context(), {});
  REQUIRE(refused.has_error());
  CHECK(refused.error().field == "original");
  request.reason = "gift without receipt";
  shop.history = {};
  const auto refund = shop.take(request);
  CHECK(has_flag(refund.sale().flags(), flag::without_original));
  CHECK_FALSE(refund.has_original());
}

TEST_CASE("a sale of another till that has not arrived yet can be refunded by its lines") {
  SoldShop shop;
  auto request = shop.refund({line("A", "1", "2.50")});
  shop.history = {};
  const auto refund = shop.take(request);
  CHECK(has_flag(refund.sale().flags(), flag::original_not_here));
  CHECK(refund.original().hash().empty());
  request.sale.lines.clear();
  CHECK(make_refund(request, shop.context(), shop.history).error().field == "lines");
}

TEST_CASE("an article that the sale does not have") {
  SoldShop shop;
  const auto refused =
      make_refund(shop.refund({line("C", "1", "1")}), shop.context(), shop.history);
  REQUIRE(refused.has_error());
  CHECK(refused.error().field == "lines[0].sku");
  auto request = shop.refund({line("C", "1", "1")});
  request.original_lines = {0};
  CHECK(has_flag(shop.take(request).sale().lines(0).flags(), flag::original_line_differs));
}

TEST_CASE("a void takes the sale's effects back under a claim") {
  SoldShop shop;
  VoidRequest request;
  request.key.idempotency_key = "void-1";
  request.sale = shop.sale->envelope.id;
  const auto ruling = make_void(request, shop.context(), *shop.sale, {});
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.kind == mesh::Kind::void_sale);
  CHECK(ruling->draft.claim == mesh::void_claim(*shop.sale));
  CHECK(ruling->draft.claim != shop.sale->hash);
  CHECK(ruling->draft.stock_effects[0] == crdt::StockEffect{"A", 2'000'000, 0});
  CHECK(body_of<v1::Void>(ruling->draft).total_minor() == 800);

  shop.facts.device = *DeviceId::from_hex_text("99999999999999999999999999999999");
  const auto elsewhere = make_void(request, shop.context(), *shop.sale, {});
  REQUIRE(elsewhere.has_error());
  CHECK(elsewhere.error().code == ErrorCode::refused);
}

TEST_CASE("only sales and refunds can be voided, only sales refunded") {
  SoldShop shop;
  MovementRequest delivery;
  delivery.kind = mesh::Kind::delivery;
  delivery.lines = {{"A", "", decimal("1"), {}, {}}};
  const auto entry =
      recorded(make_movement(delivery, shop.context()).value().draft, shop.facts.device, 20);
  CHECK(make_void({}, shop.context(), *entry, {}).error().field == "sale");
  shop.history.original = entry;
  CHECK(make_refund(shop.refund({}), shop.context(), shop.history).error().field == "original.id");
}

namespace {

// A sale as entry 17, its refunds and voids as they come.
struct Counter : Shop {
  void sell(SaleRequest request) {
    const auto sold = make_sale(request, context());
    if (!sold) FAIL(sold.error().field + ": " + sold.error().message);
    body = body_of<v1::Sale>(sold->draft);
    history = {};
    history.original = recorded(sold->draft, facts.device, 17);
    number = 17;
  }
  RefundRequest request(std::vector<LineRequest> lines = {},
                        std::vector<std::uint32_t> numbers = {}) {
    RefundRequest refund;
    refund.sale = sale_of(std::move(lines));
    refund.original = history.original->envelope.id;
    refund.original_lines = std::move(numbers);
    return refund;
  }
  v1::Sale refund(const RefundRequest& wanted) {
    ruling = make_refund(wanted, context(), history);
    if (!ruling) FAIL(ruling.error().field + ": " + ruling.error().message);
    history.refunds.push_back(recorded(ruling->draft, facts.device, ++number));
    return body_of<v1::Refund>(ruling->draft).sale();
  }

  v1::Sale body;
  RefundHistory history;
  Result<Ruling> ruling = Error{};
  std::uint64_t number = 17;
};

}  // namespace

TEST_CASE("a discount on the whole belongs to its lines, and so does what comes back") {
  Counter counter;
  counter.catalogue.add("TEA", "12.00");
  counter.catalogue.add("POT", "36.00");
  auto sale = sale_of({line("TEA", "1"), line("POT", "1")});
  sale.discounts = {{decimal("12.00"), "coupon", ""}};
  counter.sell(sale);
  CHECK(counter.body.lines(0).paid_minor() == 900);
  CHECK(counter.body.lines(1).paid_minor() == 2700);
  CHECK(counter.body.tax_minor() == 600);  // of 36.00, not of 48.00
  CHECK(counter.refund(counter.request({}, {1})).total_minor() == 2700);
  const auto rest = counter.refund(counter.request());
  CHECK(rest.total_minor() == 900);
  CHECK(rest.lines_size() == 1);
  const auto nothing = make_refund(counter.request(), counter.context(), counter.history);
  REQUIRE(nothing.has_error());
  CHECK(nothing.error().code == ErrorCode::conflict);
}

TEST_CASE("what a voucher made free gives back no money") {
  Counter counter;
  auto sale = sale_of({line("A", "1", "80.00")});
  sale.discounts = {{decimal("80.00"), "gift", ""}};
  counter.sell(sale);
  CHECK(counter.body.tax_minor() == 0);
  const auto refund = counter.refund(counter.request());
  CHECK(refund.total_minor() == 0);
  CHECK(refund.payments_size() == 0);
  CHECK(counter.ruling->draft.stock_effects[0] == crdt::StockEffect{"A", 1'000'000, 0});
}

TEST_CASE("a surcharge comes back with the lines that bore it") {
  Counter counter;
  auto sale = sale_of({line("A", "1", "10.00"), line("B", "1", "30.00")});
  sale.discounts = {{decimal("-4.00"), "delivery", ""}};
  counter.sell(sale);
  CHECK(counter.body.total_minor() == 4400);
  CHECK(counter.refund(counter.request({}, {0})).total_minor() == 1100);
  CHECK(counter.refund(counter.request()).total_minor() == 3300);
}

TEST_CASE("cash rounding comes back whole, and by coins that exist") {
  Counter counter;
  auto sale = sale_of({line("A", "1", "9.98")});
  sale.rounding = decimal("0.02");
  counter.sell(sale);
  CHECK(counter.refund(counter.request()).total_minor() == 1000);

  counter.facts.currency = "CHF";
  counter.facts.cash_rule = cash_rule_of_country("CH").value();
  counter.sell(sale_of({line("A", "3", "3.335")}));
  CHECK(counter.body.total_minor() == 1000);
  CHECK(counter.body.rounding_minor() == -1);
  CHECK(counter.body.lines(0).paid_minor() == 1000);
  std::vector<std::int64_t> coins;
  for (int i = 0; i < 3; ++i) {
    coins.push_back(counter.refund(counter.request({line("A", "1")})).total_minor());
  }
  CHECK(coins == std::vector<std::int64_t>{335, 330, 335});
  CHECK(counter.ruling->alarms.empty());
}

TEST_CASE("paid by card, given back in cash: coins again; and the other way round") {
  Counter counter;
  counter.facts.currency = "CHF";
  counter.facts.cash_rule = cash_rule_of_country("CH").value();
  auto sale = sale_of({line("A", "1", "10.01")});
  sale.payments = {payment("card", "10.01")};
  counter.sell(sale);
  CHECK(counter.body.total_minor() == 1001);
  CHECK(counter.refund(counter.request()).total_minor() == 1000);
  counter.sell(sale_of({line("A", "1", "10.01")}));
  auto to_card = counter.request();
  PaymentRequest card;
  card.method = "card";
  to_card.sale.payments = {card};
  CHECK(counter.refund(to_card).total_minor() == 1000);
}

TEST_CASE("one article on several lines comes back from all of them") {
  Counter counter;
  counter.catalogue.add("A", "5.00");
  counter.sell(sale_of({line("A", "1", "5.00"), line("B", "1", "2.00"), line("A", "2", "4.00")}));
  const auto refund = counter.refund(counter.request({line("A", "3")}));
  CHECK(refund.total_minor() == 1300);
  CHECK(refund.lines_size() == 2);
  CHECK(counter.ruling->alarms.empty());
  CHECK(counter.refund(counter.request()).total_minor() == 200);
}

TEST_CASE("the article on the receipt is found however it was rung") {
  Counter counter;
  counter.catalogue.add("BOX", "6.00").add_gtins("036000291452");  // UPC-A
  LineRequest scanned;
  scanned.gtin = "0036000291452";  // the same number as EAN-13
  scanned.quantity = decimal("1");
  counter.sell(sale_of({line("BOX", "2")}));
  counter.catalogue.by_sku["BOX"] = [] {
    auto product = std::make_shared<Product>();
    product->set_sku("BOX");
    product->add_gtins("0036000291452");
    return product;
  }();
  CHECK(counter.refund(counter.request({scanned})).total_minor() == 600);
  scanned.charged_unit_price = decimal("7.00");
  counter.catalogue.by_sku.erase("BOX");
  counter.sell(sale_of({scanned}));  // sold before it had a sku
  counter.catalogue.add("BOX", "9.00").add_gtins("0036000291452");
  CHECK(counter.refund(counter.request({line("BOX", "1")})).total_minor() == 700);
}

TEST_CASE("a price of its own is paid as stated, and more money than was paid is told") {
  Counter counter;
  counter.sell(sale_of({line("A", "2", "3.00")}));
  const auto cheap = counter.refund(counter.request({line("A", "1", "2.50")}));
  CHECK(cheap.total_minor() == 250);
  CHECK(cheap.flags_size() == 0);
  const auto rest = counter.refund(counter.request());
  CHECK(rest.total_minor() == 300);  // the other one, at what was paid for it

  counter.sell(sale_of({line("A", "1", "3.00")}));
  const auto dear = counter.refund(counter.request({line("A", "1", "300.00")}));
  CHECK(has_flag(dear.flags(), flag::refunded_more_than_paid));
  REQUIRE(counter.ruling->alarms.size() == 1);
  CHECK(counter.ruling->alarms[0].code == flag::refunded_more_than_paid);
}

TEST_CASE("a price that repeats the receipt's leaves the money to the sale") {
  Counter counter;
  auto sale = sale_of({line("A", "1", "10.00")});
  sale.discounts = {{decimal("4.00"), "", ""}};
  counter.sell(sale);
  const auto refund = counter.refund(counter.request({line("A", "1", "10.00")}));
  CHECK(refund.total_minor() == 600);
  CHECK(refund.flags_size() == 0);
}

TEST_CASE("a training refund uses nothing up") {
  Counter counter;
  counter.sell(sale_of({line("A", "1", "10.00")}));
  auto lesson = counter.request();
  lesson.sale.training = true;
  CHECK(counter.refund(lesson).total_minor() == 1000);
  CHECK(counter.ruling->draft.stock_effects.empty());
  const auto real = counter.refund(counter.request());
  CHECK(real.total_minor() == 1000);
  CHECK(real.flags_size() == 0);
  CHECK(counter.ruling->alarms.empty());
}

TEST_CASE("once something came back, a void is refused; after a lesson it is not") {
  Counter counter;
  counter.sell(sale_of({line("A", "2", "10.00")}));
  auto lesson = counter.request();
  lesson.sale.training = true;
  counter.refund(lesson);
  VoidRequest undo;
  undo.sale = counter.history.original->envelope.id;
  CHECK(make_void(undo, counter.context(), *counter.history.original, counter.history.refunds)
            .has_value());
  counter.refund(counter.request({line("A", "1")}));
  const auto refused =
      make_void(undo, counter.context(), *counter.history.original, counter.history.refunds);
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == ErrorCode::conflict);
}

TEST_CASE("after a void nothing is left; lines that come back all the same are told") {
  Counter counter;
  counter.sell(sale_of({line("A", "2", "10.00")}));
  counter.history.voided = true;
  CHECK(make_refund(counter.request(), counter.context(), counter.history).error().code ==
        ErrorCode::conflict);
  const auto refund = counter.refund(counter.request({line("A", "1")}));
  CHECK(has_flag(refund.flags(), flag::original_voided));
  CHECK(has_flag(refund.flags(), flag::refunded_more_than_sold));
  CHECK(counter.ruling->alarms.size() == 1);
}

TEST_CASE("any sale given back in any parts: pieces, money and tax add up") {
  REQUIRE(rc::check([] {
    Counter counter;
    counter.facts.tax_rounding =
        *rc::gen::arbitrary<bool>() ? TaxRounding::receipt : TaxRounding::line;
    const bool in_coins = *rc::gen::arbitrary<bool>();
    if (in_coins) counter.facts.cash_rule = CashRule{"GBP", 5, false, "setting"};
    std::vector<LineRequest> lines;
    const auto count = *rc::gen::inRange<std::size_t>(1, 6);
    for (std::size_t i = 0; i < count; ++i) {
      LineRequest any;
      any.sku = std::string(1, static_cast<char>('A' + *rc::gen::inRange(0, 3)));
      any.quantity = {*rc::gen::inRange<std::int64_t>(1, 9), 0};
      any.charged_unit_price = Decimal{*rc::gen::inRange<std::int64_t>(0, 20'000), 3};
      any.tax_rate_micropercent = *rc::gen::inRange(0U, 25'000'000U);
      any.tax_included = *rc::gen::arbitrary<bool>();
      lines.push_back(any);
    }
    auto sale = sale_of(lines);
    sale.discounts = {{{*rc::gen::inRange<std::int64_t>(-500, 500), 2}, "", ""}};
    counter.sell(sale);
    RC_PRE(counter.body.total_minor() >= 0);
    std::int64_t by_lines = 0;
    for (const auto& each : counter.body.lines()) by_lines += each.paid_minor();
    RC_ASSERT(by_lines == counter.body.total_minor());

    std::int64_t money = 0;
    std::int64_t tax = 0;
    std::int64_t pieces = 0;
    for (;;) {
      const auto settlement = settlement_of(counter.history);
      if (!settlement->anything_left()) break;
      std::vector<std::uint32_t> open;
      for (std::uint32_t i = 0; i < count; ++i) {
        if (settlement->left(i).units > 0) open.push_back(i);
      }
      const auto at = *rc::gen::elementOf(open);
      const auto left = settlement->left(at).units / 1'000'000;
      auto part = lines[at];
      part.quantity = {*rc::gen::inRange<std::int64_t>(1, left + 1), 0};
      part.charged_unit_price.reset();
      part.tax_rate_micropercent.reset();
      const auto refund = counter.refund(counter.request({part}, {at}));
      RC_ASSERT(counter.ruling->alarms.empty());
      if (in_coins) RC_ASSERT(refund.total_minor() % 5 == 0);
      money += refund.total_minor();
      tax += refund.tax_minor();
      for (const auto& effect : counter.ruling->draft.stock_effects) {
        pieces += static_cast<std::int64_t>(effect.added) / 1'000'000;
      }
    }
    std::int64_t sold = 0;
    for (const auto& each : counter.body.lines()) sold += each.quantity().value();
    RC_ASSERT(money == counter.body.total_minor());
    RC_ASSERT(tax == counter.body.tax_minor());
    RC_ASSERT(pieces == sold);
  }));
}

namespace {

// Two articles at 20 %, 60.00 and 20.00, 15.00 off the whole: 48.75 and 16.25 were paid.
void sell_discounted(Counter& counter) {
  counter.catalogue.add("A", "60.00");
  counter.catalogue.add("B", "20.00");
  auto sale = sale_of({line("A", "1"), line("B", "1")});
  sale.discounts = {{decimal("15.00"), "coupon", ""}};
  counter.sell(sale);
}

}  // namespace

TEST_CASE("whatever a screen repeats of the receipt, the money follows from the sale") {
  Counter counter;
  sell_discounted(counter);
  auto echo = line("A", "1", "60.00");
  SECTION("its rate") {
    echo.tax_rate_micropercent = 20'000'000;
  }
  SECTION("its taxes") {
    echo.taxes = {{"S", 20'000'000, false}};
  }
  SECTION("that it is not exempt") {
    echo.tax_exempt = false;
  }
  SECTION("its tax, of before the discount") {
    echo.tax = decimal("10.00");
  }
  SECTION("its tax, as the till answered it") {
    echo.tax = decimal("8.13");
  }
  const auto refund = counter.refund(counter.request({echo}));
  CHECK(refund.total_minor() == 4875);
  CHECK(refund.tax_minor() == 813);
}

TEST_CASE("a discount of the line itself, repeated, is not taken twice") {
  Counter counter;
  auto cheap = line("A", "2", "10.00");
  cheap.discounts = {{decimal("4.00"), "damaged", ""}};
  counter.sell(sale_of({cheap}));
  auto half = line("A", "1", "10.00");
  half.discounts = {{decimal("2.00"), "damaged", ""}};
  CHECK(counter.refund(counter.request({half})).total_minor() == 800);
}

TEST_CASE("a piece returned at a price of its own leaves the others at what was paid") {
  Counter counter;
  counter.sell(sale_of({line("A", "2", "10.00")}));
  SECTION("lower, then the rest") {
    CHECK(counter.refund(counter.request({line("A", "1", "4.00")})).total_minor() == 400);
    CHECK(counter.refund(counter.request()).total_minor() == 1000);
  }
  SECTION("both in one refund") {
    auto both = counter.request({line("A", "1", "4.00"), line("A", "1")}, {0, 0});
    CHECK(counter.refund(both).total_minor() == 1400);
  }
  SECTION("a fee kept back stays kept, and lowers the tax") {
    auto fee = counter.request({line("A", "1")});
    fee.sale.discounts = {{decimal("2.00"), "fee", ""}};
    CHECK(counter.refund(fee).total_minor() == 800);
    CHECK(counter.refund(counter.request()).total_minor() == 1000);
  }
  SECTION("higher: told, and nobody owes the shop for the next") {
    CHECK(has_flag(counter.refund(counter.request({line("A", "1", "25.00")})).flags(),
                   flag::refunded_more_than_paid));
    CHECK(counter.refund(counter.request()).total_minor() == 1000);
  }
}

TEST_CASE("of one article at two prices the stated price tells which") {
  Counter counter;
  counter.sell(sale_of({line("A", "1", "10.00"), line("A", "1", "8.00")}));
  CHECK(counter.refund(counter.request({line("A", "1", "8.00")})).total_minor() == 800);
  CHECK(counter.refund(counter.request()).total_minor() == 1000);
}

TEST_CASE("what was too much before is told once, and the sale as a whole is looked at") {
  Counter counter;
  counter.sell(sale_of({line("A", "1", "10.00"), line("B", "1", "5.00")}));
  counter.refund(counter.request({line("A", "2", "10.00")}));
  CHECK(counter.ruling->alarms.size() == 1);
  const auto right = counter.refund(counter.request({line("B", "1")}));
  CHECK(right.flags_size() == 0);
  CHECK(counter.ruling->alarms.empty());

  counter.sell(sale_of({line("A", "1", "60.00"), line("B", "-1", "20.00")}));
  const auto exchange = counter.request({line("A", "1"), line("B", "-1", "5.00")}, {0, 1});
  CHECK(has_flag(counter.refund(exchange).flags(), flag::refunded_more_than_paid));
}

TEST_CASE("a refund made before its sale was here uses it up by its articles") {
  Counter counter;
  counter.sell(sale_of({line("A", "1", "10.00")}));
  const RefundHistory known = counter.history;
  RefundRequest early = counter.request({line("A", "1", "10.00")});
  counter.history.original = nullptr;
  counter.refund(early);
  counter.history.original = known.original;
  CHECK(make_refund(counter.request(), counter.context(), counter.history).error().code ==
        ErrorCode::conflict);
}

TEST_CASE("coins that an earlier refund owes are no reason to refuse a screen's total") {
  Counter counter;
  counter.facts.currency = "CHF";
  counter.facts.cash_rule = cash_rule_of_country("CH").value();
  counter.sell(sale_of({line("A", "3", "3.335")}));
  CHECK(counter.refund(counter.request({line("A", "1")})).total_minor() == 335);
  auto next = counter.request({line("A", "1")});
  next.sale.total = decimal("3.34");
  CHECK(counter.refund(next).total_minor() == 330);
  next.sale.payments = {payment("card", "3.33")};
  next.sale.total.reset();
  CHECK(counter.refund(next).total_minor() == 333);
}
