// The least that a durable sale can cost: one row of an entry's size in one SQLite transaction with
// WAL and synchronous=FULL, found by (journal, number, hash). Nothing but its own statements, and
// SQLite's own automatic checkpoints, as anybody would use it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace titan::bench {

class BareDatabase {
 public:
  // A fresh file, in place of one that is there.
  explicit BareDatabase(const std::string& path);
  ~BareDatabase();
  BareDatabase(const BareDatabase&) = delete;

  void run(const char* sql);

 protected:
  // Finalised with the database.
  sqlite3_stmt* prepare(const char* sql);
  void step(sqlite3_stmt* statement);

 private:
  [[noreturn]] void fail_here() const;

  sqlite3* database_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

class BareSqlite : public BareDatabase {
 public:
  explicit BareSqlite(const std::string& path);

  // Within a transaction that the caller runs.
  void insert(BytesView journal, std::uint64_t number, BytesView hash, int kind,
              std::uint32_t business_date, BytesView bytes);
  // Durable when it returns.
  void commit(std::uint64_t number, const std::string& bytes);

 private:
  sqlite3_stmt* insert_;
};

// The value must stay where it is until the statement has run.
void bind_text(sqlite3_stmt* statement, int index, BytesView value);
void bind_blob(sqlite3_stmt* statement, int index, BytesView value);

}  // namespace titan::bench
