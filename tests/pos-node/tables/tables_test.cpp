// The tables that other programs read say what the journal says, in any order and cut anyhow.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "mesh/journal/idempotency.h"
#include "pos-node/tables/tables_keeper.h"
#include "tables_shop.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::testing;
using mesh::testing::product;

using Texts = std::vector<std::string>;

namespace {

// One of everything, and what meets: twins, rival voids, rival transfers, branches of a number,
// refunds whole and in part, of which some are voided, a move-in that is withdrawn and done again.
std::vector<EntryPointer> much() {
  Till one(1), one_again(1), two(2);
  std::vector<EntryPointer> all;
  const auto add = [&](EntryPointer entry) { return all.emplace_back(std::move(entry)); };
  add(one.products({product("A", "ARTICLE A", 255), product("B", "ARTICLE B", 99, {"5012345"})}));
  add(one.settings({{"greeting", "hello"}}));
  add(one.delivery("A", 40));
  const auto sale = add(one.sale({{"A", 2}, {"B", 1}}, "key-1"));
  add(one_again.sale({{"A", 2}, {"B", 1}}, "key-1"));
  add(two.refund(*sale, {{"B", 1}}));
  const auto whole = add(two.sale({{"A", 3}}, "key-2"));
  const auto half = add(one.refund(*whole, {{"A", 1}}));
  add(two.refund(*whole, {{"A", 2}}));
  const auto undone = add(two.sale({{"B", 4}}));
  add(one.void_sale(*undone));
  add(two.void_sale(*undone));
  const auto returned = add(two.sale({{"A", 1}}));
  const auto mistaken = add(two.refund(*returned, {{"A", 1}}));
  add(one.void_sale(*mistaken));
  add(one.transfer_in("t-1", {{"A", 5}}));
  add(two.transfer_in("t-1", {{"A", 6}}));
  const auto forked = add(two.sale({{"B", 1}}));
  add(branch_of(two, *forked));
  add(training_sale(two));
  add(history(one, "old-1", "17", "first", 500));
  add(history(one, "old-1", "18", "first", 700, true));
  add(history(two, "old-1", "17", "second", 500));
  add(history(two, "old-2", "17", "third", 900));
  const auto former = add(history(two, "old-2", "20", "third", 255));
  add(two.refund(*former, {{"A", 1}}));
  add(withdrawal(one, "first", {{"A", 0, 7'000'000}}));
  return all;
}

Texts tables_of(const std::vector<EntryPointer>& entries, const TablesStep& limits = {}) {
  Shop shop;
  shop.take(entries);
  shop.follow(limits);
  return shop.everything();
}

}  // namespace

TEST_CASE("a sale, its lines and payment stand in the tables as they were recorded") {
  Shop shop;
  Till till(1);
  const auto list = till.products({product("85123A", "HEART", 255, {"5012345678900"})});
  const auto delivery = till.delivery("85123A", 10);
  const auto sale = till.sale({{"85123A", 2}, {"71053", 1}});
  shop.take({sale, list, delivery});
  shop.follow();
  const std::string id = entry_text(sale->envelope.id);
  const std::string receipt =
      mesh::receipt_text(*sale->envelope.receipt, sale->envelope.id.journal);
  CHECK(shop.rows("SELECT * FROM sales") ==
        Texts{id + "|" + receipt +
              "|till-1|c-07|765|127|GBP|completed|2011-10-06T08:00:00Z|london-1"});
  CHECK(shop.rows("SELECT * FROM sale_items") ==
        Texts{id + ":001|" + id + "|85123A|85123A|ARTICLE 85123A|2|255|20|510|london-1",
              id + ":002|" + id + "|71053|71053|ARTICLE 71053|1|255|20|255|london-1"});
  CHECK(shop.rows("SELECT * FROM payments") ==
        Texts{id + ":001|" + id + "|cash|810|45|2011-10-06T08:00:00Z|london-1"});
  CHECK(shop.rows("SELECT product_id, terminal_id, delta, reason, reference FROM inventory_deltas "
                  "WHERE product_id = '85123A' ORDER BY reason") ==
        Texts{"85123A|till-1|10|DELIVERY|note 7", "85123A|till-1|-2|SALE|" + id});
  CHECK(shop.rows("SELECT id, barcode, name, price_cents, stock, active FROM products") ==
        Texts{"85123A|5012345678900|HEART|255|8|1"});
  CHECK(shop.rows("SELECT terminal_id, last_id FROM sync_cursors") == Texts{"till-1|" + id});
  CHECK(shop.rows("SELECT position, complete_to, schema_version FROM tables_state") ==
        Texts{"3|2011-10-06T12:00:00Z|1"});
  CHECK(shop.rows("SELECT count(*) FROM sync_outbox") == Texts{"0"});
}

TEST_CASE("what was voided, refunded and moved in says so") {
  Shop shop;
  shop.take(much());
  shop.follow();
  CHECK(shop.rows("SELECT status, count(*) FROM sales GROUP BY status ORDER BY status") ==
        Texts{"completed|10", "refunded|2", "voided|2"});
  CHECK(shop.rows("SELECT id, receipt_no, total_cents FROM sales WHERE created_at < '2011-06' "
                  "ORDER BY id") == Texts{"20|R20|255", "old-1:17|R17|500", "old-2:17|R17|900"});
  CHECK(shop.rows("SELECT status FROM sales WHERE id = '20'") == Texts{"refunded"});
  CHECK(shop.rows("SELECT count(*) FROM sales WHERE total_cents < 0 AND status = 'completed'") ==
        Texts{"4"});
  CHECK(shop.rows("SELECT count(*) FROM sales s WHERE total_cents <> (SELECT sum(total_cents) FROM "
                  "sale_items i WHERE i.sale_id = s.id)") == Texts{"0"});
  CHECK(shop.rows("SELECT count(*) FROM sales s WHERE created_at > '2011-06' AND total_cents <> "
                  "(SELECT sum(amount_cents - change_cents) FROM payments p WHERE p.sale_id = "
                  "s.id)") == Texts{"0"});
}

TEST_CASE("any order of arrival and any cut into steps comes to the same tables") {
  std::vector<EntryPointer> entries = much();
  const Texts expected = tables_of(entries);
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    std::shuffle(entries.begin(), entries.end(), random);
    TablesStep limits;
    limits.entries_max = 1 + random() % 5;
    limits.products_max = 1;
    INFO("round " << round);
    REQUIRE(tables_of(entries, limits) == expected);
  }
}

TEST_CASE("after each entry the tables are those of the entries so far") {
  std::vector<EntryPointer> entries = much();
  std::mt19937 random(11);
  std::shuffle(entries.begin(), entries.end(), random);
  Shop shop;
  for (std::size_t count = 1; count <= entries.size(); ++count) {
    shop.take({entries[count - 1]});
    if (random() % 3 == 0) shop.open();  // a process that died and started again
    shop.follow();
    INFO(count << " entries");
    REQUIRE(shop.everything() ==
            tables_of({entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count)}));
  }
}

TEST_CASE("the tables add up to the journal's own views and stock") {
  Shop shop;
  shop.take(much());
  shop.follow();
  const auto state = must(shop.store().load());
  Texts stock;
  for (const auto& [sku, sum] : state.stock.sums()) {
    stock.push_back(sku + "|" + retail::to_short_text(sum.on_hand(), 6));
  }
  CHECK(shop.rows("SELECT product_id, sum(delta) FROM inventory_deltas GROUP BY 1 ORDER BY 1") ==
        stock);
  CHECK(shop.rows("SELECT id, stock FROM products ORDER BY id") == stock);
  const auto view = [&](const std::string& sql) {
    return Texts{std::to_string(mesh::testing::number(shop.store(), sql))};
  };
  CHECK(shop.rows("SELECT sum(total_cents) FROM sales WHERE total_cents > 0 AND created_at > "
                  "'2011-06'") ==
        view("SELECT sum(total_minor) FROM sales WHERE kind = 1 AND counts AND NOT training"));
  CHECK(shop.rows("SELECT -sum(total_cents) FROM sales WHERE total_cents < 0") ==
        view("SELECT sum(total_minor) FROM sales WHERE kind = 2 AND counts AND NOT training"));
  CHECK(shop.rows("SELECT count(*) FROM inventory_deltas") ==
        view("SELECT count(*) FROM inventory_deltas WHERE counts"));
}

TEST_CASE("the outbox is what the cloud lacks, and shrinks as the watermark rises") {
  constexpr std::uint64_t cloud = 9;
  Shop shop(cloud);
  Till till(1);
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 5; ++i) entries.push_back(till.sale({{"A", 1}}));
  shop.take(entries);
  shop.follow();
  CHECK(shop.rows("SELECT count(*) FROM sync_outbox WHERE sent_at IS NULL") == Texts{"5"});
  CHECK(shop.rows("SELECT json_extract(payload, '$.total_cents') FROM sync_outbox LIMIT 1") ==
        Texts{"255"});
  const auto hold = [&](std::uint64_t epoch, std::uint64_t last, bool is_whole = true,
                        std::uint64_t by = 9) {
    mesh::WatermarkStatement statement;
    statement.tenant = "acme";
    statement.store = "london-1";
    statement.epoch = epoch;
    statement.sequence = last;
    statement.root = blake2b("some root");
    mesh::JournalItem item;
    item.journal = till.tail().journal;
    item.item.stored = crdt::IntervalSet({{1, last}});
    mesh::StoreRequest request;
    request.watermark = {{mesh::testing::codec().encode_watermark_statement(statement), Signature{},
                          mesh::testing::key_of(by).public_key},
                         is_whole,
                         {{DeviceId{}, {item}}}};
    must(shop.store().commit(request));
  };
  hold(1, 3);
  shop.follow();
  CHECK(shop.rows("SELECT entity_type, entity_id FROM sync_outbox ORDER BY id") ==
        Texts{"sale|" + entry_text(entries[3]->envelope.id),
              "sale|" + entry_text(entries[4]->envelope.id)});
  shop.take({till.sale({{"A", 1}})});
  shop.follow();
  CHECK(shop.rows("SELECT count(*) FROM sync_outbox") == Texts{"3"});
  hold(1, 4, false);  // only what is others since
  shop.follow();
  CHECK(shop.rows("SELECT count(*) FROM sync_outbox") == Texts{"2"});
  hold(1, 6, true, cloud + 1);  // the word of another cloud
  shop.follow();
  CHECK(shop.rows("SELECT count(*) FROM sync_outbox") == Texts{"2"});
  hold(2, 1);  // the cloud came back from a backup
  CHECK(shop.step() == TablesProgress::begin_again);
}

TEST_CASE("products follow a list, whatever it leaves as it was, and prices are rounded") {
  Shop shop;
  Till till(1);
  v1::Product fine = product("P", "PETROL", 1);
  fine.mutable_price()->set_amount(1459);
  fine.mutable_price()->set_exponent(3);
  fine.set_tax_rate_basis_points(1750);
  shop.take({till.products({fine, product("Q", "QUILT", 500)})});
  shop.follow();
  CHECK(shop.rows("SELECT id, price_cents, tax_rate, updated_at FROM products ORDER BY id") ==
        Texts{"P|146|17.5|2011-10-06T08:00:00Z", "Q|500|0|2011-10-06T08:00:00Z"});
  std::vector<v1::Product> list;
  for (int i = 0; i < 7; ++i) list.push_back(product("L" + std::to_string(i), "LISTED", 100 + i));
  shop.take(till.product_list(list));
  TablesStep limits;
  limits.products_max = 2;
  shop.follow(limits);
  CHECK(shop.rows("SELECT count(*), sum(price_cents) FROM products") == Texts{"9|1367"});
}

TEST_CASE("a journal whose entries stand elsewhere is not gone on from") {
  Shop shop;
  Till till(1);
  const auto first = till.sale({{"A", 1}});
  const auto second = till.sale({{"A", 1}});
  shop.take({first, second});
  shop.follow();
  mesh::Connection& journal = shop.store().connection();
  journal.execute("DELETE FROM entries WHERE position = 1");
  journal.execute("UPDATE entries SET position = 1");
  CHECK(shop.step() == TablesProgress::begin_again);
}

TEST_CASE("bytes of a later version or rubbish move stock and give no sale") {
  Shop shop;
  Till till(1);
  mesh::EntryDraft rubbish;
  rubbish.kind = mesh::Kind::sale;
  rubbish.body = "\xff\xff\xff";
  rubbish.stock_effects = {{"A", 0, 7'500'000}};
  mesh::EntryDraft unknown;
  unknown.kind = static_cast<mesh::Kind>(9999);
  unknown.body = "from the future";
  unknown.stock_effects = {{"A", 0, 5}};
  shop.take({till.write(rubbish), till.write(unknown)});
  shop.follow();
  CHECK(shop.rows("SELECT delta, reason FROM inventory_deltas ORDER BY delta") ==
        Texts{"-7.5|SALE", "-5.0e-06|ADJUSTMENT"});
  CHECK(shop.rows("SELECT count(*) FROM sales") == Texts{"0"});
}
