// Files of other versions: N opens what N+1 left, and says so when it cannot.
#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/sqlite/file/schema.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("a file that the next version expanded is opened, used, and opened by it again") {
  TempFolder folder;
  Till till(1);
  {
    auto store = open_store(folder.file());
    must(store->commit(request_of({till.sale({{"A", 1}})})));
    auto& connection = store->connection();
    connection.execute("ALTER TABLE products ADD COLUMN allergens TEXT NOT NULL DEFAULT ''");
    connection.execute("ALTER TABLE entries ADD COLUMN shelf TEXT");
    connection.execute("CREATE TABLE loyalty(card TEXT PRIMARY KEY)");
    connection.execute("UPDATE meta SET value = '10 next' WHERE name = 'projection_basis'");
    connection.execute("PRAGMA user_version = 10");
  }
  auto store = open_store(folder.file());
  must(store->commit(request_of({till.sale({{"A", 1}}), till.products({product("A", "x", 1)})})));
  CHECK(must(store->load()).vector.entry_count() == 2 + 1);
  CHECK(must(must(store->open_reader())->product("A")).has_value());
  CHECK(number(*store, "PRAGMA user_version") == 10);  // an older program does not lower it
  // What tells the next version that rows were written which it must project anew.
  CHECK(column(*store, "SELECT value FROM meta WHERE name = 'projection_basis'")[0].substr(0, 2) ==
        "9 ");
}

TEST_CASE("a file of the version before has its products written anew from their entries") {
  TempFolder folder;
  Till till(1);
  {
    auto store = open_store(folder.file());
    auto zero = product("Z", "made to order", 100);
    zero.set_low_stock_micro(0);
    must(store->commit(request_of({till.products({zero})})));
    auto& connection = store->connection();
    // As the version before left it: its tables, its number, and a row as it understood it.
    connection.execute(
        "DROP TABLE product_lists; DROP TABLE product_list_parts; DROP INDEX entries_state;"
        "DROP TABLE former_receipts; DROP INDEX entries_refunds; DROP INDEX entries_unread;"
        "DROP INDEX products_low_stock; ALTER TABLE products DROP COLUMN taxes;"
        "DROP TABLE held_by_cloud; DROP TABLE own_keys; DROP TABLE own_duplicates;"
        "DROP TABLE folds; DROP TABLE fold_covered; DROP TABLE fold_stock;"
        "DROP TABLE fold_claims; DROP TABLE fold_steps; DROP TABLE history;"
        "CREATE TABLE folded_keys(x); CREATE TABLE folded_duplicates(x);"
        "UPDATE products SET low_stock_micro = 5; PRAGMA user_version = 2;"
        "UPDATE meta SET value = '2 before' WHERE name = 'projection_basis'");
  }
  auto store = open_store(folder.file());
  auto reader = must(store->open_reader());
  CHECK(must(reader->product("Z"))->low_stock_micro == 0);
  CHECK(must(reader->search_products("made", 5)).products.size() == 1);
}

TEST_CASE("what a file of the version before knew of the cloud is forgotten") {
  TempFolder folder;
  auto connection = must(Connection::open({folder.file(), Connection::Mode::read_write, 1024}));
  must(migrate(*connection, migrations().first(6), schema_compatibility));
  connection->execute("INSERT INTO watermark VALUES(1, 'every journal', 'signature', 'key')");
  must(migrate(*connection, migrations(), schema_compatibility));
  CHECK(connection->single_number("SELECT count(*) FROM watermark") == 0);
  CHECK(connection->single_number("SELECT count(*) FROM held_by_cloud") == 0);
  CHECK(connection->single_number("SELECT count(*) FROM sync_cursors") == 0);
}

TEST_CASE("a file of another compatibility is refused with both numbers") {
  const auto [found, says] =
      GENERATE(table<int, std::string>({{schema_compatibility + 1, "newer version"},
                                        {schema_compatibility - 1, "before the first release"}}));
  TempFolder folder;
  {
    auto store = open_store(folder.file());
    store->connection().execute("UPDATE meta SET value = " + std::to_string(found) +
                                " WHERE name = 'compatibility'");
  }
  StoreOptions options;
  options.path = folder.file();
  const auto refused = SqliteStore::open(options, identity(), codec());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message.find(says) != std::string::npos);
  CHECK(refused.error().message.find("compatibility " + std::to_string(found)) !=
        std::string::npos);
}

TEST_CASE("another program's database is refused and left alone") {
  TempFolder folder;
  {
    SQLite::Database other(folder.file(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE recipes(name TEXT)");
  }
  StoreOptions options;
  options.path = folder.file();
  const auto refused = SqliteStore::open(options, identity(), codec());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("another program") != std::string::npos);
  SQLite::Database other(folder.file(), SQLite::OPEN_READONLY);
  CHECK(other.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 1);
}

TEST_CASE("migrations run once, in order, each whole or not at all") {
  TempFolder folder;
  auto connection = must(Connection::open({folder.file(), Connection::Mode::read_write, 1024}));
  const Migration first{1, "CREATE TABLE meta(name TEXT PRIMARY KEY, value); CREATE TABLE a(x);"};
  const Migration second{2, "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES(1, 2);"};
  const Migration broken{3, "INSERT INTO a VALUES(3, 4); INSERT INTO nowhere VALUES(1);"};
  must(migrate(*connection, std::vector{first}, 1));
  must(migrate(*connection, std::vector{first, second}, 1));
  must(migrate(*connection, std::vector{first, second}, 1));
  CHECK(connection->single_number("SELECT count(*) FROM a") == 1);
  CHECK(connection->single_number("PRAGMA user_version") == 2);

  CHECK_FALSE(migrate(*connection, std::vector{first, second, broken}, 1).has_value());
  CHECK(connection->single_number("SELECT count(*) FROM a") == 1);
  CHECK(connection->single_number("PRAGMA user_version") == 2);
}

TEST_CASE("a file that is not a database is corrupt, not a crash") {
  TempFolder folder;
  {
    std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(folder.file().c_str(), "w"), fclose);
    for (int i = 0; i < 2000; ++i) fputs("rubbish ", file.get());
  }
  StoreOptions options;
  options.path = folder.file();
  const auto failed = SqliteStore::open(options, identity(), codec());
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::corrupt);
}
