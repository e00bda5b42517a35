// A journal and its tables, for the tests of pos-node/tables.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "pos-node/tables/projection.h"
#include "pos-node/tables/tables_file.h"
#include "proto/entry.pb.h"
#include "tests/mesh/sqlite/fixture.h"

namespace titan::pos::testing {

using mesh::testing::EntryPointer;
using mesh::testing::must;
using mesh::testing::TempFolder;
using mesh::testing::Till;
namespace v1 = titan::entry::v1;

inline constexpr Now noon{MonoTime{}, WallTime{1317902400000}};  // 2011-10-06T12:00:00Z

// A journal in memory and its tables in a file.
class Shop {
 public:
  explicit Shop(std::uint64_t cloud_seed = 0)
      : store_(mesh::testing::open_in_memory(1, cloud_seed)), reader_(must(store_->open_reader())) {
    facts_ = {"london-1", "till-1", "GBP", {}};
    if (cloud_seed != 0) facts_.cloud_key = mesh::testing::key_of(cloud_seed).public_key;
    open();
  }

  void open() {
    projection_.reset();
    file_.reset();
    file_ = must(TablesFile::open(path(), tables_basis(facts_)));
    projection_ = std::make_unique<TablesProjection>(*reader_, mesh::testing::codec(),
                                                     file_->connection(), facts_);
  }
  void take(std::vector<EntryPointer> entries) {
    must(store_->commit(mesh::testing::request_of(std::move(entries))));
  }
  TablesProgress step(const TablesStep& limits = {}) {
    return must(projection_->step(noon.wall, limits));
  }
  void follow(const TablesStep& limits = {}) {
    while (true) {
      const TablesProgress progress = step(limits);
      REQUIRE(progress != TablesProgress::begin_again);
      if (progress == TablesProgress::complete) return;
    }
  }

  // Rows as a program would read them, columns separated by "|".
  std::vector<std::string> rows(const std::string& sql) {
    SQLite::Database reader(path(), SQLite::OPEN_READONLY);
    SQLite::Statement statement(reader, sql);
    std::vector<std::string> rows;
    while (statement.executeStep()) {
      std::string row;
      for (int i = 0; i < statement.getColumnCount(); ++i) {
        row += (i == 0 ? "" : "|") + statement.getColumn(i).getString();
      }
      rows.push_back(row);
    }
    return rows;
  }
  // All that other programs read.
  std::vector<std::string> everything() {
    std::vector<std::string> all;
    for (const char* table : {"config", "products", "sales", "sale_items", "payments",
                              "sync_outbox", "inventory_deltas", "sync_cursors"}) {
      all.push_back(table);
      for (auto& row : rows("SELECT * FROM " + std::string(table) + " ORDER BY 1, 2")) {
        all.push_back("  " + row);
      }
    }
    return all;
  }

  std::string path() const { return folder_.file(tables_file_name); }
  mesh::SqliteStore& store() { return *store_; }
  TablesFile& file() { return *file_; }

 private:
  TempFolder folder_;
  TablesFacts facts_;
  std::unique_ptr<mesh::SqliteStore> store_;
  std::unique_ptr<mesh::SqliteReader> reader_;
  std::unique_ptr<TablesFile> file_;
  std::unique_ptr<TablesProjection> projection_;
};

// Another entry under the same number, as a copied process would write it.
EntryPointer branch_of(const Till& till, const mesh::Entry& entry);
EntryPointer void_of(Till& till, const mesh::Entry& original);
EntryPointer history(Till& till, const std::string& origin, const std::string& id,
                     const std::string& move_in, std::int64_t total, bool was_voided = false);
EntryPointer withdrawal(Till& till, const std::string& move_in,
                        std::vector<crdt::StockEffect> effects = {});
EntryPointer training_sale(Till& till);

}  // namespace titan::pos::testing
