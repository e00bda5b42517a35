// Move-ins through the API: batches that repeat harmlessly, one opening stock a product, the undo.
#include <catch2/catch.hpp>

#include "pos-node/api/move_in_notes.h"
#include "pos-node/move_in/move_in_rules.h"
#include "tests/pos-node/api/lab_server.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;

namespace {

const std::string file_a(64, 'a');
const std::string file_b(64, 'b');

std::string id_of(LabServer& lab, const std::string& file) {
  const auto reply = lab.get("/v1/move-ins?file=" + file);
  INFO(reply.text);
  REQUIRE(reply.status == 200);
  return reply.at("id");
}

std::string sale(const std::string& id, const std::string& more = "") {
  return R"({"terminal":"old-1","id":")" + id + R"(","receipt":"OLD-)" + id +
         R"(","time":"2011-03-01T09:15:00Z","currency":"GBP","total":"4.00","tax":"0.67",)" + more +
         R"("was_sent":false,"lines":[{"sku":"A","quantity":"2","unit_price":"2.00","tax_rate":"20",
             "total":"4.00"}],"payments":[{"method":"cash","amount":"4.00"}]})";
}

auto move_in_sales(LabServer& lab, const std::string& id, const std::string& sales) {
  return lab.post("/v1/move-ins/" + id + "/sales", R"({"sales":[)" + sales + "]}");
}

auto open_stock(LabServer& lab, const std::string& id, const std::string& quantity) {
  return lab.post("/v1/move-ins/" + id + "/opening-stock",
                  R"({"lines":[{"sku":"A","quantity":")" + quantity + R"("}]})");
}

std::size_t entries(LabServer& lab) {
  std::size_t count = 0;
  lab.on_loop([&](FakeService& service) { count = service.entries.size(); });
  return count;
}

std::int64_t on_hand(LabServer& lab) {
  std::int64_t units = 0;
  lab.on_loop([&](FakeService& service) { units = service.stock().on_hand("A"); });
  return units;
}

std::int64_t on_hand(LabServer& lab, const std::string& sku) {
  std::int64_t units = 0;
  lab.on_loop([&](FakeService& service) { units = service.stock().on_hand(sku); });
  return units;
}

// As it comes from another till, which does not know of the withdrawal yet.
void opening_arrives(LabServer& lab, const std::string& move_in, const std::string& sku,
                     std::int64_t pieces) {
  lab.on_loop([&](FakeService& service) {
    const ClockReading clock = service.clock();
    auto ruling =
        make_opening_stock({sku, Decimal{pieces, 0}}, MoveInId::from_hex_text(move_in).value(), 0,
                           {service.facts(), clock, service}, "");
    REQUIRE(ruling.has_value());
    service.append(std::move(ruling->draft), [](const Result<mesh::Appended>&) {});
  });
}

auto put(LabServer& lab, const std::string& target, const std::string& body) {
  return lab.put(target, body, "application/json");
}

}  // namespace

TEST_CASE("a batch of past sales that is sent again records nothing more") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  auto reply = move_in_sales(lab, id, sale("1") + "," + sale("2"));
  INFO(reply.text);
  REQUIRE(reply.status == 200);
  CHECK(reply.at("sales.1.outcome") == "new");
  CHECK(reply.at("sales.1.business_date") == "2011-03-01");
  CHECK(entries(lab) == 2);
  reply = move_in_sales(lab, id, sale("2") + "," + sale("3"));
  CHECK(reply.at("sales.0.outcome") == "known");
  CHECK(reply.at("sales.1.outcome") == "new");
  CHECK(entries(lab) == 3);
  // The same sale in another file, such as one that was copied later.
  reply = move_in_sales(lab, id_of(lab, file_b), sale("3"));
  CHECK(reply.at("sales.0.outcome") == "known");
  CHECK(entries(lab) == 3);
}

TEST_CASE("another sale under the terminal and id of one that is here is told, not taken for it") {
  LabServer lab;
  move_in_sales(lab, id_of(lab, file_a), sale("1"));
  std::string other = sale("1");
  other.replace(other.find("09:15"), 5, "10:30");
  const auto reply = move_in_sales(lab, id_of(lab, file_b), other + "," + sale("2"));
  INFO(reply.text);
  CHECK(reply.at("sales.0.outcome") == "differs");
  CHECK(reply.at("sales.0.here.receipt") == "OLD-1");
  CHECK(reply.at("sales.0.here.total") == "4.00");
  CHECK(reply.at("sales.0.here.time").substr(0, 16) == "2011-03-01T09:15");
  CHECK(reply.at("sales.1.outcome") == "new");
  CHECK(entries(lab) == 2);
  // A copy of the file that was made after head office had the sale.
  std::string sent = sale("1");
  sent.replace(sent.find("\"was_sent\":false"), 16, "\"was_sent\":true");
  CHECK(move_in_sales(lab, id_of(lab, file_b), sent).at("sales.0.outcome") == "known");
}

TEST_CASE("a dry run and a batch with a fault record nothing") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  const auto dry =
      lab.post("/v1/move-ins/" + id + "/sales", R"({"dry_run":true,"sales":[)" + sale("1") + "]}");
  CHECK(dry.at("sales.0.outcome") == "new");
  lab.on_loop([](FakeService& service) { CHECK(service.book.notes.empty()); });
  const auto faulty = move_in_sales(lab, id, sale("1") + "," + sale("1"));
  CHECK(faulty.status == 400);
  CHECK(faulty.at("error.field") == "sales[1].id");
  CHECK(entries(lab) == 0);
}

TEST_CASE("of the files that state a stock of one product exactly one counts") {
  LabServer lab;
  const std::string first = id_of(lab, file_a);
  const std::string second = id_of(lab, file_b);
  CHECK(open_stock(lab, first, "5").at("lines.0.outcome") == "new");
  const auto claimed = open_stock(lab, second, "7");
  CHECK(claimed.at("lines.0.outcome") == "claimed");
  CHECK(claimed.at("lines.0.counts") == "5");
  CHECK(open_stock(lab, first, "5").at("lines.0.outcome") == "known");
  CHECK(on_hand(lab) == 5'000'000);
}

TEST_CASE("an undone move-in leaves nothing that counts, and the file can move in again") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  put(lab, "/v1/move-ins/" + id + "/products?overwrite=true",
      R"({"products":[{"sku":"A","price":"9.00"},{"sku":"new","price":"1.00"}]})");
  open_stock(lab, id, "5");
  move_in_sales(lab, id, sale("1"));
  const auto before = lab.get("/v1/products/A").at("price");
  CHECK(before == "9.00");
  const auto undone = lab.post("/v1/move-ins/" + id + "/withdrawal", "{}");
  INFO(undone.text);
  REQUIRE(undone.status == 200);
  CHECK(undone.at("sales") == "1");
  CHECK(undone.at("opening_stocks") == "1");
  CHECK(undone.at("products") == "2");
  CHECK(on_hand(lab) == 0);
  CHECK(lab.get("/v1/products/A").at("price") != "9.00");
  CHECK(lab.get("/v1/products/new").at("delisted") == "true");
  const auto found = lab.get("/v1/sales?receipt=OLD-1");
  CHECK(found.at("sales.0.counts") == "false");
  // What belongs to it still comes to nothing.
  CHECK(move_in_sales(lab, id, sale("2")).status == 409);

  const std::string again = id_of(lab, file_a);
  CHECK(again != id);
  CHECK(move_in_sales(lab, again, sale("1")).at("sales.0.outcome") == "new");
  CHECK(open_stock(lab, again, "6").at("lines.0.outcome") == "new");
  CHECK(on_hand(lab) == 6'000'000);
}

TEST_CASE("an undo is refused in words, and goes on where it was interrupted") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  move_in_sales(lab, id, sale("1"));
  lab.on_loop([](FakeService& service) { service.book.obstacle = "till-2 is away."; });
  const auto refused = lab.post("/v1/move-ins/" + id + "/withdrawal", "{}");
  CHECK(refused.status == 409);
  CHECK(refused.at("error.message") == "till-2 is away.");
  lab.on_loop([](FakeService& service) { service.book.obstacle.reset(); });
  CHECK(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").status == 200);
  // Withdrawn, but its note is still there: the disk failed in between.
  const auto move_in = MoveInId::from_hex_text(id).value();
  lab.on_loop([&](FakeService& service) { service.book.notes[move_in] = {}; });
  CHECK(lab.get("/v1/move-ins?file=" + file_a).at("unfinished_undo") == id);
  lab.on_loop([](FakeService& service) { service.book.obstacle = "till-2 is away."; });
  const std::size_t before = entries(lab);
  CHECK(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").status == 200);
  CHECK(entries(lab) == before);
  lab.on_loop([](FakeService& service) { CHECK(service.book.notes.empty()); });
}

TEST_CASE("what of an undone move-in comes from another till later is taken out once, no more") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  for (const char* sku : {"B", "D"}) opening_arrives(lab, id, sku, 5);
  CHECK(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").at("opening_stocks") == "2");
  CHECK(on_hand(lab, "B") + on_hand(lab, "D") == 0);
  CHECK(lab.get("/v1/move-ins?file=" + file_a).at("unfinished_undo") == "null");
  // Till 2 was not done yet, and had moved D in as well.
  for (const char* sku : {"A", "C", "D", "E"}) opening_arrives(lab, id, sku, 5);
  CHECK(lab.get("/v1/move-ins?file=" + file_a).at("unfinished_undo") == id);
  lab.on_loop([](FakeService& service) { service.book.uncertain = "till-2 is away."; });
  CHECK(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").status == 409);
  lab.on_loop([](FakeService& service) { service.book.uncertain.reset(); });
  const auto rest = lab.post("/v1/move-ins/" + id + "/withdrawal", "{}");
  INFO(rest.text);
  CHECK(rest.at("opening_stocks") == "3");
  for (const char* sku : {"A", "B", "C", "D", "E"}) CHECK(on_hand(lab, sku) == 0);
  CHECK(lab.get("/v1/move-ins?file=" + file_a).at("unfinished_undo") == "null");
  const std::size_t before = entries(lab);
  CHECK(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").at("opening_stocks") == "0");
  CHECK(entries(lab) == before);
}

TEST_CASE("an undo of more opening stocks than one turn takes is whole after an interruption") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  constexpr int articles = 450;
  for (int i = 0; i < articles; ++i) opening_arrives(lab, id, "sku-" + std::to_string(i), 3);
  lab.on_loop([](FakeService& service) { service.commits_until_failure = 100; });
  CHECK(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").status >= 400);
  CHECK(on_hand(lab, "sku-0") == 0);
  CHECK(on_hand(lab, "sku-449") == 3'000'000);
  // Sales go on; the move-in is withdrawn already, so this is no reason to leave it half undone.
  lab.on_loop([](FakeService& service) {
    service.commits_until_failure.reset();
    service.book.obstacle = "A sale was recorded since.";
  });
  const auto rest = lab.post("/v1/move-ins/" + id + "/withdrawal", "{}");
  INFO(rest.text);
  CHECK(rest.status == 200);
  for (int i = 0; i < articles; ++i) CHECK(on_hand(lab, "sku-" + std::to_string(i)) == 0);
}

TEST_CASE("of one sale that two files brought the one that was not undone counts, and is known") {
  for (const bool first_is_undone : {false, true}) {
    LabServer lab;
    const std::string first = id_of(lab, file_a);
    const std::string second = id_of(lab, file_b);
    move_in_sales(lab, first, sale("1"));
    lab.on_loop([&](FakeService& service) {
      // As it comes from another till, where the second file was moved in behind a cut.
      mesh::Entry twin = service.entries.back()->entry();
      titan::entry::v1::History body;
      body.ParseFromString(twin.envelope.body);
      body.set_move_in(std::string(MoveInId::from_hex_text(second).value().view()));
      twin.envelope.body = body.SerializeAsString();
      twin.envelope.id.number += 1;
      twin.hash = blake2b("twin");
      service.entries.push_back(std::make_shared<const RecordedEntry>(std::move(twin)));
    });
    lab.post("/v1/move-ins/" + (first_is_undone ? first : second) + "/withdrawal", "{}");
    const auto found = lab.get("/v1/sales?receipt=OLD-1");
    INFO(found.text);
    CHECK(found.at("sales.0.counts") == (first_is_undone ? "false" : "true"));
    CHECK(found.at("sales.1.counts") == (first_is_undone ? "true" : "false"));
    CHECK(move_in_sales(lab, id_of(lab, std::string(64, 'c')), sale("1")).at("sales.0.outcome") ==
          "known");
  }
}

TEST_CASE("a product that was changed since the move-in keeps the change when it is undone") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  put(lab, "/v1/move-ins/" + id + "/products?overwrite=true",
      R"({"products":[{"sku":"A","price":"9.00"}]})");
  put(lab, "/v1/products", R"({"products":[{"sku":"A","price":"8.00"}]})");
  const auto undone = lab.post("/v1/move-ins/" + id + "/withdrawal", "{}");
  CHECK(undone.at("products_kept") == "1");
  CHECK(lab.get("/v1/products/A").at("price") == "8.00");
}

TEST_CASE("an article that is here stays as it is, unless the file is to overwrite it") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  const std::string products = "/v1/move-ins/" + id + "/products";
  const std::string list =
      R"({"products":[{"sku":"A","price":"9.00"},{"sku":"new","price":"1.00"}]})";
  const auto before = lab.get("/v1/products/A").at("price");
  auto reply = put(lab, products, list);
  INFO(reply.text);
  REQUIRE(reply.status == 200);
  CHECK(reply.at("added") == "1");
  CHECK(reply.at("changed") == "1");
  CHECK(reply.at("kept") == "1");
  CHECK(reply.at("differing.0.sku") == "A");
  CHECK(reply.at("differing.0.fields.0.field") == "price");
  CHECK(reply.at("differing.0.fields.0.here") == before);
  CHECK(reply.at("differing.0.fields.0.listed") == "9.00");
  CHECK(lab.get("/v1/products/A").at("price") == before);
  reply = put(lab, products + "?overwrite=true", list);
  CHECK(reply.at("kept") == "0");
  CHECK(lab.get("/v1/products/A").at("price") == "9.00");
}

TEST_CASE("a repeat does not take back what was changed after the move-in made it") {
  LabServer lab;
  const std::string products = "/v1/move-ins/" + id_of(lab, file_a) + "/products?overwrite=true";
  const std::string list =
      R"({"products":[{"sku":"A","price":"9.00"},{"sku":"new","price":"1.00","delisted":false}]})";
  put(lab, products, list);
  put(lab, "/v1/products",
      R"({"products":[{"sku":"A","price":"8.00"},{"sku":"new","delisted":true}]})");
  const auto reply = put(lab, products, list);
  CHECK(reply.at("changed") == "0");
  CHECK(reply.at("kept") == "2");
  CHECK(lab.get("/v1/products/A").at("price") == "8.00");
  CHECK(lab.get("/v1/products/new").at("delisted") == "true");
}

TEST_CASE("a repeat makes what was noted and not changed, for the till stopped in between") {
  LabServer lab;
  const std::string id = id_of(lab, file_a);
  const std::string products = "/v1/move-ins/" + id + "/products";
  const std::string list = R"({"products":[{"sku":"new","price":"1.00"}]})";
  lab.on_loop([&](FakeService& service) {
    MoveInNote note;
    Product made;
    made.set_sku("new");
    note.add(made, nullptr);
    service.book.notes[MoveInId::from_hex_text(id).value()] = note.serialised();
  });
  CHECK(put(lab, products, list).at("added") == "1");
  CHECK(lab.get("/v1/products/new").at("price") == "1.00");
}

TEST_CASE("an undo leaves articles out of the range, and another move-in brings them back") {
  LabServer lab;
  const std::string list = R"({"products":[{"sku":"new","price":"1.00"}]})";
  const std::string id = id_of(lab, file_a);
  put(lab, "/v1/move-ins/" + id + "/products", list);
  open_stock(lab, id, "5");
  REQUIRE(lab.post("/v1/move-ins/" + id + "/withdrawal", "{}").status == 200);
  CHECK(lab.get("/v1/products/new").at("delisted") == "true");
  const auto reply = put(lab, "/v1/move-ins/" + id_of(lab, file_b) + "/products",
                         R"({"products":[{"sku":"new","price":"1.00","delisted":false}]})");
  CHECK(reply.at("kept") == "0");
  CHECK(lab.get("/v1/products/new").at("delisted") == "false");
}

TEST_CASE("a past sale is refunded at what was paid, and cannot be voided") {
  LabServer lab;
  move_in_sales(lab, id_of(lab, file_a), sale("1"));
  const std::string entry = lab.get("/v1/sales?receipt=OLD-1").at("sales.0.id");
  const auto voided =
      lab.post("/v1/voids", R"({"idempotency_key":"v","reason":"x","sale":")" + entry + "\"}");
  CHECK(voided.status == 409);
  CHECK(voided.text.find("former system") != std::string::npos);
  const auto refund =
      lab.post("/v1/refunds", R"({"idempotency_key":"r","original":{"id":")" + entry + "\"}}");
  INFO(refund.text);
  CHECK(refund.status == 201);
  CHECK(refund.at("total") == "4.00");
  const auto again =
      lab.post("/v1/refunds", R"({"idempotency_key":"r2","original":{"id":")" + entry + "\"}}");
  CHECK(again.status == 409);
}

TEST_CASE("what the former system voided or gave back is not given back again") {
  LabServer lab;
  for (const char* status : {"voided", "refunded"}) {
    move_in_sales(lab, id_of(lab, file_a),
                  sale(status, R"("status":")" + std::string(status) + "\","));
    const std::string entry =
        lab.get("/v1/sales?receipt=OLD-" + std::string(status)).at("sales.0.id");
    const auto refund = lab.post("/v1/refunds", R"({"idempotency_key":")" + std::string(status) +
                                                    R"(","original":{"id":")" + entry + "\"}}");
    CHECK(refund.status == 409);
  }
}
