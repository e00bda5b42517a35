#include "qa/bench/support/bare_sqlite.h"

#include <filesystem>

#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

constexpr int id_bytes = 16;
constexpr int hash_bytes = 32;

}  // namespace

BareDatabase::BareDatabase(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) fail("SQLite cannot open " + path);
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = FULL");
}

BareDatabase::~BareDatabase() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

void BareDatabase::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail_here();
}

sqlite3_stmt* BareDatabase::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) fail_here();
  statements_.push_back(statement);
  return statement;
}

void BareDatabase::step(sqlite3_stmt* statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) fail_here();
  sqlite3_reset(statement);
}

void BareDatabase::fail_here() const {
  fail(std::string("SQLite: ") + sqlite3_errmsg(database_));
}

BareSqlite::BareSqlite(const std::string& path) : BareDatabase(path) {
  run("CREATE TABLE entries(journal BLOB, number INTEGER, hash BLOB, kind INTEGER, "
      "business_date INTEGER, bytes BLOB)");
  run("CREATE UNIQUE INDEX identity ON entries(journal, number, hash)");
  insert_ = prepare("INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?)");
}

void BareSqlite::insert(BytesView journal, std::uint64_t number, BytesView hash, int kind,
                        std::uint32_t business_date, BytesView bytes) {
  bind_blob(insert_, 1, journal);
  sqlite3_bind_int64(insert_, 2, static_cast<sqlite3_int64>(number));
  bind_blob(insert_, 3, hash);
  sqlite3_bind_int64(insert_, 4, kind);
  sqlite3_bind_int64(insert_, 5, business_date);
  bind_blob(insert_, 6, bytes);
  step(insert_);
}

void BareSqlite::commit(std::uint64_t number, const std::string& bytes) {
  static const std::string journal(id_bytes, 'j');
  std::string hash(hash_bytes, 'h');
  for (std::size_t i = 0; i < sizeof number; ++i) hash[i] = static_cast<char>(number >> (8 * i));
  run("BEGIN IMMEDIATE");
  insert(journal, number, hash, 1, 20111006, bytes);
  run("COMMIT");
}

void bind_text(sqlite3_stmt* statement, int index, BytesView value) {
  sqlite3_bind_text(statement, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}
void bind_blob(sqlite3_stmt* statement, int index, BytesView value) {
  sqlite3_bind_blob(statement, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}

}  // namespace titan::bench
