#include "mesh/sqlite/journal/fold_adoption.h"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/file/blobs.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/fold_tables.h"

namespace titan::mesh {
namespace {

// ---- which fold ---------------------------------------------------------------------------------

bool contains_present(Connection& connection, const FoldContent& whole) {
  std::int64_t known = 0;
  for (const auto& [device, journals] : whole.journals) {
    for (const auto& [journal, item] : journals) {
      const crdt::VectorItem before = read_covered(connection, journal);
      if (!item.stored.contains(before.stored)) return false;
      known += before.stored.empty() ? 0 : 1;
    }
  }
  return known == connection.single_number("SELECT count(*) FROM fold_covered");
}

// The folds that lead from the present one to the newest that can be reached, in their order; one
// that tells everything makes those before it needless.
std::vector<WaitingFold> way_to_newest(Connection& connection, const Codec& codec) {
  PresentFold at = read_present_fold(connection);
  std::vector<std::int64_t> waiting;
  {
    Use use = connection.use(
        "SELECT position FROM folds WHERE state = 0 AND number > ? ORDER BY number, position");
    use.number(1, at.number);
    while (use.step()) waiting.push_back(use.integer_at(0));
  }
  std::vector<WaitingFold> way;
  for (const std::int64_t position : waiting) {
    auto fold = read_waiting(connection, codec, position);
    if (!fold || !fold->content || fold->fold.number <= at.number) continue;
    const bool is_whole = fold->fold.base == 0;
    const bool follows =
        is_whole ? contains_present(connection, *fold->content)
                 : fold->fold.base == at.number && fold->fold.base_hash == at.content_hash;
    if (!follows) continue;
    if (is_whole) way.clear();
    at.number = fold->fold.number;
    at.content_hash = fold->fold.content.hash;
    way.push_back(std::move(*fold));
  }
  return way;
}

// ---- what it says, and what is above it ---------------------------------------------------------

void take(Connection& connection, const WaitingFold& waiting) {
  const FoldContent& content = *waiting.content;
  if (waiting.fold.base == 0) {
    connection.execute("DELETE FROM fold_covered; DELETE FROM fold_stock; DELETE FROM fold_claims");
  }
  for (const auto& [device, journals] : content.journals) {
    for (const JournalItem& journal : journals) keep_covered(connection, device, journal);
  }
  for (const auto& [product, sum] : content.sums) keep_fold_sum(connection, product, sum);
  for (const auto& [claim, winner] : content.claims) keep_fold_claim(connection, claim, winner);
  set_fate(connection, waiting.position, FoldFate::adopted);
}

struct Above {
  std::int64_t ref = 0;  // of journals
  crdt::IntervalSet numbers;
};

// Of what is summed up here: the numbers that the fold does not cover.
std::vector<Above> read_above(Connection& connection) {
  std::vector<Above> above;
  Use use = connection.use(
      "SELECT f.journal, f.intervals, c.intervals FROM folded_journals f JOIN journals j ON j.ref "
      "= f.journal LEFT JOIN fold_covered c ON c.journal = j.journal");
  while (use.step()) {
    auto numbers = intervals_of(use.view_at(1));
    if (!use.is_null_at(2)) numbers = numbers.minus(intervals_of(use.view_at(2)));
    if (!numbers.empty()) above.push_back({use.integer_at(0), std::move(numbers)});
  }
  return above;
}

using Found = std::pair<std::int64_t, Entry>;  // with its position

void read_entries(Connection& connection, const Codec& codec, const Above& above,
                  std::vector<Found>& found) {
  for (const crdt::Interval& interval : above.numbers.intervals()) {
    Use use = connection.use(
        "SELECT position, bytes FROM entries WHERE journal = ? AND number BETWEEN ? AND ?");
    use.integer(1, above.ref).number(2, interval.first).number(3, interval.last);
    while (use.step()) {
      auto entry = codec.decode_entry(use.view_at(1));
      if (!entry) throw SQLite::Exception("an entry above a fold is damaged", SQLITE_CORRUPT);
      found.emplace_back(use.integer_at(0), std::move(*entry));
    }
  }
}

crdt::Stock stock_of_fold(Connection& connection) {
  crdt::Stock::Sums sums;
  crdt::Stock::Claims claims;
  {
    Use use = connection.use("SELECT product, added, removed FROM fold_stock ORDER BY product");
    while (use.step()) {
      sums.emplace_hint(sums.end(), use.bytes_at(0),
                        crdt::StockSum{use.number_at(1), use.number_at(2)});
    }
  }
  Use use = connection.use("SELECT claim, entry_hash, effects FROM fold_claims ORDER BY claim");
  while (use.step()) {
    claims.emplace_hint(
        claims.end(), use.id_at<Hash>(0).value_or(Hash{}),
        crdt::ClaimWinner{use.id_at<Hash>(1).value_or(Hash{}), effects_of(use.view_at(2))});
  }
  return crdt::Stock(std::move(sums), std::move(claims));
}

// ---- what is summed up here from then on --------------------------------------------------------

void write_vector(Connection& connection, const std::vector<Found>& above) {
  connection.execute(
      "INSERT OR IGNORE INTO journals(journal, device) SELECT journal, device FROM fold_covered;"
      "DELETE FROM folded_journals;"
      "INSERT INTO folded_journals(journal, intervals, content) SELECT j.ref, c.intervals, "
      "c.content FROM fold_covered c JOIN journals j ON j.journal = c.journal");
  std::map<JournalId, crdt::VectorItem> items;
  for (const auto& [position, entry] : above) {
    const EntryId& id = entry.envelope.id;
    const auto [item, is_first] = items.try_emplace(id.journal);
    if (is_first) item->second = read_covered(connection, id.journal);
    item->second.stored.add(id.number);
    item->second.content.add(crdt::ContentSum::of(entry.hash));
  }
  for (const auto& [journal, item] : items) {
    const Bytes intervals = bytes_of(item.stored);
    const Bytes content = bytes_of(item.content);
    Use use = connection.use(
        "INSERT OR REPLACE INTO folded_journals(journal, intervals, content) SELECT ref, ?2, ?3 "
        "FROM journals WHERE journal = ?1");
    use.blob(1, journal.view()).blob(2, intervals).blob(3, content).run();
  }
}

void write_stock(Connection& connection, const crdt::Stock& stock) {
  connection.execute("DELETE FROM folded_stock; DELETE FROM folded_claims");
  for (const auto& [product, sum] : stock.sums()) {
    Use use = connection.use("INSERT INTO folded_stock(product, added, removed) VALUES(?, ?, ?)");
    use.text(1, product).number(2, sum.added).number(3, sum.removed).run();
  }
  for (const auto& [claim, winner] : stock.claims()) {
    const Bytes effects = bytes_of(winner.effects);
    Use use =
        connection.use("INSERT INTO folded_claims(claim, entry_hash, effects) VALUES(?, ?, ?)");
    use.blob(1, claim.view()).blob(2, winner.entry_hash.view()).blob(3, effects).run();
  }
}

}  // namespace

Result<bool> adopt_newest_fold(Connection& connection, const Codec& codec) {
  return connection.guarded("adopting a fold", [&]() -> Result<bool> {
    SQLite::Transaction transaction(connection.database(), SQLite::TransactionBehavior::IMMEDIATE);
    const std::vector<WaitingFold> way = way_to_newest(connection, codec);
    if (way.empty()) return false;
    for (const WaitingFold& fold : way) take(connection, fold);
    std::vector<Found> above;
    for (const Above& journal : read_above(connection)) {
      read_entries(connection, codec, journal, above);
    }
    std::sort(above.begin(), above.end(),
              [](const Found& a, const Found& b) { return a.first < b.first; });
    crdt::Stock stock = stock_of_fold(connection);
    for (const auto& [position, entry] : above) {
      apply_to(stock, entry);
      if (auto older = oldest_of_request(connection, codec, entry, position)) {
        stock.contest(entry.envelope.claim, *older, {entry.hash, entry.envelope.stock_effects});
      }
    }
    write_vector(connection, above);
    write_stock(connection, stock);
    connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES('lacks_history', '1')");
    transaction.commit();
    return true;
  });
}

}  // namespace titan::mesh
