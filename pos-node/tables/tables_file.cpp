#include "pos-node/tables/tables_file.h"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

namespace titan::pos {
namespace {

constexpr std::int64_t application_id = 0x54'69'54'62;
constexpr const char* suffixes[] = {"", "-wal", "-shm"};

// Names and columns of the first eight are those of docs/V01.md, and stay. NUMERIC turns a decimal
// text into a number. What begins with tables_ is this program's own, but for tables_state.
constexpr const char* schema = R"sql(
CREATE TABLE config(key TEXT PRIMARY KEY, value TEXT NOT NULL, store_id TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE products(
  id TEXT PRIMARY KEY, sku TEXT NOT NULL, barcode TEXT NOT NULL, name TEXT NOT NULL,
  price_cents INTEGER, tax_rate NUMERIC NOT NULL, tax_included INTEGER NOT NULL,
  stock NUMERIC NOT NULL, active INTEGER NOT NULL, updated_at TEXT NOT NULL,
  store_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sales(
  id TEXT PRIMARY KEY, receipt_no TEXT NOT NULL, terminal_id TEXT NOT NULL, cashier TEXT NOT NULL,
  total_cents INTEGER NOT NULL, tax_cents INTEGER NOT NULL, currency TEXT NOT NULL,
  status TEXT NOT NULL, created_at TEXT NOT NULL, store_id TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX sales_created_at ON sales(created_at);
CREATE TABLE sale_items(
  id TEXT NOT NULL, sale_id TEXT NOT NULL, product_id TEXT NOT NULL, sku TEXT NOT NULL,
  name TEXT NOT NULL, quantity NUMERIC NOT NULL, unit_price_cents INTEGER NOT NULL,
  tax_rate NUMERIC NOT NULL, total_cents INTEGER NOT NULL, store_id TEXT NOT NULL,
  PRIMARY KEY (sale_id, id)) WITHOUT ROWID;
CREATE TABLE payments(
  id TEXT NOT NULL, sale_id TEXT NOT NULL, method TEXT NOT NULL, amount_cents INTEGER NOT NULL,
  change_cents INTEGER NOT NULL, created_at TEXT NOT NULL, store_id TEXT NOT NULL,
  PRIMARY KEY (sale_id, id)) WITHOUT ROWID;
CREATE TABLE sync_outbox(
  id TEXT PRIMARY KEY, entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, payload TEXT NOT NULL,
  created_at TEXT NOT NULL, sent_at TEXT, store_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE inventory_deltas(
  id TEXT PRIMARY KEY, product_id TEXT NOT NULL, terminal_id TEXT NOT NULL, delta NUMERIC NOT NULL,
  reason TEXT NOT NULL, reference TEXT NOT NULL, created_at TEXT NOT NULL, store_id TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE sync_cursors(
  terminal_id TEXT PRIMARY KEY, last_id TEXT NOT NULL, updated_at TEXT NOT NULL,
  store_id TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE tables_state(
  position INTEGER NOT NULL, complete_to TEXT NOT NULL, schema_version INTEGER NOT NULL);
CREATE TABLE tables_notes(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- Entries whose rows must be written anew.
CREATE TABLE tables_due(position INTEGER PRIMARY KEY);
-- Sales of the former system. name: sales.id of its rows; NULL where it has none.
CREATE TABLE tables_former(
  position INTEGER PRIMARY KEY, id TEXT NOT NULL, origin TEXT NOT NULL, move_in BLOB NOT NULL,
  name TEXT);
CREATE INDEX tables_former_id ON tables_former(id);
CREATE INDEX tables_former_move_in ON tables_former(move_in);
CREATE TABLE tables_withdrawn(move_in BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE tables_stock(product TEXT PRIMARY KEY, micro INTEGER NOT NULL) WITHOUT ROWID;
-- What decides between two entries of one terminal for its row in sync_cursors.
CREATE TABLE tables_cursors(
  terminal_id TEXT PRIMARY KEY, clock INTEGER NOT NULL, stamp BLOB NOT NULL) WITHOUT ROWID;
)sql";

std::string text_of(mesh::Connection& connection, std::string_view sql) {
  mesh::Use use = connection.use(sql);
  return use.step() ? use.bytes_at(0) : std::string();
}

}  // namespace

Result<std::unique_ptr<TablesFile>> TablesFile::open(const std::string& path,
                                                     const std::string& basis) {
  std::unique_ptr<TablesFile> file(new TablesFile(path));
  auto connection =
      mesh::Connection::open({path, mesh::Connection::Mode::read_write, tables_cache_kilobytes});
  if (!connection) return connection.error();
  file->connection_ = std::move(*connection);
  const Status ready = file->connection_->guarded(
      "opening it", [&]() -> Status { return file->check_or_make(basis); });
  if (!ready) return ready.error();
  file->look();
  return file;
}

void TablesFile::remove(const std::string& path) {
  // The file first: SQLite throws a log away that belongs to no file, but would take a file without
  // its log for whole.
  for (const char* suffix : suffixes) {
    std::error_code ignored;
    std::filesystem::remove_all(path + suffix, ignored);
  }
}

Status TablesFile::check_or_make(const std::string& basis) {
  mesh::Connection& connection = *connection_;
  connection.database().setBusyTimeout(tables_busy_wait_ms);
  // A commit is whole after a power cut, and may be gone: it is made again.
  connection.execute("PRAGMA synchronous = NORMAL");
  connection.execute("PRAGMA journal_size_limit = 4194304");
  if (connection.single_number("SELECT count(*) FROM sqlite_master") == 0) {
    SQLite::Transaction transaction(connection.database(), SQLite::TransactionBehavior::IMMEDIATE);
    connection.execute(schema);
    connection.execute("INSERT INTO tables_state VALUES(0, '', " +
                       std::to_string(tables_schema_version) + ")");
    connection.use("INSERT INTO tables_notes VALUES('basis', ?)").text(1, basis).run();
    connection.execute("PRAGMA application_id = " + std::to_string(application_id));
    connection.execute("PRAGMA user_version = " + std::to_string(tables_schema_version));
    transaction.commit();
    return {};
  }
  const bool is_ours = connection.single_number("PRAGMA application_id") == application_id;
  if (!is_ours || connection.single_number("PRAGMA user_version") != tables_schema_version) {
    return make_error(ErrorCode::corrupt, is_ours ? "it was made by another version of this program"
                                                  : "it was made by another program");
  }
  if (text_of(connection, "SELECT value FROM tables_notes WHERE name = 'basis'") != basis) {
    return make_error(ErrorCode::corrupt, "it was made from another journal or configuration");
  }
  return {};
}

std::array<TablesFile::Seen, 3> TablesFile::files() const {
  std::array<Seen, 3> seen;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    struct stat facts {};
    if (::stat((path_ + suffixes[i]).c_str(), &facts) != 0) continue;
    seen[i] = {facts.st_dev, facts.st_ino};
  }
  return seen;
}

TablesFile::Content TablesFile::content() const {
  struct stat facts {};
  if (::stat(path_.c_str(), &facts) != 0) return {};
  return {facts.st_size, facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec};
}

void TablesFile::look() {
  files_ = files();
  content_ = content();
  const auto version = connection_->guarded("looking at it", [&]() -> Result<std::int64_t> {
    return connection_->single_number("PRAGMA data_version");
  });
  data_version_ = version ? *version : 0;
}

std::string TablesFile::interference() {
  const std::array<Seen, 3> now = files();
  if (now[0] == Seen{}) return "another program removed it";
  if (now != files_) return "another program replaced it or took its log away";
  if (content() != content_) return "another program wrote into it";
  // Changes with every commit of another connection, not with our own.
  const auto version = connection_->guarded("looking at it", [&]() -> Result<std::int64_t> {
    return connection_->single_number("PRAGMA data_version");
  });
  if (version && *version != data_version_) return "another program wrote into it";
  return "";
}

Result<bool> TablesFile::make_room(int log_pages_max) {
  const int pages = connection_->log_pages();
  if (pages < tables_log_pages_usual) {
    pages_at_last_try_ = 0;
    return true;
  }
  const bool is_full = pages >= log_pages_max;
  if (!is_full && pages < pages_at_last_try_ + tables_log_pages_usual) return true;
  return connection_->guarded("copying its log back", [&]() -> Result<bool> {
    mesh::Use use = connection_->use(is_full ? std::string_view("PRAGMA wal_checkpoint(TRUNCATE)")
                                             : std::string_view("PRAGMA wal_checkpoint(PASSIVE)"));
    const bool is_busy = use.step() && use.integer_at(0) != 0;
    content_ = content();
    pages_at_last_try_ = pages;
    if (!is_full) return true;
    if (is_busy) return false;
    connection_->set_log_pages(0);
    return true;
  });
}

}  // namespace titan::pos
