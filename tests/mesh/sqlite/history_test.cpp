// Sales of a former system on a terminal's disk: which of them count, and on whichever side of a
// withdrawal they arrive.
#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "mesh/wire/move_in.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

namespace v1 = titan::entry::v1;

const MoveInId first_file = MoveInId::from_hex_text("01010101010101010101010101010101").value();
const MoveInId second_file = MoveInId::from_hex_text("02020202020202020202020202020202").value();

struct Said {
  std::string id;
  bool was_sent = false;
  bool was_voided = false;
  MoveInId move_in = first_file;
};

EntryPointer history(Till& till, const Said& said) {
  v1::History body;
  body.set_origin("old-1");
  body.set_id(said.id);
  body.set_receipt("OLD-" + said.id);
  body.set_was_sent(said.was_sent);
  body.set_was_voided(said.was_voided);
  body.set_move_in(std::string(said.move_in.view()));
  v1::Sale& sale = *body.mutable_sale();
  sale.set_currency("GBP");
  sale.set_total_minor(100);
  sale.add_lines()->set_sku("A");
  sale.add_payments()->set_method("cash");
  EntryDraft draft;
  draft.kind = Kind::history;
  draft.time = {till.utc_ms};
  draft.business_date = till.business_date;
  draft.claim = blake2b("claim of " + said.id);
  draft.body = body.SerializeAsString();
  return till.write(draft);
}

EntryPointer withdrawn(Till& till, const MoveInId& move_in) {
  v1::HistoryWithdrawn body;
  body.set_move_in(std::string(move_in.view()));
  EntryDraft draft;
  draft.kind = Kind::history_withdrawn;
  draft.time = {till.utc_ms};
  draft.business_date = till.business_date;
  draft.claim = blake2b("withdrawn" + move_in.hex());
  draft.body = body.SerializeAsString();
  return till.write(draft);
}

EntryPointer opening(Till& till, const std::string& document) {
  v1::StockMovement body;
  body.set_document(document);
  EntryDraft draft;
  draft.kind = Kind::opening_stock;
  draft.time = {till.utc_ms};
  draft.claim = blake2b("opening" + document);
  draft.stock_effects.push_back({"A", 5, 0});
  draft.body = body.SerializeAsString();
  return till.write(draft);
}

std::int64_t counting(SqliteStore& store) {
  return number(store, "SELECT count(*) FROM sales WHERE kind = 18 AND counts");
}

}  // namespace

TEST_CASE("of past sales those count that head office never had and nobody voided") {
  auto store = open_in_memory();
  Till till(1);
  must(store->commit(request_of(
      {history(till, {"1"}), history(till, {"2", true}), history(till, {"3", false, true})})));
  CHECK(number(*store, "SELECT count(*) FROM sales WHERE kind = 18") == 3);
  CHECK(counting(*store) == 1);
  CHECK(column(*store, "SELECT former_id FROM sales WHERE counts") ==
        std::vector<std::string>{"1"});
  CHECK(
      column(*store, "SELECT former_receipt || ' ' || was_sent FROM sales WHERE former_id = '2'") ==
      std::vector<std::string>{"OLD-2 1"});
  CHECK(number(*store, "SELECT count(*) FROM sale_items WHERE kind = 18") == 3);
  CHECK(number(*store, "SELECT count(*) FROM payments WHERE kind = 18") == 3);
  const auto found = must(must(store->open_reader())->find_by_former_receipt("OLD-2"));
  CHECK(found.size() == 1);
}

TEST_CASE("one sale moved in at two tills counts once, in whichever order it arrives") {
  Till one(1);
  Till two(2);
  const auto here = history(one, {"1"});
  const auto there = history(two, {"1", false, false, second_file});
  for (const bool turned : {false, true}) {
    auto store = open_in_memory();
    must(store->commit(request_of({turned ? there : here})));
    must(store->commit(request_of({turned ? here : there})));
    CHECK(counting(*store) == 1);
    const std::string winner = std::min(here->hash, there->hash).hex();
    CHECK(column(*store, "SELECT hash FROM sales WHERE counts")[0] == winner);
  }
}

TEST_CASE("of one sale in two move-ins the one that is not withdrawn counts") {
  for (const MoveInId& undone : {first_file, second_file}) {
    Till one(1);
    Till two(2);
    const auto here = history(one, {"1"});
    const auto there = history(two, {"1", false, false, second_file});
    auto store = open_in_memory();
    must(store->commit(request_of({here, there, withdrawn(one, undone)})));
    CHECK(counting(*store) == 1);
    CHECK(column(*store, "SELECT hash FROM sales WHERE counts")[0] ==
          (undone == first_file ? there : here)->hash.hex());
  }
}

TEST_CASE("a withdrawn move-in counts nowhere, whether its sales come before or behind") {
  Till till(1);
  const auto before = history(till, {"1"});
  const auto undo = withdrawn(till, first_file);
  const auto behind = history(till, {"2"});
  const auto other = history(till, {"3", false, false, second_file});
  auto store = open_in_memory();
  must(store->commit(request_of({before, other})));
  CHECK(counting(*store) == 2);
  must(store->commit(request_of({undo})));
  CHECK(counting(*store) == 1);
  must(store->commit(request_of({behind})));
  CHECK(counting(*store) == 1);
  const auto opened = must(store->open_reader());
  SqliteReader& reader = *opened;
  CHECK(must(reader.count_of_move_in(first_file, Kind::history)) == 2);
  CHECK(must(reader.count_of_move_in(first_file, Kind::history_withdrawn)) == 1);
  CHECK(must(reader.firsts_of_move_in(first_file)).at(0).hash == before->hash);
  CHECK_FALSE(must(reader.refund_of_move_in(first_file)).has_value());
  must(store->commit(request_of({till.refund(*behind, {{"A", 1}})})));
  CHECK(must(reader.refund_of_move_in(first_file)).has_value());
}

TEST_CASE("of a move-in each journal's first entry is told, in whichever order they arrive") {
  Till one(1);
  Till two(2);
  const auto first = history(one, {"1"});
  const auto second = history(one, {"2"});
  const auto there = history(two, {"3"});
  history(two, {"4", false, false, second_file});
  auto store = open_in_memory();
  must(store->commit(request_of({second})));
  must(store->commit(request_of({there, first})));
  const auto firsts = must(must(store->open_reader())->firsts_of_move_in(first_file));
  REQUIRE(firsts.size() == 2);
  CHECK(firsts[0].hash == there->hash);
  CHECK(firsts[1].hash == first->hash);
}

TEST_CASE("no stock keeps the claims of past sales") {
  auto store = open_in_memory();
  Till till(1);
  must(store->commit(request_of({history(till, {"1"}), history(till, {"2"})})));
  const StoredState state = must(store->load());
  CHECK(state.stock.claims().empty());
  CHECK(is_beside_stock(*history(till, {"3"})));
}

TEST_CASE("what a version before stored without knowing the kinds is known after the update") {
  TempFolder folder;
  Till till(1);
  {
    auto store = open_store(folder.file());
    must(store->commit(request_of({history(till, {"1"}), withdrawn(till, first_file),
                                   history(till, {"2", false, false, second_file})})));
    store->connection().execute(
        "UPDATE entries SET original = NULL; DELETE FROM former_receipts;"
        "UPDATE meta SET value = '4 before' WHERE name = 'projection_basis'");
    CHECK(counting(*store) == 2);
  }
  auto store = open_store(folder.file());
  CHECK(counting(*store) == 1);
  CHECK(must(must(store->open_reader())->find_by_former_receipt("OLD-2")).size() == 1);
}

TEST_CASE("opening stock of a move-in that a version before stored is found after the update") {
  TempFolder folder;
  Till till(1);
  {
    auto store = open_store(folder.file());
    must(store->commit(request_of({opening(till, first_file.hex()), opening(till, "count 7")})));
    store->connection().execute(
        "UPDATE entries SET original = NULL;"
        "UPDATE meta SET value = '5 before' WHERE name = 'projection_basis'");
  }
  auto store = open_store(folder.file());
  const auto reader = must(store->open_reader());
  CHECK(must(reader->count_of_move_in(first_file, Kind::opening_stock)) == 1);
}

TEST_CASE("whether a move-in was withdrawn is one look-up, however many sales it brought") {
  auto store = open_in_memory();
  for (const char* sql : {"SELECT sum(total_minor) FROM sales WHERE counts",
                          "SELECT count(*) FROM entries WHERE original = ? AND kind = ?"}) {
    SQLite::Statement explain(store->connection().database(),
                              std::string("EXPLAIN QUERY PLAN ") + sql);
    std::string details;
    while (explain.executeStep()) details += explain.getColumn(3).getString() + "\n";
    INFO(details);
    CHECK(details.find("entries_original (original=? AND kind=?)") != std::string::npos);
  }
}
