// What the API shows: stock, products, journals, status, metrics, health.
#include <catch2/catch.hpp>

#include "tests/pos-node/api/lab_server.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;

TEST_CASE("stock has a state from in stock to back order") {
  LabServer lab;
  const auto move = [&](const char* key, const char* quantity) {
    const auto reply = lab.post("/v1/adjustments", std::string(R"({"idempotency_key":")") + key +
                                                       R"(","lines":[{"sku":"A","quantity":")" +
                                                       quantity + "\"}]}");
    REQUIRE(reply.status == 201);
    return lab.get("/v1/stock/A");
  };
  CHECK(lab.get("/v1/stock/A").at("state") == "out_of_stock");  // known, never moved
  CHECK(move("1", "6").at("state") == "in_stock");
  CHECK(move("2", "-1").at("state") == "low");
  CHECK(move("3", "-5").at("state") == "out_of_stock");
  const auto back_order = move("4", "-1");
  CHECK(back_order.at("state") == "back_order");
  CHECK(back_order.at("display") == "-1 (Back Order)");
  CHECK(back_order.at("on_hand") == "-1");
  CHECK(back_order.at("added") == "6");
  CHECK(back_order.at("removed") == "7");
  CHECK(lab.get("/v1/stock/a").status == 404);  // letter case counts
}

TEST_CASE("all stock comes in pages") {
  LabServer lab;
  std::string lines;
  for (const char* sku : {"B", "C", "D", "BANK CHARGES"}) {
    lines += (lines.empty() ? "" : ",") + std::string(R"({"sku":")") + sku + R"(","quantity":"1"})";
  }
  REQUIRE(lab.post("/v1/deliveries", R"({"idempotency_key":"d","lines":[)" + lines + "]}").status ==
          201);
  const auto first = lab.get("/v1/stock?limit=3");
  CHECK(first.value_at("stock").get_array().size() == 3);
  CHECK(first.at("next") == "C");
  const auto second = lab.get("/v1/stock?limit=3&after=C");
  CHECK(second.at("stock.0.sku") == "D");
  CHECK(second.at("next") == "null");
  CHECK(lab.get("/v1/stock/BANK%20CHARGES").at("on_hand") == "1");
}

TEST_CASE("a row without a sku means the article that has its barcode") {
  LabServer lab;
  const std::string csv = "text/csv";
  const auto taken = lab.put("/v1/products", "gtin,price\n4006381333931,9.75\n", csv);
  CHECK(taken.status == 200);
  CHECK(taken.at("changed") == "1");
  CHECK(lab.get("/v1/products/A").at("price") == "9.75");
  CHECK(lab.get("/v1/products/A").at("description") == "article A");
  CHECK(lab.get("/v1/products/4006381333931").status == 404);
  // Its other barcodes stay, and its row may come twice.
  REQUIRE(lab.put("/v1/products", "sku,gtin\nA,4006381333931;96385074\n", csv).status == 200);
  const auto twice =
      lab.put("/v1/products", "gtin,price\n4006381333931,3\n96385074,4\n7612345678900,5\n", csv);
  CHECK(twice.at("products") == "2");
  CHECK(twice.at("warning_count") == "1");
  CHECK(lab.get("/v1/products/A").at("price") == "4");
  CHECK(lab.get("/v1/products/A").value_at("gtins").get_array().size() == 2);
  CHECK(lab.get("/v1/products/7612345678900").at("price") == "5");

  REQUIRE(lab.put("/v1/products", "sku,gtin\nTWIN,96385074\n", csv).status == 200);
  const auto doubtful = lab.put("/v1/products", "gtin,price\n96385074,1\n", csv);
  CHECK(doubtful.status == 400);
  CHECK(doubtful.at("error.field") == "line 2");
  CHECK(doubtful.at("error.message").find("A, TWIN") != std::string::npos);
  // What is no longer in the range is not meant.
  REQUIRE(lab.put("/v1/products", "sku,delisted\nTWIN,true\n", csv).status == 200);
  CHECK(lab.put("/v1/products", "gtin,price\n96385074,1\n", csv).at("changed") == "1");
  CHECK(lab.get("/v1/products/A").at("price") == "1");
}

TEST_CASE("products by sku, barcode and words") {
  LabServer lab;
  CHECK(lab.get("/v1/products/A").at("price") == "2.55");
  CHECK(lab.get("/v1/products/a").status == 404);
  CHECK(lab.get("/v1/products?gtin=4006381333931").at("products.0.sku") == "A");
  CHECK(lab.get("/v1/products?gtin=123").value_at("products").get_array().empty());
  CHECK(lab.get("/v1/products?q=article+A").at("products.0.sku") == "A");
  lab.on_loop([](FakeService& service) { service.shop.catalogue.add("B", ""); });
  const auto page = lab.get("/v1/products?limit=1");
  CHECK(page.at("next") == "A");
  CHECK(lab.get("/v1/products?limit=1&after=A").at("products.0.price") == "null");
}

TEST_CASE("a scan in whatever form finds every article that it can mean, and tells the rest") {
  LabServer lab;
  lab.on_loop([](FakeService& service) {
    service.shop.catalogue.add("B", "3.00").add_gtins("4006381333931");
    service.shop.catalogue.add("C", "18.00").add_gtins("9506000134352");
  });
  const auto shared = lab.get("/v1/products?gtin=%5DE04006381333931%0D");
  CHECK(shared.value_at("products").get_array().size() == 2);
  CHECK(shared.at("products.0.sku") == "A");
  CHECK(shared.at("products.1.sku") == "B");
  const auto symbol = lab.get("/v1/products?gtin=%5Dd2010950600013435210L1%1D17290331");
  CHECK(symbol.at("products.0.sku") == "C");
  CHECK(symbol.at("scan.lot") == "L1");
  CHECK(symbol.at("scan.expiry") == "2029-03-31");
  CHECK(symbol.value_at("messages").get_array().empty());
  const auto link = lab.get("/v1/products?gtin=https%3A%2F%2Fid.example%2FAQnYUc1gmiCNV4JG");
  CHECK(link.value_at("products").get_array().empty());
  CHECK(link.at("messages.0").find("not supported") != std::string::npos);
  CHECK(lab.get("/v1/products?gtin=%1B%5BA").at("error.field") == "gtin");
}

TEST_CASE("a line shows what its symbol said") {
  LabServer lab;
  const auto sale =
      lab.post("/v1/sales", R"({"idempotency_key":"s","lines":[{"gtin":"]C1)"
                            R"(010400638133393110L-1\u001d17290331\r","quantity":"1"}]})");
  REQUIRE(sale.status == 201);
  CHECK(sale.at("lines.0.sku") == "A");
  CHECK(sale.at("lines.0.gtin") == "4006381333931");
  CHECK(sale.at("lines.0.scan.lot") == "L-1");
  CHECK(sale.at("lines.0.scan.symbol") == "]C1010400638133393110L-1|17290331");
  CHECK(sale.at("lines.0.scan.price") == "null");
}

TEST_CASE("journals and their entries") {
  LabServer lab;
  for (int i = 0; i < 3; ++i) lab.post("/v1/sales", sale_body("k" + std::to_string(i)));
  const auto journals = lab.get("/v1/journal");
  const std::string journal = journals.at("journals.0.journal");
  CHECK(journals.at("journals.0.stored") == "[[1,3]]");
  CHECK(journals.at("journals.0.own") == "true");
  const auto page = lab.get("/v1/journal?journal=" + journal + "&from=2&limit=1");
  CHECK(page.at("entries.0.number") == "2");
  CHECK(page.at("entries.0.kind_name") == "sale");
  CHECK(page.at("entries.0.stock_effects.0.removed") == "1");
  CHECK(page.at("entries.0.bytes_base64") == "Ynl0ZXMgb2YgMg==");
  CHECK(page.at("next") == "3");
  CHECK(lab.get("/v1/journal?journal=xyz").at("error.field") == "journal");
  CHECK(lab.get("/v1/journal?journal=" + std::string(32, '0')).status == 404);
}

TEST_CASE("a sale is found by its id") {
  LabServer lab;
  const auto sale = lab.post("/v1/sales", sale_body("k"));
  const auto found = lab.get("/v1/sales/" + sale.at("id"));
  CHECK(found.status == 200);
  CHECK(found.at("hash") == sale.at("hash"));
  CHECK(found.at("voided_by") == "null");
  CHECK(found.at("copies") == "3");
  CHECK(found.at("copies_away") == "1");
  CHECK(lab.get("/v1/sales/nonsense").status == 400);
  CHECK(lab.get("/v1/sales/" + std::string(32, '3') + ":9").status == 404);
}

TEST_CASE("the status says who is there and what is pending") {
  LabServer lab;
  lab.on_loop([](FakeService& service) {
    StatusReport& report = service.report;
    report.leader = LeaderReport{"till-2", {}, {}, 3};
    MemberReport member;
    member.terminal = "till-2";
    member.addresses = {"10.77.0.2:7411"};
    member.linked = true;
    member.round_trip = Duration(412);
    report.members = {member};
    JournalReport journal;
    journal.stored.add(crdt::Interval{1, 17});
    report.journals = {journal};
    report.stock_digest = 0xabcdef;
    report.pending_uploads = 4;
    report.watermark = WatermarkReport{1, 9};
    report.store_database.progress_permille = 250;
    report.alarms = {{"back_order", "Reorder A", {1793016000000}}};
  });
  const auto status = lab.get("/v1/status");
  CHECK(status.at("terminal") == "till-1");
  CHECK(status.at("leader.term") == "3");
  CHECK(status.at("members.0.round_trip_ms") == "4.12E-1");
  CHECK(status.at("members.0.clock_skew_ms") == "null");
  CHECK(status.at("vector.journals.0.stored") == "[[1,17]]");
  CHECK(status.at("stock_digest") == "0000000000abcdef");
  CHECK(status.at("watermark.sequence") == "9");
  CHECK(status.text.find("\"progress\":0.25") != std::string::npos);
  CHECK(status.at("alarms.0.time") == "2026-10-26T12:00:00.000Z");
}

TEST_CASE("health says why it is bad") {
  LabServer lab;
  CHECK(lab.get("/healthz").at("status") == "ok");
  lab.on_loop([](FakeService& service) { service.sick = "The disk is full."; });
  const auto sick = lab.get("/healthz");
  CHECK(sick.status == 503);
  CHECK(sick.at("error.message") == "The disk is full.");
}

TEST_CASE("the status says what is waited for, and since when unless the clock was dead") {
  LabServer lab;
  CHECK(lab.get("/v1/status").at("waiting_for") == "[]");
  lab.on_loop([](FakeService& service) {
    service.report.waiting_for = {{"network", WallTime{1796000000000}, "Look at the cable"},
                                  {"time", WallTime{5000}, "The clock shows 1970"}};
  });
  const auto status = lab.get("/v1/status");
  CHECK(status.at("waiting_for.0.what") == "network");
  CHECK(status.at("waiting_for.0.since") == "2026-11-30T00:53:20.000Z");
  CHECK(status.at("waiting_for.1.since") == "null");
  CHECK(status.at("waiting_for.1.message") == "The clock shows 1970");
}

TEST_CASE("a till that can sell is healthy, and says what is amiss beside it") {
  LabServer lab;
  lab.on_loop([](FakeService& service) {
    service.report.health = {{"cut", "till-3 does not answer", WallTime{1317888900000}, {"till-3"}},
                             {"wrong_secret", "Compare the secrets", {}, {}}};
  });
  const auto health = lab.get("/healthz");
  CHECK(health.status == 200);  // whoever restarts what is not healthy must leave it alone
  CHECK(health.at("status") == "degraded");
  CHECK(health.at("reasons.0.code") == "cut");
  CHECK(health.at("reasons.0.since") == "2011-10-06T08:15:00.000Z");
  CHECK(health.at("reasons.0.terminals") == "[\"till-3\"]");
  CHECK(health.at("reasons.1.since") == "null");
  CHECK(lab.get("/v1/status").at("health.reasons.1.code") == "wrong_secret");
}

TEST_CASE("times that were never set are null, not 1970") {
  LabServer lab;
  lab.on_loop([](FakeService& service) { service.report.alarms = {{"a", "b", {}}}; });
  const auto status = lab.get("/v1/status");
  CHECK(status.at("uplink.since") == "null");
  CHECK(status.at("started") == "null");
  CHECK(status.text.find("1970") == std::string::npos);
}

TEST_CASE("metrics count what happened") {
  LabServer lab;
  lab.post("/v1/sales", sale_body("k"));
  lab.post("/v1/sales", sale_body("k"));  // a repeat is no second sale
  lab.post("/v1/sales", "nonsense");
  const auto metrics = lab.raw("GET", "/metrics");
  CHECK(metrics.content_type.starts_with("text/plain"));
  CHECK(metrics.body.find("\ntitan_sales_total 1\n") != std::string::npos);
  CHECK(metrics.body.find("\ntitan_commit_seconds_count 1\n") != std::string::npos);
  CHECK(metrics.body.find("\ntitan_api_requests_refused_total 1\n") != std::string::npos);
  CHECK(metrics.body.find("\ntitan_members_alive 1\n") != std::string::npos);
}
