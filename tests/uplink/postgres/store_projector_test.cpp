// The projection on a real PostgreSQL: whatever the order, repeats and cuts, its sums are the
// CRDT's.
#include "uplink/postgres/store_projector.h"

#include <catch2/catch.hpp>
#include <deque>

#include "mesh/journal/idempotency.h"
#include "mesh/wire/product_list.h"
#include "tests/uplink/postgres/test_postgres.h"
#include "tests/uplink/till.h"
#include "uplink/postgres/lease_row.h"
#include "uplink/postgres/schema.h"

namespace titan::uplink {
namespace {

using test::EntryPointer;
using test::Till;

// One server for all cases, a fresh schema for each.
test::TestPostgres& server() {
  static test::TestPostgres postgres;
  return postgres;
}

class Database {
 public:
  Database() : connection(open_connection(server().url())) {
    {
      pqxx::work transaction(*connection);
      transaction.exec("DROP SCHEMA IF EXISTS tenant_acme CASCADE");
      transaction.commit();
    }
    prepare_tenant(*connection, "acme");
  }

  void project(std::vector<EntryPointer> entries) {
    StoreProjector projector("london-1", device_of(test::key_of("cloud").public_key));
    pqxx::work transaction(*connection);
    projector.load(transaction);
    last = projector.apply(transaction, entries, {});
    transaction.commit();
    projector.committed();
    vector = projector.vector();
  }
  crdt::Stock::Sums inventory() {
    pqxx::work transaction(*connection);
    crdt::Stock::Sums sums;
    for (const auto& row : transaction.exec("SELECT sku, added, removed, on_hand FROM inventory")) {
      crdt::StockSum sum{std::stoull(row[1].c_str()), std::stoull(row[2].c_str())};
      CHECK(sum.on_hand() == row[3].as<std::int64_t>());
      sums[row[0].as<std::string>()] = sum;
    }
    return sums;
  }
  std::int64_t number(const std::string& query) {
    pqxx::work transaction(*connection);
    return transaction.exec1(query)[0].as<std::int64_t>();
  }
  std::string text(const std::string& query) {
    pqxx::work transaction(*connection);
    return transaction.exec1(query)[0].c_str();
  }

  std::unique_ptr<pqxx::connection> connection;
  ApplyOutcome last;
  crdt::VersionVector vector;
};

crdt::Stock folded(const std::vector<EntryPointer>& entries) {
  crdt::Stock stock;
  for (const auto& entry : entries) {
    stock.apply(entry->hash, entry->envelope.claim, entry->envelope.stock_effects);
  }
  return stock;
}

TEST_CASE("sales become rows, with quotes and backslashes as they were") {
  Database database;
  Till till("till-1");
  const auto sale = till.sell("85123A", 2);
  database.project({till.deliver("85123A", 10), sale});
  CHECK(database.number("SELECT count(*) FROM entries") == 2);
  CHECK(database.text("SELECT receipt FROM sales") ==
        mesh::receipt_text(*sale->envelope.receipt, sale->envelope.id.journal));
  CHECK(database.number("SELECT total_minor FROM sales") == 200);
  CHECK(database.text("SELECT description FROM sale_items") == "O'Brien's \"lamp\" \\ £5");
  CHECK(database.text("SELECT method FROM payments") == "cash");
  CHECK(database.text("SELECT business_date::text FROM sales") == "2011-10-06");
  CHECK(database.number("SELECT on_hand FROM inventory WHERE sku = '85123A'") == 8'000'000);
  CHECK(database.text("SELECT reason FROM inventory_deltas ORDER BY number LIMIT 1") == "SALE");
  CHECK(database.text("SELECT stored FROM sync_state") == "1-2");
}

TEST_CASE("replays, overlaps and any order end in the sums of the CRDT") {
  Database database;
  Random random(3);
  std::deque<Till> tills;
  tills.emplace_back("till-1");
  tills.emplace_back("till-2");
  const Hash claim = blake2b("one and the same transfer");
  const Hash other_claim = blake2b("another");
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 60; ++i) {
    Till& till = tills[random.below(2)];
    const std::string sku = "sku-" + std::to_string(random.below(5));
    const auto pieces = static_cast<std::int64_t>(1 + random.below(9));
    const Hash claimed =
        random.chance({1, 4}) ? (random.chance({1, 2}) ? claim : other_claim) : Hash{};
    entries.push_back(random.chance({1, 2}) ? till.sell(sku, pieces, claimed)
                                            : till.deliver(sku, pieces, claimed));
  }
  const auto expected = folded(entries);
  for (int round = 0; round < 40; ++round) {
    std::vector<EntryPointer> batch;
    for (std::uint64_t i = random.below(12); i > 0; --i) {
      batch.push_back(entries[random.below(entries.size())]);
    }
    if (!batch.empty()) database.project(batch);
  }
  database.project(entries);
  CHECK(database.inventory() == expected.sums());
  CHECK(database.number("SELECT count(*) FROM entries") == 60);
  crdt::VersionVector vector;
  for (const auto& entry : entries) test::add(vector, *entry);
  database.project(entries);  // nothing new
  CHECK(database.last.new_entries == 0);
  CHECK(database.vector == vector);
  // Per claim exactly one entry counts.
  CHECK(database.number("SELECT count(*) FROM (SELECT e.claim FROM entries e JOIN sales s USING "
                        "(store, journal, number, hash) WHERE e.claim IS NOT NULL AND s.counts "
                        "GROUP BY e.claim HAVING count(*) > 1) AS twice") == 0);
}

TEST_CASE("a request recorded twice counts once, and is voided or refunded by whatever names it") {
  const bool first_arrives_first = GENERATE(true, false);
  Database database;
  Till before("till-1", "acme", "london-1", 1);
  Till after("till-1", "acme", "london-1", 2);  // the same device, with an empty disk
  const auto sold = before.sell("A", 1);
  const auto sold_again = after.sell("A", 1);
  const auto kept = before.sell("B", 1);
  const auto kept_again = after.sell("B", 1);
  REQUIRE(sold->envelope.claim == sold_again->envelope.claim);
  const auto about = [](titan::entry::v1::EntryReference& reference, const mesh::Entry& entry) {
    reference.set_journal(std::string(entry.envelope.id.journal.view()));
    reference.set_number(entry.envelope.id.number);
    reference.set_hash(std::string(entry.hash.view()));
  };
  const auto undo = [&](Till& till, const mesh::Entry& entry) {
    titan::entry::v1::Void body;
    about(*body.mutable_original(), entry);
    body.set_reason(std::to_string(till.tail().number));
    return till.write(mesh::Kind::void_sale, body.SerializeAsString(), {Till::effect("A", 1)},
                      mesh::void_claim(entry), true);
  };
  const auto give_back = [&](Till& till, const mesh::Entry& entry) {
    titan::entry::v1::Refund body;
    about(*body.mutable_original(), entry);
    body.set_reason(std::to_string(till.tail().number));
    auto* line = body.mutable_sale()->add_lines();
    line->set_sku("B");
    line->mutable_quantity()->set_value(1);
    line->set_total_minor(100);
    body.add_original_lines(0);
    return till.write(mesh::Kind::refund, body.SerializeAsString(), {Till::effect("B", 1)}, {},
                      true);
  };
  const auto voided = undo(before, *sold);
  const auto voided_again = undo(after, *sold_again);
  const auto back = give_back(before, *kept);
  const auto back_again = give_back(after, *kept_again);
  std::vector<EntryPointer> entries = {sold, kept, voided, back};
  std::vector<EntryPointer> again = {sold_again, kept_again, voided_again, back_again};
  if (!first_arrives_first) std::swap(entries, again);
  database.project(entries);
  CHECK(database.number("SELECT count(*) FROM over_refunds") == 0);
  database.project(again);
  entries.insert(entries.end(), again.begin(), again.end());
  CHECK(database.inventory() == folded(entries).sums());
  CHECK(database.number("SELECT on_hand FROM inventory WHERE sku = 'A'") == 0);
  CHECK(database.number("SELECT count(*) FROM sales WHERE kind = 'sale' AND counts") == 2);
  CHECK(database.number("SELECT count(*) FROM sales WHERE kind = 'void' AND counts") == 1);
  // Both entries of the first sale are void, by the one void that counts.
  CHECK(database.number("SELECT count(*) FROM voided_sales v JOIN sales s ON s.store = v.store AND "
                        "s.journal = v.void_journal AND s.number = v.void_number "
                        "WHERE s.counts") == 2);
  // The second was sold once and given back twice.
  CHECK(database.number("SELECT count(*) FROM over_refunds") == 1);
  CHECK(database.number("SELECT refunded::bigint FROM over_refunds") == 2);
}

namespace {

const std::string move_in(16, '\1');
const std::string other_move_in(16, '\2');

EntryPointer history(Till& till, const std::string& id, bool was_sent, bool was_voided,
                     const std::string& brought_by = move_in) {
  titan::entry::v1::History body;
  body.set_origin("old-1");
  body.set_id(id);
  body.set_receipt("OLD-" + id);
  body.set_was_sent(was_sent);
  body.set_was_voided(was_voided);
  body.set_move_in(brought_by);
  body.mutable_sale()->set_currency("GBP");
  body.mutable_sale()->set_total_minor(100);
  auto* line = body.mutable_sale()->add_lines();
  line->set_sku("A");
  line->mutable_quantity()->set_value(1);
  line->set_total_minor(100);
  return till.write(mesh::Kind::history, body.SerializeAsString(), {}, blake2b(id));
}

EntryPointer withdrawal(Till& till, const std::string& of) {
  titan::entry::v1::HistoryWithdrawn body;
  body.set_move_in(of);
  return till.write(mesh::Kind::history_withdrawn, body.SerializeAsString(), {{"A", 0, 1'000'000}},
                    blake2b("undo" + of));
}

constexpr const char* counting = "SELECT count(*) FROM sales WHERE kind = 'history' AND counts";

}  // namespace

TEST_CASE("past sales count by claim, once, and not on either side of their withdrawal") {
  Till one("till-1");
  Till two("till-2");
  const auto undo = withdrawal(one, move_in);
  Database database;
  database.project({history(one, "1", false, false), history(two, "1", false, false),
                    history(one, "2", true, false), history(one, "3", false, true)});
  CHECK(database.number("SELECT count(*) FROM sales WHERE kind = 'history'") == 4);
  CHECK(database.number(counting) == 1);
  CHECK(database.number("SELECT count(*) FROM sale_items") == 4);
  CHECK(database.text("SELECT DISTINCT former_receipt FROM sales WHERE was_sent") == "OLD-2");
  database.project({undo});
  CHECK(database.number(counting) == 0);
  CHECK(database.text("SELECT reason FROM inventory_deltas") == "WITHDRAWN");
  database.project({history(two, "4", false, false)});
  CHECK(database.number(counting) == 0);
  database.project({history(two, "5", false, false), undo});
  CHECK(database.number(counting) == 0);
}

TEST_CASE("of a past sale that two files brought the one that is not withdrawn counts") {
  Till one("till-1");
  Till two("till-2");
  const auto here = history(one, "1", false, false, move_in);
  const auto there = history(two, "1", false, false, other_move_in);
  for (const auto& [undo, left] : {std::pair(withdrawal(one, move_in), there),
                                   std::pair(withdrawal(one, other_move_in), here)}) {
    for (const bool is_first : {false, true}) {
      Database database;
      if (is_first) database.project({undo});
      database.project({here});
      database.project({there});
      if (!is_first) database.project({undo});
      CHECK(database.number(counting) == 1);
      CHECK(database.text("SELECT encode(hash, 'hex') FROM sales WHERE counts") ==
            left->hash.hex());
    }
  }
}

TEST_CASE("past sales that a program of a version before stored unread are read by the next one") {
  Till till("till-1");
  Database database;
  // As that program leaves them: the entry, and no rows of it.
  const auto forget = [&](const char* where) {
    pqxx::work transaction(*database.connection);
    transaction.exec(std::string("DELETE FROM sales WHERE kind = 'history' AND ") + where);
    transaction.exec("DELETE FROM withdrawn_move_ins; DELETE FROM withdrawals");
    transaction.commit();
    prepare_tenant(*database.connection, "acme");
  };
  database.project({history(till, "1", false, false), history(till, "2", false, false)});
  forget("former_id = '1'");
  CHECK(database.number("SELECT count(*) FROM quarantine") == 1);
  database.project({withdrawal(till, move_in)});
  forget("false");
  CHECK(database.number("SELECT count(*) FROM quarantine WHERE kind = 19") == 1);
}

TEST_CASE("a forked number: both branches are kept and count") {
  Database database;
  Till original("till-1");
  Till copy("till-1");  // same key, same random numbers: a copied running process
  const auto first = original.sell("A", 1);
  const auto second = copy.sell("A", 2);
  REQUIRE(first->envelope.id == second->envelope.id);
  REQUIRE(first->hash != second->hash);
  database.project({first});
  database.project({second, first});
  CHECK(database.inventory().at("A").removed == 3'000'000);
  CHECK(database.number("SELECT count(*) FROM entries") == 2);
}

TEST_CASE("sums wrap modulo 2^64 as the tills' do") {
  Database database;
  Till till("till-1");
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 3; ++i) {
    crdt::StockEffect effect{"A", ~std::uint64_t{0}, std::uint64_t{1} << 63};
    entries.push_back(till.write(mesh::Kind::adjustment, {}, {effect}));
  }
  database.project(entries);
  CHECK(database.inventory() == folded(entries).sums());
}

TEST_CASE("a body that is none is quarantined; its stock effects count") {
  Database database;
  Till till("till-1");
  const auto broken = till.write(mesh::Kind::sale, "\xff\xff not a sale", {Till::effect("A", -1)});
  database.project({till.sell("A", 1), broken, till.sell("A", 1)});
  REQUIRE(database.last.quarantined.size() == 1);
  CHECK(database.last.quarantined[0].index == 1);
  CHECK(database.number("SELECT count(*) FROM sales") == 2);
  CHECK(database.number("SELECT count(*) FROM quarantine") == 1);
  CHECK(database.inventory().at("A").removed == 3'000'000);
  CHECK(database.text("SELECT stored FROM sync_state") == "1-3");
}

TEST_CASE("a body that the tables refuse keeps no other one in the quarantine") {
  Database database;
  Till till("till-1");
  const auto refused = till.sell("A", 2);
  StoreProjector projector("london-1", device_of(test::key_of("cloud").public_key));
  {
    pqxx::work transaction(*database.connection);
    projector.load(transaction);
    projector.apply(transaction, std::vector{till.sell("A", 1), refused, till.sell("A", 1)}, {},
                    true, "an older program");
    transaction.exec("ALTER TABLE sales ADD CONSTRAINT refuses CHECK (number <> " +
                     std::to_string(refused->envelope.id.number) + ")");
    transaction.commit();
    projector.committed();
  }
  REQUIRE(database.number("SELECT count(*) FROM quarantine") == 3);
  for (const std::size_t expected : {2, 0}) {
    pqxx::work transaction(*database.connection);
    CHECK(projector.retry_quarantine(transaction, till.codec, 100) == expected);
    transaction.commit();
  }
  CHECK(database.number("SELECT count(*) FROM sales") == 2);
  CHECK(database.number("SELECT count(*) FROM quarantine") == 1);
  CHECK(database.inventory().at("A").removed == 4'000'000);
}

TEST_CASE("kinds this version does not know are kept and fold") {
  Database database;
  Till till("till-1");
  database.project({till.write(static_cast<mesh::Kind>(4711), "new", {Till::effect("A", 5)})});
  CHECK(database.last.quarantined.empty());
  CHECK(database.inventory().at("A").added == 5'000'000);
  CHECK(database.text("SELECT reason FROM inventory_deltas") == "KIND_4711");
}

TEST_CASE("products: the store's override wins until head office clears it, in any order") {
  const auto product = [](const std::string& description, bool clears) {
    titan::entry::v1::Products products;
    auto* item = products.add_products();
    item->set_sku("A");
    item->set_description(description);
    item->set_clears_override(clears);
    return products.SerializeAsString();
  };
  Till cloud("cloud");
  Till till("till-1");
  const auto feed = cloud.write(mesh::Kind::product, product("feed", false), {});
  const auto override = till.write(mesh::Kind::product, product("override", false), {});
  (void)cloud.write(mesh::Kind::setting, {}, {});
  const auto cleared = cloud.write(mesh::Kind::product, product("cleared", true), {});
  const std::string shown = "SELECT description FROM products WHERE sku = 'A'";
  {
    Database database;
    database.project({feed});
    CHECK(database.text(shown) == "feed");
    database.project({override});
    CHECK(database.text(shown) == "override");
    database.project({cleared});
    CHECK(database.text(shown) == "cleared");
  }
  Database database;
  database.project({cleared});
  database.project({override});
  database.project({feed});
  CHECK(database.text(shown) == "cleared");
}

TEST_CASE("a product list counts whole or not at all, in any order") {
  const auto list = [](Till& writer, int price, char id) {
    titan::entry::v1::Products products;
    for (int i = 0; i < 9000; ++i) {
      auto* item = products.add_products();
      item->set_sku("L" + std::to_string(i));
      item->set_description(blake2b(std::to_string(price) + item->sku()).hex());
      item->mutable_price()->set_amount(price);
      item->mutable_price()->set_exponent(2);
    }
    const auto unit = mesh::make_list_unit(*mesh::ListId::from_bytes(Bytes(16, id)),
                                           products.SerializeAsString(), 9000)
                          .value();
    std::vector<EntryPointer> entries;
    for (const Bytes& part : unit.parts) {
      entries.push_back(writer.write(mesh::Kind::product_list_part, part, {}));
    }
    entries.push_back(writer.write(mesh::Kind::product_list, unit.head, {}));
    return entries;
  };
  Till till("till-1");
  const auto old = list(till, 100, 'a');
  auto fresh = list(till, 200, 'b');
  REQUIRE(fresh.size() > 2);
  const std::string prices = "SELECT string_agg(DISTINCT price::text, ',') FROM products";
  Database database;
  database.project(old);
  CHECK(database.text(prices) == "100");
  const EntryPointer late = fresh.front();
  fresh.erase(fresh.begin());
  database.project(fresh);
  CHECK(database.text(prices) == "100");
  database.project({late});
  CHECK(database.text(prices) == "200");
  CHECK(database.number("SELECT count(*) FROM products") == 9000);
  CHECK(database.last.quarantined.empty());

  Database other;
  other.project({late});
  other.project(fresh);
  other.project(old);  // the newer one stays
  CHECK(other.text(prices) == "200");
}

TEST_CASE("a threshold of zero, several taxes and no price are kept apart from their absence") {
  titan::entry::v1::Products products;
  auto* zero = products.add_products();
  zero->set_sku("Z");
  zero->set_low_stock_micro(0);
  auto* tax = zero->add_taxes();
  tax->set_code("A \"B\"");
  tax->set_rate_micropercent(9'975'000);
  products.add_products()->set_sku("N");
  Till till("till-1");
  Database database;
  database.project({till.write(mesh::Kind::product, products.SerializeAsString(), {})});
  CHECK(database.number("SELECT low_stock_micro FROM products WHERE sku = 'Z'") == 0);
  CHECK(database.number("SELECT count(*) FROM products WHERE low_stock_micro IS NULL") == 1);
  CHECK(database.text("SELECT taxes->0->>'code' FROM products WHERE sku = 'Z'") == "A \"B\"");
  CHECK(database.number("SELECT count(*) FROM products WHERE has_price") == 0);
}

TEST_CASE("the lease row moves to a higher token only, by the database's clock") {
  Database database;
  const auto process = [](char c) { return *ProcessId::from_bytes(Bytes(16, c)); };
  const election::Token low{3, process('a')};
  const election::Token same_term{3, process('b')};
  const election::Token high{4, process('a')};
  const auto in_transaction = [&](auto&& work) {
    pqxx::work transaction(*database.connection);
    auto result = work(transaction);
    transaction.commit();
    return result;
  };
  const auto acquire = [&](const election::Token& token) {
    return in_transaction([&](auto& t) { return acquire_lease(t, "london-1", token, "till"); });
  };
  CHECK_FALSE(acquire(low));
  CHECK_FALSE(acquire(low));
  CHECK_FALSE(acquire(same_term));
  const auto refused = acquire(low);
  REQUIRE(refused);
  CHECK(refused->token == same_term);
  CHECK_FALSE(refused->gone);
  CHECK_FALSE(in_transaction([&](auto& t) { return renew_lease(t, "london-1", low); }));
  CHECK(in_transaction([&](auto& t) { return renew_lease(t, "london-1", same_term); }));
  database.number(
      "UPDATE leadership SET renewed = clock_timestamp() - interval '4 s' "
      "RETURNING 1");
  {
    pqxx::work transaction(*database.connection);
    transaction.exec("UPDATE leadership SET renewed = clock_timestamp() - interval '6 s'");
    transaction.commit();
  }
  const auto gone = acquire(low);
  REQUIRE(gone);
  CHECK(gone->gone);
  CHECK_FALSE(acquire(high));
  in_transaction([&](auto& t) {
    release_lease(t, "london-1", high);
    return true;
  });
  CHECK(acquire(same_term)->gone);
  CHECK(acquire(same_term)->token == high);
}

TEST_CASE("interval text and back") {
  CHECK(intervals_text(crdt::IntervalSet({{1, 17}, {19, 20}})) == "1-17,19-20");
  CHECK(intervals_from_text("1-17,19-20") == crdt::IntervalSet({{1, 17}, {19, 20}}));
  CHECK(intervals_from_text("").empty());
  CHECK(intervals_from_text("1-x").empty());
}

TEST_CASE("schema names are safe whatever a tenant is called") {
  CHECK(schema_of("acme") == "tenant_acme");
  CHECK(schema_of("Acme") != schema_of("acme"));
  CHECK(schema_of(std::string(300, 'x')).size() <= 63);
  CHECK(schema_of("a\"; DROP").find('"') == std::string::npos);
  CHECK(without_password("postgresql://user:pass@host/db") == "postgresql://user@host/db");
  CHECK(without_password("postgresql://titan@/db?host=/tmp") == "postgresql://titan@/db?host=/tmp");
}

}  // namespace
}  // namespace titan::uplink
