// Past sales and opening stocks of the former system: what becomes of them, and what is refused.
#include "pos-node/move_in/move_in_rules.h"

#include <catch2/catch.hpp>
#include <limits>

#include "pos-node/domain/returned_lines.h"
#include "proto/entry.pb.h"
#include "tests/pos-node/domain/fixtures.h"

namespace titan::pos::test {
namespace {

namespace v1 = titan::entry::v1;

const MoveInId move_in = MoveInId::from_hex_text("000102030405060708090a0b0c0d0e0f").value();
const StoreCalendar::Day day{0, 20110301};

FormerSale two_lines() {
  FormerSale sale;
  sale.terminal = "old-1";
  sale.id = "17";
  sale.receipt = "OLD-17";
  sale.sold = *parse_utc_time("2011-03-01T09:15:00Z");
  sale.cashier = "c1";
  sale.currency = "GBP";
  sale.total = {1000, 2};
  sale.tax = {100, 2};
  sale.was_sent = false;
  sale.lines = {{"a", "A", {2, 0}, {300, 2}, 20'000'000, {600, 2}},
                {"b", "B", {1, 0}, {400, 2}, 0, {400, 2}}};
  sale.payments = {{"cash", {1050, 2}, {50, 2}}};
  return sale;
}

Result<Ruling> ruled(const FormerSale& sale, Shop& shop) {
  return make_history(sale, move_in, 0, day, shop.context(), "sales[0].");
}

v1::History body_of(const Ruling& ruling) {
  v1::History body;
  REQUIRE(body.ParseFromString(ruling.draft.body));
  return body;
}

void check_refused(const FormerSale& sale, const std::string& field) {
  Shop shop;
  const auto ruling = ruled(sale, shop);
  REQUIRE_FALSE(ruling.has_value());
  CHECK(ruling.error().field == field);
  CHECK(ruling.error().code == ErrorCode::invalid);
}

}  // namespace

TEST_CASE("amounts at the end of all numbers are refused, not wrapped round") {
  constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  Shop shop;
  const auto field_of = [&](const FormerSale& sale) {
    const auto ruling = ruled(sale, shop);
    REQUIRE(ruling.has_error());
    return ruling.error().field;
  };
  FormerSale sale = two_lines();
  sale.tax = {smallest, 2};
  CHECK(field_of(sale) == "sales[0].tax");
  sale = two_lines();
  sale.total = {smallest, 2};
  CHECK(field_of(sale) == "sales[0].total");
  sale.tax = {0, 2};
  sale.lines = {{"a", "A", {1, 0}, {smallest, 2}, 0, {smallest, 2}}};
  sale.payments = {{"cash", {smallest, 2}, {0, 2}}};
  CHECK(field_of(sale) == "sales[0].total");
  // Price times quantity less the total is beyond all numbers.
  sale.total = {-2, 2};
  sale.lines = {{"a", "A", {1, 0}, {largest, 2}, 0, {-2, 2}}};
  sale.payments = {{"cash", {-2, 2}, {0, 2}}};
  CHECK(field_of(sale) == "sales[0].lines[0].unit_price");
}

TEST_CASE("a past sale moves no stock, has no receipt of ours and no key, and its own day") {
  Shop shop;
  const auto ruling = ruled(two_lines(), shop);
  REQUIRE(ruling.has_value());
  const mesh::EntryDraft& draft = ruling->draft;
  CHECK(draft.kind == mesh::Kind::history);
  CHECK(draft.stock_effects.empty());
  CHECK_FALSE(draft.wants_receipt);
  CHECK(draft.idempotency_key.empty());
  CHECK(draft.stated_business_date == 20110301);
  CHECK(draft.claim == history_claim("old-1", "17", 0));
  const auto body = body_of(*ruling);
  CHECK(body.origin() == "old-1");
  CHECK(body.receipt() == "OLD-17");
  CHECK_FALSE(body.was_sent());
  CHECK_FALSE(body.was_voided());
  CHECK(body.move_in() == move_in.view());
  CHECK(body.sale().payments(0).change_minor() == 50);
}

TEST_CASE("a sale's tax is shared out to the lines that are taxed and adds up to its own figure") {
  Shop shop;
  auto sale = two_lines();
  for (const std::int64_t tax : {100, 101, 97, 0}) {
    sale.tax = {tax, 2};
    const auto ruling = ruled(sale, shop);
    REQUIRE(ruling.has_value());
    const auto body = body_of(*ruling);
    CHECK(body.sale().lines(0).tax_minor() == tax);
    CHECK(body.sale().lines(1).tax_minor() == 0);
    CHECK(body.sale().lines(0).tax_included());
  }
}

TEST_CASE("a tax that came on top of the price, and a price that was not charged, stay visible") {
  Shop shop;
  auto sale = two_lines();
  sale.lines = {{"a", "A", {1, 0}, {500, 2}, 20'000'000, {600, 2}}};
  sale.total = {600, 2};
  sale.payments = {{"card", {600, 2}, {}}};
  auto ruling = ruled(sale, shop);
  REQUIRE(ruling.has_value());
  CHECK_FALSE(body_of(*ruling).sale().lines(0).tax_included());
  CHECK(body_of(*ruling).sale().lines(0).discounts_size() == 0);
  sale.lines[0].unit_price = {650, 2};
  ruling = ruled(sale, shop);
  REQUIRE(ruling.has_value());
  CHECK(body_of(*ruling).sale().lines(0).tax_included());
  CHECK(body_of(*ruling).sale().lines(0).discounts(0).amount_minor() == 50);
}

TEST_CASE("what does not add up is refused by the figure that is wrong") {
  auto sale = two_lines();
  sale.total = {1001, 2};
  check_refused(sale, "sales[0].lines");
  sale = two_lines();
  sale.payments[0].change = {49, 2};
  check_refused(sale, "sales[0].payments");
  sale = two_lines();
  sale.payments.clear();
  check_refused(sale, "sales[0].payments");
  sale = two_lines();
  sale.tax = {1001, 2};
  check_refused(sale, "sales[0].tax");
  sale = two_lines();
  sale.currency = "EUR";
  check_refused(sale, "sales[0].currency");
  sale = two_lines();
  sale.lines[1].quantity = {};
  check_refused(sale, "sales[0].lines[1].quantity");
  sale = two_lines();
  sale.lines.clear();
  check_refused(sale, "sales[0].lines");
  sale = two_lines();
  sale.terminal.clear();
  check_refused(sale, "sales[0].terminal");
  sale = two_lines();
  sale.sold = *parse_utc_time("2098-03-01T09:15:00Z");
  check_refused(sale, "sales[0].time");
}

TEST_CASE("what was voided or refunded counts for nothing, with or without its payments") {
  Shop shop;
  auto sale = two_lines();
  sale.status = FormerStatus::voided;
  sale.payments.clear();
  auto ruling = ruled(sale, shop);
  REQUIRE(ruling.has_value());
  CHECK(body_of(*ruling).was_voided());
  sale.status = FormerStatus::refunded;
  ruling = ruled(sale, shop);
  REQUIRE(ruling.has_value());
  CHECK(body_of(*ruling).was_voided());
  CHECK(body_of(*ruling).sale().flags(0) == flag::refunded_before);
}

TEST_CASE("claims tell terminals, ids, articles and generations apart") {
  CHECK(history_claim("a", "b", 0) == history_claim("a", "b", 0));
  CHECK(history_claim("a", "b", 0) != history_claim("a", "b", 1));
  CHECK(history_claim("a", "b", 0) != history_claim("b", "a", 0));
  CHECK(history_claim("ab", "c", 0) != history_claim("a", "bc", 0));
  CHECK(opening_stock_claim("a", 0) != opening_stock_claim("b", 0));
  CHECK(opening_stock_claim("a", 0) != opening_stock_claim("a", 1));
  CHECK(withdrawal_claim(move_in, opening_stock_claim("A", 0)) !=
        withdrawal_claim(move_in, opening_stock_claim("B", 0)));
  CHECK(withdrawal_claim(move_in) != withdrawal_claim(move_in, opening_stock_claim("A", 0)));
  CHECK(move_in_id(blake2b("file"), 0) != move_in_id(blake2b("file"), 1));
  // On the disks of shops for ever: BLAKE2b-256 of "opening-stock", NUL, "85123A".
  CHECK(opening_stock_claim("85123A", 0) == blake2b(Bytes("opening-stock\0"
                                                          "85123A",
                                                          20)));
}

TEST_CASE("an opening stock is one entry with one claim, above or below zero") {
  Shop shop;
  const auto above = make_opening_stock({"a", {25, 1}}, move_in, 0, shop.context(), "");
  REQUIRE(above.has_value());
  CHECK(above->draft.kind == mesh::Kind::opening_stock);
  REQUIRE(above->draft.stock_effects.size() == 1);
  CHECK(above->draft.stock_effects[0] == crdt::StockEffect{"a", 2'500'000, 0});
  const auto below = make_opening_stock({"a", {-3, 0}}, move_in, 0, shop.context(), "");
  REQUIRE(below.has_value());
  CHECK(below->draft.stock_effects[0] == crdt::StockEffect{"a", 0, 3'000'000});
  CHECK_FALSE(
      make_opening_stock({"a", {2'000'000'000, 0}}, move_in, 0, shop.context(), "l.").has_value());
}

TEST_CASE("times of v0.1 are read in both forms, and nothing else is") {
  CHECK(parse_utc_time("2025-01-06T09:00:00Z")->utc_ms == 1736154000000);
  CHECK(parse_utc_time("2025-01-06 09:00:00") == parse_utc_time("2025-01-06T09:00:00Z"));
  CHECK(parse_utc_time("2025-01-06T09:00:00.250Z")->utc_ms == 1736154000250);
  for (const char* wrong : {"", "yesterday", "2025-02-30T09:00:00Z", "2025-01-06T24:00:00Z",
                            "2025-01-06T09:00:00+01:00", "2025-01-06T09:00:00.Z",
                            "1989-01-06T09:00:00Z", "2025-01-06", "20x5-01-06T09:00:00Z"}) {
    INFO(wrong);
    CHECK_FALSE(parse_utc_time(wrong).has_value());
  }
}

}  // namespace titan::pos::test
