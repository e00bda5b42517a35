#include <catch2/catch.hpp>

#include "tests/pos-node/fixtures.h"

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
  const auto ruling = make_void(request, shop.context(), *shop.sale);
  REQUIRE(ruling.has_value());
  CHECK(ruling->draft.kind == mesh::Kind::void_sale);
  CHECK(ruling->draft.claim == void_claim(shop.sale->hash));
  CHECK(ruling->draft.claim != shop.sale->hash);
  CHECK(ruling->draft.stock_effects[0] == crdt::StockEffect{"A", 2'000'000, 0});
  CHECK(body_of<v1::Void>(ruling->draft).total_minor() == 800);

  shop.facts.device = *DeviceId::from_hex_text("99999999999999999999999999999999");
  const auto elsewhere = make_void(request, shop.context(), *shop.sale);
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
  CHECK(make_void({}, shop.context(), *entry).error().field == "sale");
  shop.history.original = entry;
  CHECK(make_refund(shop.refund({}), shop.context(), shop.history).error().field == "original.id");
}
