#include "qa/bench/support/bare_sqlite.h"

#include <filesystem>

#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

constexpr int id_bytes = 16;
constexpr int hash_bytes = 32;

}  // namespace

BareSqlite::BareSqlite(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) fail("SQLite cannot open " + path);
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = FULL");
  run("CREATE TABLE entries(journal BLOB, number INTEGER, hash BLOB, kind INTEGER, "
      "business_date INTEGER, bytes BLOB)");
  run("CREATE UNIQUE INDEX identity ON entries(journal, number, hash)");
  if (sqlite3_prepare_v2(database_, "INSERT INTO entries VALUES(?, ?, ?, 1, 20111006, ?)", -1,
                         &insert_, nullptr) != SQLITE_OK) {
    fail(std::string("SQLite: ") + sqlite3_errmsg(database_));
  }
}

BareSqlite::~BareSqlite() {
  sqlite3_finalize(insert_);
  sqlite3_close(database_);
}

void BareSqlite::commit(std::uint64_t number, const std::string& bytes) {
  static const std::string journal(id_bytes, 'j');
  std::string hash(hash_bytes, 'h');
  for (std::size_t i = 0; i < sizeof number; ++i) hash[i] = static_cast<char>(number >> (8 * i));
  run("BEGIN IMMEDIATE");
  sqlite3_bind_blob(insert_, 1, journal.data(), id_bytes, SQLITE_STATIC);
  sqlite3_bind_int64(insert_, 2, static_cast<sqlite3_int64>(number));
  sqlite3_bind_blob(insert_, 3, hash.data(), hash_bytes, SQLITE_STATIC);
  sqlite3_bind_blob(insert_, 4, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
  if (sqlite3_step(insert_) != SQLITE_DONE)
    fail(std::string("SQLite: ") + sqlite3_errmsg(database_));
  sqlite3_reset(insert_);
  run("COMMIT");
}

void BareSqlite::run(const char* sql) {
  char* message = nullptr;
  if (sqlite3_exec(database_, sql, nullptr, nullptr, &message) == SQLITE_OK) return;
  fail(std::string("SQLite: ") + (message ? message : "?"));
}

}  // namespace titan::bench
