// The slow read of the whole file, slice by slice. SQLite's pages have no checksums: an entry's
// hash shows a changed bit in its row, a look-up by each index that the index still leads to it.
#include <sqlite3.h>

#include <string>

#include "base/crypto.h"
#include "mesh/sqlite/journal/sqlite_reader.h"

namespace titan::mesh {
namespace {

constexpr const char* small_tables[] = {
    "meta",          "journals", "devices",        "promise",         "watermark",
    "held_by_cloud", "members",  "folded",         "folded_journals", "folded_stock",
    "folded_claims", "own_keys", "own_duplicates", "layers",          "products",
    "product_gtins", "folds",    "fold_covered",   "fold_stock",      "fold_claims",
    "fold_steps",    "history"};

}  // namespace

Result<std::optional<std::int64_t>> SqliteReader::check_some(std::int64_t position,
                                                             std::uint64_t bytes_max) {
  using Next = std::optional<std::int64_t>;
  return connection_->guarded("checking it", [&]() -> Result<Next> {
    std::vector<std::pair<std::int64_t, Bytes>> read;
    {
      Use use = connection_->use(
          "SELECT position, hash, bytes FROM entries WHERE position > ? ORDER BY position");
      use.integer(1, position);
      std::uint64_t bytes = 0;
      while (bytes < bytes_max && use.step()) {
        bytes += use.view_at(2).size();
        read.emplace_back(use.integer_at(0), use.bytes_at(1));
        if (blake2b(use.view_at(2)).view() != read.back().second) {
          return connection_->damage("an entry does not have the hash it was stored under");
        }
      }
    }
    if (read.empty()) {
      if (const Status checked = check_small_tables(); !checked) return checked.error();
      return Next{};
    }
    for (const auto& [at, hash] : read) {
      if (const Status checked = check_entry(at, hash); !checked) return checked.error();
    }
    return Next{read.back().first};
  });
}

Status SqliteReader::check_entry(std::int64_t position, const Bytes& hash) {
  bool is_found = false;
  {
    Use use = connection_->use(
        "SELECT i.position FROM entries e JOIN entries i INDEXED BY entries_identity ON i.journal "
        "= e.journal AND i.number = e.number AND i.hash = e.hash WHERE e.position = ? AND e.hash = "
        "?");
    use.integer(1, position).blob(2, hash);
    is_found = use.step() && use.integer_at(0) == position;
  }
  if (!is_found) return connection_->damage("an entry is missing in its index");
  Use use = connection_->use(
      "SELECT e.receipt_number IS NULL OR EXISTS (SELECT 1 FROM entries r INDEXED BY "
      "entries_receipt WHERE r.receipt_number = e.receipt_number AND r.position = e.position) FROM "
      "entries e WHERE e.position = ?");
  use.integer(1, position);
  if (use.step() && use.integer_at(0) != 0) return {};
  return connection_->damage("a receipt is missing in its index");
}

Status SqliteReader::check_small_tables() {
  for (const char* table : small_tables) {
    SQLite::Statement check(connection_->database(),
                            "PRAGMA quick_check('" + std::string(table) + "')");
    while (check.executeStep()) {
      const std::string answer = check.getColumn(0).getString();
      if (answer != "ok") return connection_->damage(answer);
    }
  }
  return {};
}

}  // namespace titan::mesh
