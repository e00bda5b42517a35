// The least that a durable sale can cost: one row of an entry's size in one SQLite transaction with
// WAL and synchronous=FULL, found by (journal, number, hash).
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace titan::bench {

class BareSqlite {
 public:
  // A fresh file, in place of one that is there.
  explicit BareSqlite(const std::string& path);
  ~BareSqlite();
  BareSqlite(const BareSqlite&) = delete;

  // Durable when it returns.
  void commit(std::uint64_t number, const std::string& bytes);

 private:
  void run(const char* sql);

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace titan::bench
