#include "cloud/ledger/folding.h"

#include "mesh/journal/idempotency.h"
#include "mesh/wire/fold.h"
#include "uplink/postgres/row_fields.h"
#include "uplink/postgres/sql_values.h"
#include "uplink/postgres/store_projector.h"

namespace titan::cloud {
namespace {

using uplink::id_from;
using uplink::sql_bytes;
using uplink::sql_text;
using uplink::unsigned_from;

// So many rows to a statement.
constexpr std::size_t rows_a_statement = 2000;

struct LastFold {
  std::uint64_t number = 0;
  Hash content_hash;
};

LastFold last_fold(pqxx::transaction_base& transaction, const std::string& store) {
  const auto rows =
      transaction.exec("SELECT number, content_hash FROM folds WHERE store = " + sql_text(store));
  if (rows.empty()) return {};
  return {unsigned_from(rows[0][0]), id_from<Hash>(rows[0][1])};
}

void put_journal(mesh::FoldContent& content, const pqxx::row& row) {
  const auto device = id_from<DeviceId>(row[1]);
  if (content.journals.empty() || content.journals.back().device != device) {
    content.journals.push_back({device, {}});
  }
  content.journals.back().journals.push_back(
      {id_from<JournalId>(row[0]),
       {uplink::intervals_from_text(row[2].as<std::string>()), uplink::content_from(row[3])}});
}

// ---- what is others since the last one ----------------------------------------------------------

pqxx::result changed_journals(pqxx::transaction_base& transaction, const std::string& store) {
  return transaction.exec(
      "SELECT s.journal, s.device, s.stored, s.content, coalesce(f.stored, '') FROM sync_state s "
      "LEFT JOIN fold_journals f USING (store, journal) WHERE s.store = " +
      sql_text(store) +
      " AND (f.journal IS NULL OR f.stored <> s.stored OR f.content <> s.content) ORDER BY "
      "s.device, s.journal");
}

// A fold is entries of the feed, too: of nothing else none is made.
bool are_folds_alone(pqxx::transaction_base& transaction, const std::string& store,
                     const pqxx::result& journals) {
  if (journals.empty()) return true;
  if (journals.size() > 1) return false;
  const auto told = uplink::intervals_from_text(journals[0][4].as<std::string>());
  const auto fresh = uplink::intervals_from_text(journals[0][2].as<std::string>()).minus(told);
  if (fresh.empty() || fresh.intervals().front().first <= told.top()) return false;
  return transaction
      .exec("SELECT 1 FROM entries WHERE store = " + sql_text(store) +
            " AND journal = " + sql_bytes(uplink::bytes_from(journals[0][0])) + " AND number > " +
            std::to_string(told.top()) + " AND kind NOT IN (16, 20) LIMIT 1")
      .empty();
}

// Those that are not requests: these are settled by the entries alone.
void read_claims(pqxx::transaction_base& transaction, const std::string& store,
                 const std::string& which, const mesh::Codec& codec, mesh::FoldContent& content) {
  const auto rows = transaction.exec(
      "SELECT c.claim, e.bytes FROM " + which +
      " JOIN claims c ON c.store = n.store AND c.claim = n.claim JOIN entries e ON e.store = "
      "c.store AND e.journal = c.journal AND e.number = c.number AND e.hash = c.hash WHERE "
      "n.store = " +
      sql_text(store));
  for (const auto& row : rows) {
    const auto entry = codec.decode_entry(uplink::bytes_from(row[1]));
    if (!entry || mesh::claims_its_request(entry->envelope) || mesh::is_beside_stock(*entry)) {
      continue;
    }
    content.claims[id_from<Hash>(row[0])] = {entry->hash, entry->envelope.stock_effects};
  }
}

// A winner changes only by an entry that has come since.
void read_new_claims(pqxx::transaction_base& transaction, const std::string& store,
                     const pqxx::result& journals, const mesh::Codec& codec,
                     mesh::FoldContent& content) {
  uplink::SqlRows ranges;
  std::size_t rows = 0;
  const auto read = [&] {
    if (ranges.empty()) return;
    const std::string newcomers =
        "(SELECT DISTINCT x.store, x.claim FROM (VALUES " + ranges.sql() +
        ") r(journal, first, last) JOIN entries x ON x.store = " + sql_text(store) +
        " AND x.journal = r.journal AND x.number BETWEEN r.first AND r.last WHERE x.claim IS NOT "
        "NULL AND x.kind NOT IN (1, 2, 18)) n";
    read_claims(transaction, store, newcomers, codec, content);
    ranges = {};
    rows = 0;
  };
  for (const auto& row : journals) {
    const auto now = uplink::intervals_from_text(row[2].as<std::string>());
    auto fresh = now.minus(uplink::intervals_from_text(row[4].as<std::string>()));
    // The same numbers with another content: a branch of a forked journal came.
    if (fresh.empty()) fresh = now;
    for (const auto& interval : fresh.intervals()) {
      ranges.begin_row().bytes(uplink::bytes_from(row[0]));
      ranges.raw(std::to_string(interval.first) + "::bigint");
      ranges.raw(std::to_string(interval.last) + "::bigint").end_row();
      if (++rows == rows_a_statement) read();
    }
  }
  read();
}

// Also the digest of all sums, of which those that did not change are not told.
std::uint64_t read_sums(pqxx::transaction_base& transaction, const std::string& store,
                        bool is_whole, mesh::FoldContent& content) {
  const auto rows = transaction.exec(
      "SELECT i.sku, i.added, i.removed, (i.added, i.removed) IS DISTINCT FROM (coalesce(f.added, "
      "0), coalesce(f.removed, 0)) FROM inventory i LEFT JOIN fold_stock f USING (store, sku) "
      "WHERE i.store = " +
      sql_text(store));
  std::uint64_t digest = 0;
  for (const auto& row : rows) {
    const crdt::StockSum sum{unsigned_from(row[1]), unsigned_from(row[2])};
    const auto product = row[0].as<std::string>();
    digest += crdt::product_digest(product, sum);
    const bool is_told = is_whole ? sum != crdt::StockSum{} : row[3].as<bool>();
    if (is_told) content.sums.emplace(product, sum);
  }
  return digest;
}

// ---- what the tables of folds say from here on --------------------------------------------------

void keep_journals(pqxx::transaction_base& transaction, const std::string& store) {
  transaction.exec(
      "INSERT INTO fold_journals (store, journal, device, stored, content) SELECT s.store, "
      "s.journal, s.device, s.stored, s.content FROM sync_state s LEFT JOIN fold_journals f USING "
      "(store, journal) WHERE s.store = " +
      sql_text(store) +
      " AND (f.journal IS NULL OR f.stored <> s.stored OR f.content <> s.content) ON CONFLICT "
      "(store, journal) DO UPDATE SET stored = excluded.stored, content = excluded.content");
}

void keep_sums(pqxx::transaction_base& transaction, const std::string& store) {
  transaction.exec(
      "INSERT INTO fold_stock (store, sku, added, removed) SELECT i.store, i.sku, i.added, "
      "i.removed FROM inventory i LEFT JOIN fold_stock f USING (store, sku) WHERE i.store = " +
      sql_text(store) +
      " AND (i.added, i.removed) IS DISTINCT FROM (coalesce(f.added, 0), coalesce(f.removed, 0)) "
      "ON CONFLICT (store, sku) DO UPDATE SET added = excluded.added, removed = "
      "excluded.removed");
}

void keep_claims(pqxx::transaction_base& transaction, const std::string& store,
                 const crdt::Stock::Claims& claims) {
  uplink::SqlRows rows;
  for (const auto& [claim, winner] : claims) {
    rows.begin_row().text(store).bytes(claim.view()).end_row();
  }
  if (rows.empty()) return;
  transaction.exec("INSERT INTO fold_claims (store, claim) VALUES " + rows.sql() +
                   " ON CONFLICT DO NOTHING");
}

std::uint64_t entries_covered(pqxx::transaction_base& transaction, const std::string& store) {
  return unsigned_from(
      transaction.exec1("SELECT coalesce(sum(entries), 0)::bigint FROM sync_state WHERE store = " +
                        sql_text(store))[0]);
}

mesh::FoldContent everything(pqxx::transaction_base& transaction, const std::string& store,
                             const mesh::Codec& codec) {
  mesh::FoldContent content;
  const auto journals = transaction.exec(
      "SELECT journal, device, stored, content FROM sync_state WHERE store = " + sql_text(store) +
      " ORDER BY device, journal");
  for (const auto& row : journals) put_journal(content, row);
  read_claims(transaction, store, "fold_claims n", codec, content);
  return content;
}

// When the time of day last came round.
std::string last_round(int minute_of_day) {
  const std::string today =
      "(date_trunc('day', now()) + interval '" + std::to_string(minute_of_day) + " minutes')";
  return "(CASE WHEN now() >= " + today + " THEN " + today + " ELSE " + today +
         " - interval '1 day' END)";
}

std::string due_stores(int minute_of_day) {
  return "SELECT s.store FROM stores s LEFT JOIN folds f USING (store) WHERE coalesce(f.made, "
         "s.created) < " +
         last_round(minute_of_day);
}

}  // namespace

Result<std::vector<FeedItem>> make_fold(pqxx::transaction_base& transaction,
                                        const std::string& store, const mesh::Codec& codec) {
  const LastFold last = last_fold(transaction, store);
  const bool is_whole = last.number % folds_per_whole == 0;
  mesh::Fold fold;
  fold.number = last.number + 1;
  fold.base = is_whole ? 0 : last.number;
  fold.base_hash = last.content_hash;
  fold.entries = entries_covered(transaction, store);

  mesh::FoldContent content;
  const auto journals = changed_journals(transaction, store);
  if (are_folds_alone(transaction, store, journals)) return std::vector<FeedItem>{};
  for (const auto& row : journals) put_journal(content, row);
  read_new_claims(transaction, store, journals, codec, content);
  keep_claims(transaction, store, content.claims);
  if (is_whole) content = everything(transaction, store, codec);
  fold.stock_digest = read_sums(transaction, store, is_whole, content);
  keep_journals(transaction, store);
  keep_sums(transaction, store);

  auto unit = mesh::make_fold_unit(fold, content);
  if (!unit) return unit.error();
  const auto head = mesh::parse_fold(unit->head);
  if (!head) return make_error(ErrorCode::too_large, "the fold is beyond what a till takes");
  transaction.exec("INSERT INTO folds (store, number, content_hash, entries) VALUES (" +
                   sql_text(store) + ", " + std::to_string(fold.number) + ", " +
                   sql_bytes(head->content.hash.view()) + ", " + std::to_string(fold.entries) +
                   ") ON CONFLICT (store) DO UPDATE SET number = excluded.number, content_hash = "
                   "excluded.content_hash, entries = excluded.entries, made = excluded.made");
  std::vector<FeedItem> items;
  for (Bytes& part : unit->parts) {
    items.push_back({mesh::Kind::product_list_part, std::move(part)});
  }
  items.push_back({mesh::Kind::fold, std::move(unit->head)});
  return items;
}

bool is_fold_due(pqxx::transaction_base& transaction, const std::string& store, int minute_of_day) {
  return !transaction.exec(due_stores(minute_of_day) + " AND s.store = " + sql_text(store)).empty();
}

std::vector<std::string> stores_due(pqxx::transaction_base& transaction, int minute_of_day) {
  std::vector<std::string> stores;
  for (const auto& row : transaction.exec(due_stores(minute_of_day) + " ORDER BY s.store")) {
    stores.push_back(row[0].as<std::string>());
  }
  return stores;
}

}  // namespace titan::cloud
