// The views over entries say what the entries say.
#include <catch2/catch.hpp>

#include "fixture.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

using Texts = std::vector<std::string>;

TEST_CASE("sales, lines and payments are those of the bodies") {
  auto store = open_in_memory();
  Till till(1);
  const auto sale = till.sale({{"85123A", 2}, {"71053", 1}}, "key-1");
  const auto refund = till.refund(*sale, {{"71053", 1}});
  const auto voided = till.void_sale(*sale);
  must(store->commit(request_of({sale, refund, voided, till.delivery("85123A", 5)})));

  CHECK(column(*store,
               "SELECT kind || ' ' || total_minor || ' ' || currency || ' ' || line_count "
               "|| ' ' || cashier FROM sales ORDER BY position") ==
        Texts{"1 765 GBP 2 c-07", "2 255 GBP 1 c-07", "3 0  0 c-07"});
  CHECK(column(*store, "SELECT journal FROM sales WHERE kind = 1")[0] ==
        sale->envelope.id.journal.hex());
  CHECK(column(*store, "SELECT hash FROM sales WHERE kind = 1")[0] == sale->hash.hex());
  CHECK(number(*store, "SELECT receipt_number FROM sales WHERE kind = 2") == 2);
  CHECK(number(*store, "SELECT original_number FROM sales WHERE kind = 2") == 1);
  CHECK(column(*store, "SELECT original_journal FROM sales WHERE kind = 3")[0] ==
        sale->envelope.id.journal.hex());
  CHECK(number(*store, "SELECT count(*) FROM sales WHERE original_journal IS NULL") == 1);

  CHECK(column(*store,
               "SELECT line || ' ' || sku || ' ' || quantity_value || ' ' || total_minor "
               "FROM sale_items WHERE kind = 1 ORDER BY position, line") ==
        Texts{"0 85123A 2 510", "1 71053 1 255"});
  CHECK(column(*store,
               "SELECT method || ' ' || amount_minor || ' ' || change_minor FROM payments "
               "ORDER BY position") == Texts{"cash 810 45", "cash 300 45"});
  // A day's figures use the index of the date, not a walk through 90 days of entries.
  SQLite::Statement explain(store->connection().database(),
                            "EXPLAIN QUERY PLAN SELECT sum(total_minor) FROM sales WHERE "
                            "business_date = 20111006");
  std::string details;
  while (explain.executeStep()) details += explain.getColumn(3).getString() + "\n";
  INFO(details);
  CHECK(details.find("entries_date") != std::string::npos);
}

TEST_CASE("inventory deltas add up to the stock, claims settled") {
  auto store = open_in_memory();
  Till one(1);
  Till two(2);
  const auto sale = one.sale({{"A", 2}, {"B", 1}});
  must(store->commit(
      request_of({sale, one.delivery("A", 10), one.refund(*sale, {{"B", 1}}), one.void_sale(*sale),
                  two.void_sale(*sale), two.sale({{"A", 1}})})));
  const StoredState state = must(store->load());
  for (const auto& [product, sum] : state.stock.sums()) {
    CHECK(number(*store,
                 "SELECT coalesce(sum(added), 0) FROM inventory_deltas WHERE counts AND "
                 "product = '" +
                     product + "'") == static_cast<std::int64_t>(sum.added));
    CHECK(number(*store,
                 "SELECT coalesce(sum(removed), 0) FROM inventory_deltas WHERE counts AND "
                 "product = '" +
                     product + "'") == static_cast<std::int64_t>(sum.removed));
  }
  CHECK(state.stock.on_hand("A") == 9 * crdt::stock_units_per_piece);
  CHECK(number(*store, "SELECT count(*) FROM inventory_deltas WHERE NOT counts") == 2);
  CHECK(column(*store, "SELECT DISTINCT reason FROM inventory_deltas ORDER BY reason") ==
        Texts{"DELIVERY", "REFUND", "SALE", "VOID"});
}

TEST_CASE("the outbox is what lies above the cursors") {
  auto store = open_in_memory();
  Till one(1);
  Till two(2);
  Till three(3);
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 6; ++i) entries.push_back(one.sale({{"A", 1}}));
  for (int i = 0; i < 3; ++i) entries.push_back(two.sale({{"A", 1}}));
  entries.push_back(three.sale({{"A", 1}}));
  must(store->commit(request_of(entries)));
  CHECK(number(*store, "SELECT count(*) FROM sync_outbox") == 10);
  CHECK(number(*store, "SELECT count(*) FROM sync_cursors") == 0);

  JournalItem with_gap;
  with_gap.journal = one.tail().journal;
  with_gap.item.stored = crdt::IntervalSet({{1, 2}, {4, 5}});
  JournalItem whole;
  whole.journal = two.tail().journal;
  whole.item.stored = crdt::IntervalSet({{1, 3}});
  StoreRequest request;
  request.watermark = {Watermark{"statement", Signature{}, key_of(9).public_key},
                       true,
                       {{DeviceId{}, {with_gap, whole}}}};
  must(store->commit(request));

  CHECK(column(*store, "SELECT first || '-' || last FROM sync_cursors ORDER BY last") ==
        Texts{"1-2", "1-3", "4-5"});
  CHECK(column(*store, "SELECT number FROM sync_outbox WHERE journal = '" +
                           one.tail().journal.hex() + "' ORDER BY number") == Texts{"3", "6"});
  CHECK(column(*store, "SELECT number FROM sync_outbox WHERE journal = '" +
                           two.tail().journal.hex() + "'") == Texts{});
  CHECK(number(*store, "SELECT count(*) FROM sync_outbox") == 3);
  // What the cloud lacks is found without a walk through all entries.
  SQLite::Statement explain(store->connection().database(),
                            "EXPLAIN QUERY PLAN SELECT * FROM sync_outbox");
  std::string details;
  while (explain.executeStep()) details += explain.getColumn(3).getString() + "\n";
  INFO(details);
  CHECK(details.find("SEARCH e USING INDEX entries_identity") != std::string::npos);

  // The next one tells what is others since: the gap is filled, the other journal is gone.
  with_gap.item.stored = crdt::IntervalSet({{1, 5}});
  whole.item = {};
  request.watermark->is_whole = false;
  request.watermark->journals = {{DeviceId{}, {with_gap, whole}}};
  must(store->commit(request));
  CHECK(column(*store, "SELECT first || '-' || last FROM sync_cursors") == Texts{"1-5"});
  CHECK(number(*store, "SELECT count(*) FROM sync_outbox") == 5);
}

TEST_CASE("intervals and gaps are read from a blob, also from an empty one and from rubbish") {
  auto store = open_in_memory();
  const auto list = [&](const std::string& function, const std::string& blob) {
    return column(*store, "SELECT first || '-' || last FROM " + function + "(" + blob + ")");
  };
  const std::string open_end = "9223372036854775807";
  const std::string blob =
      "x'0200000000000000"
      "0300000000000000"
      "0600000000000000"
      "0600000000000000'";
  CHECK(list("stored_intervals", blob) == Texts{"2-3", "6-6"});
  CHECK(list("stored_gaps", blob) == Texts{"1-1", "4-5", "7-" + open_end});
  CHECK(list("stored_intervals", "x''") == Texts{});
  CHECK(list("stored_gaps", "x''") == Texts{"1-" + open_end});
  CHECK(list("stored_gaps", "NULL") == Texts{"1-" + open_end});
  CHECK(list("stored_intervals", "'rubbish'") == Texts{});
}

TEST_CASE("a body that a newer version wrote, or rubbish, gives no rows and no error") {
  auto store = open_in_memory();
  Till till(1);
  EntryDraft rubbish;
  rubbish.kind = Kind::sale;
  rubbish.body = "\xff\xff\xff";
  rubbish.stock_effects = {{"A", 0, 7}};
  EntryDraft unknown;
  unknown.kind = static_cast<Kind>(9999);
  unknown.body = "from the future";
  unknown.stock_effects = {{"A", 0, 5}};
  must(store->commit(request_of({till.write(rubbish), till.write(unknown)})));
  CHECK(number(*store, "SELECT count(*) FROM sales") == 0);
  CHECK(number(*store, "SELECT count(*) FROM sale_items") == 0);
  CHECK(number(*store, "SELECT sum(removed) FROM inventory_deltas") == 12);
  CHECK(column(*store, "SELECT reason FROM inventory_deltas WHERE number = 2") ==
        Texts{"KIND_9999"});
}
