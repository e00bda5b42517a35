// A baseline of sqlite_bench: beside the entry's row, as tables instead of views, the sale, its
// lines, payment and stock deltas: 13 rows.
#pragma once

#include "mesh/entry/entry.h"
#include "proto/entry.pb.h"
#include "qa/bench/support/bare_sqlite.h"

namespace titan::bench {

class BareTables : public BareSqlite {
 public:
  explicit BareTables(const std::string& path);

  void insert(const mesh::Entry& entry);

 private:
  void insert_line(sqlite3_int64 sale, int index, const entry::v1::Line& line);

  sqlite3_int64 sales_ = 0;
  sqlite3_stmt* sale_;
  sqlite3_stmt* item_;
  sqlite3_stmt* payment_;
  sqlite3_stmt* delta_;
};

// The entry's row alone.
void insert_row(BareSqlite& database, const mesh::Entry& entry);

}  // namespace titan::bench
