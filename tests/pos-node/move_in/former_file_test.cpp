// What is read of a file of v0.1, held against what another program wrote into it.
#include "pos-node/move_in/v01/former_file.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "pos-node/move_in/v01/former_products.h"
#include "pos-node/move_in/v01/former_sales.h"
#include "tests/mesh/sqlite/fixture.h"

using namespace titan;
using namespace titan::pos;

namespace {

constexpr const char* tables_and_one_sale = R"(
  CREATE TABLE config (key TEXT, value TEXT);
  CREATE TABLE products (id INTEGER PRIMARY KEY, sku, barcode, name, price_cents, tax_rate,
                         tax_included, stock, active, updated_at);
  CREATE TABLE sales (id INTEGER PRIMARY KEY, receipt_no, terminal_id, cashier, total_cents,
                      tax_cents, currency, status, created_at);
  CREATE TABLE sale_items (id INTEGER PRIMARY KEY, sale_id, product_id, sku, name, quantity,
                           unit_price_cents, tax_rate, total_cents);
  CREATE TABLE payments (id INTEGER PRIMARY KEY, sale_id, method, amount_cents, change_cents,
                         created_at);
  CREATE TABLE sync_outbox (id INTEGER PRIMARY KEY, entity_type, entity_id, payload, created_at,
                            sent_at);
  CREATE TABLE inventory_deltas (id INTEGER PRIMARY KEY, product_id, terminal_id, delta, reason,
                                 reference, created_at);
  INSERT INTO products VALUES (1, 'a', NULL, 'A', 200, 20, 1, 5, 1, NULL);
  INSERT INTO sales VALUES (1, 'OLD-1', 'old-1', 'c1', 200, 33, 'GBP', 'completed',
                            '2025-03-01T09:15:00Z');
  INSERT INTO sale_items VALUES (1, 1, 1, 'a', 'A', 1, 200, 20, 200);
  INSERT INTO payments VALUES (1, 1, 'cash', 200, 0, '2025-03-01T09:15:00Z');
)";

StoreFacts facts() {
  StoreFacts facts;
  facts.store = "london-1";
  facts.currency = "GBP";
  return facts;
}

// A file of one product and one sale, and what a test writes into it besides.
struct OldTill {
  explicit OldTill(const std::string& more = "")
      : program(folder.file(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    program.exec(tables_and_one_sale + more);
  }

  std::unique_ptr<v01::FormerFile> open() {
    auto opened = v01::FormerFile::open(folder.file());
    INFO((opened ? std::string() : opened.error().message));
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }

  mesh::testing::TempFolder folder;
  SQLite::Database program;
};

constexpr WallTime now{1'780'000'000'000};

std::vector<FormerSale> sales_of(v01::FormerFile& file, v01::Faults& faults) {
  std::vector<FormerSale> sales;
  v01::walk_sales(file, facts(), now, faults, [&](const FormerSale& sale) {
    sales.push_back(sale);
    return true;
  });
  return sales;
}

constexpr const char* another_sale = R"(
  INSERT INTO sales VALUES (2, 'OLD-2', 'old-1', 'c1', 200, 33, 'GBP', 'completed',
                            '2025-03-01T09:20:00Z');)";

// As another process sees it: whether somebody reads the file under SQLite's lock.
bool is_locked_for_others(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0x40000002;  // SQLite's range of shared locks
    lock.l_len = 510;
    const bool is_free = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
    ::_exit(is_free ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status) == 1;
}

std::size_t files_beside(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("no program writes into a file of v0.1 while it is read in place") {
  OldTill till;
  auto file = till.open();
  CHECK(is_locked_for_others(till.folder.file()));
  CHECK_THROWS_AS(till.program.exec(another_sale), SQLite::Exception);
  v01::Faults faults;
  CHECK(sales_of(*file, faults).size() == 1);
  CHECK_FALSE(file->has_changed());
  file.reset();
  CHECK_FALSE(is_locked_for_others(till.folder.file()));
  till.program.exec(another_sale);
}

TEST_CASE("what is written into a file of v0.1 after it was copied is told") {
  OldTill till("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;");
  till.program.exec("UPDATE products SET stock = 4");
  auto file = till.open();
  CHECK_FALSE(file->has_changed());
  till.program.exec(another_sale);
  CHECK(file->has_changed());
}

TEST_CASE("a file of v0.1 that is replaced while it is read is told") {
  OldTill till;
  auto file = till.open();
  std::filesystem::copy_file(till.folder.file(), till.folder.file("newer"));
  std::filesystem::rename(till.folder.file("newer"), till.folder.file());
  CHECK(file->has_changed());
}

TEST_CASE("a file of v0.1 in WAL mode without its log gets none by being read") {
  OldTill till("PRAGMA journal_mode = WAL;");
  const std::string copied = till.folder.file("copied/old.db");
  std::filesystem::create_directory(std::filesystem::path(copied).parent_path());
  till.program.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::copy_file(till.folder.file(), copied);
  auto opened = v01::FormerFile::open(copied);
  REQUIRE(opened.has_value());
  v01::Faults faults;
  CHECK(sales_of(**opened, faults).size() == 1);
  CHECK(files_beside(copied) == 1);
  CHECK_FALSE((*opened)->has_changed());
}

TEST_CASE("a file of v0.1 that lost its power in the middle of a write is read with its journal") {
  OldTill till;
  till.program.exec("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN");
  till.program.exec(R"(
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO products SELECT i, 'p' || i, NULL, hex(zeroblob(200)), 1, 20, 1, 5, 1, NULL FROM n)");
  const std::string left = till.folder.file("left.db");
  std::filesystem::copy_file(till.folder.file(), left);
  std::filesystem::copy_file(till.folder.file() + "-journal", left + "-journal");
  till.program.exec("ROLLBACK");
  // Its last page came half-way.
  std::filesystem::resize_file(left, std::filesystem::file_size(left) - 100);
  auto opened = v01::FormerFile::open(left);
  INFO((opened ? std::string() : opened.error().message));
  REQUIRE(opened.has_value());
  v01::Faults faults;
  CHECK(v01::read_products(**opened, facts(), faults).rows.size() == 1);
  CHECK(sales_of(**opened, faults).size() == 1);
  opened->reset();
  std::filesystem::remove(left + "-journal");
  const auto refused = v01::FormerFile::open(left);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("is cut off") != std::string::npos);
}

TEST_CASE("head office has a sale of v0.1 only if its mark of sending is a time") {
  struct Case {
    const char* mark;
    std::size_t sales;
    bool was_sent;
  };
  for (const Case& each : {Case{"NULL", 1, false}, Case{"'2025-03-01 09:16:00'", 1, true},
                           Case{"''", 0, false}, Case{"0", 0, false}, Case{"'yes'", 0, false}}) {
    INFO("sent_at is " << each.mark);
    OldTill till("INSERT INTO sync_outbox VALUES (9, 'sale', '1', '', NULL, " +
                 std::string(each.mark) + ");");
    v01::Faults faults;
    const auto sales = sales_of(*till.open(), faults);
    REQUIRE(sales.size() == each.sales);
    CHECK(faults.count() == 1 - each.sales);
    if (!sales.empty()) CHECK(sales[0].was_sent == each.was_sent);
    if (!faults.shown().empty()) {
      CHECK(faults.shown()[0].text().starts_with("sync_outbox 9 sent_at: "));
    }
  }
}

TEST_CASE("a product of v0.1 that states no stock opens none, so that another file's can count") {
  OldTill till(R"(
    INSERT INTO products VALUES (2, 'b', NULL, 'B', 200, 20, 1, NULL, 1, NULL);
    INSERT INTO products VALUES (3, 'c', NULL, 'C', 200, 20, 1, NULL, 1, NULL);
    INSERT INTO inventory_deltas VALUES (1, 3, 'old-1', 7, 'DELIVERY', '', NULL);)");
  v01::Faults faults;
  const auto products = v01::read_products(*till.open(), facts(), faults);
  CHECK(faults.count() == 0);
  CHECK(products.rows.size() == 3);
  REQUIRE(products.stock.size() == 2);
  CHECK(products.stock[0].sku == "a");
  CHECK(products.stock[1].sku == "c");
  CHECK(products.stock[1].quantity.value == 7'000'000);
  CHECK(products.notes.empty());
}
