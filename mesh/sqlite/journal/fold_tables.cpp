#include "mesh/sqlite/journal/fold_tables.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include "mesh/sqlite/file/blobs.h"

namespace titan::mesh {
namespace {

std::optional<Entry> read_entry(Connection& connection, const Codec& codec, std::int64_t position) {
  Use use = connection.use("SELECT bytes FROM entries WHERE position = ?");
  use.integer(1, position);
  if (!use.step()) return std::nullopt;
  auto entry = codec.decode_entry(use.view_at(0));
  return entry ? std::optional(std::move(*entry)) : std::nullopt;
}

// The positions of all parts of the content, in order; nothing while one is missing.
std::optional<std::vector<std::int64_t>> read_parts(Connection& connection,
                                                    const JournalId& journal,
                                                    const ListHead& content) {
  Use use = connection.use(
      "SELECT position FROM product_list_parts WHERE journal = ? AND list = ? AND part < ? ORDER "
      "BY part");
  use.blob(1, journal.view()).blob(2, content.list.view()).integer(3, content.parts);
  std::vector<std::int64_t> parts;
  while (use.step()) parts.push_back(use.integer_at(0));
  return parts.size() == content.parts ? std::optional(std::move(parts)) : std::nullopt;
}

Result<FoldContent> read_content(Connection& connection, const Codec& codec, const Fold& fold,
                                 const std::vector<std::int64_t>& parts) {
  std::vector<Bytes> data;
  for (const std::int64_t position : parts) {
    const auto entry = read_entry(connection, codec, position);
    const auto part = entry ? parse_list_part(entry->envelope.body) : std::nullopt;
    if (!part) return make_error(ErrorCode::corrupt, "a part of the fold cannot be read");
    data.emplace_back(part->data);
  }
  const auto content = join_list(fold.content, data);
  if (!content) return content.error();
  return parse_fold_content(*content);
}

}  // namespace

PresentFold read_present_fold(Connection& connection) {
  Use use = connection.use(
      "SELECT number, content_hash, stock_digest, entries, state FROM folds WHERE state > 0 ORDER "
      "BY number DESC "
      "LIMIT 1");
  if (!use.step()) return {};
  return {use.number_at(0), use.id_at<Hash>(1).value_or(Hash{}), use.number_at(2), use.number_at(3),
          static_cast<FoldFate>(use.integer_at(4))};
}

crdt::VectorItem read_covered(Connection& connection, const JournalId& journal) {
  Use use = connection.use("SELECT intervals, content FROM fold_covered WHERE journal = ?");
  use.blob(1, journal.view());
  if (!use.step()) return {};
  return {intervals_of(use.view_at(0)), content_of(use.view_at(1))};
}

crdt::StockSum read_fold_sum(Connection& connection, const std::string& product) {
  Use use = connection.use("SELECT added, removed FROM fold_stock WHERE product = ?");
  use.text(1, product);
  return use.step() ? crdt::StockSum{use.number_at(0), use.number_at(1)} : crdt::StockSum{};
}

std::optional<crdt::ClaimWinner> read_fold_claim(Connection& connection, const Hash& claim) {
  Use use = connection.use("SELECT entry_hash, effects FROM fold_claims WHERE claim = ?");
  use.blob(1, claim.view());
  if (!use.step()) return std::nullopt;
  return crdt::ClaimWinner{use.id_at<Hash>(0).value_or(Hash{}), effects_of(use.view_at(1))};
}

void set_fate(Connection& connection, std::int64_t position, FoldFate fate) {
  Use use = connection.use("UPDATE folds SET state = ? WHERE position = ?");
  use.integer(1, static_cast<std::int64_t>(fate)).integer(2, position).run();
}

void keep_fold_sum(Connection& connection, const std::string& product, const crdt::StockSum& sum) {
  if (sum == crdt::StockSum{}) {
    Use use = connection.use("DELETE FROM fold_stock WHERE product = ?");
    use.text(1, product).run();
    return;
  }
  Use use =
      connection.use("INSERT OR REPLACE INTO fold_stock(product, added, removed) VALUES(?, ?, ?)");
  use.text(1, product).number(2, sum.added).number(3, sum.removed).run();
}

void keep_covered(Connection& connection, const DeviceId& device, const JournalItem& journal) {
  const Bytes intervals = bytes_of(journal.item.stored);
  const Bytes content = bytes_of(journal.item.content);
  Use use = connection.use(
      "INSERT OR REPLACE INTO fold_covered(journal, device, intervals, content) VALUES(?, ?, ?, "
      "?)");
  use.blob(1, journal.journal.view())
      .blob(2, device.view())
      .blob(3, intervals)
      .blob(4, content)
      .run();
}

void keep_fold_claim(Connection& connection, const Hash& claim, const crdt::ClaimWinner& winner) {
  const Bytes effects = bytes_of(winner.effects);
  Use use = connection.use(
      "INSERT OR REPLACE INTO fold_claims(claim, entry_hash, effects) VALUES(?, ?, ?)");
  use.blob(1, claim.view()).blob(2, winner.entry_hash.view()).blob(3, effects).run();
}

std::optional<WaitingFold> read_waiting(Connection& connection, const Codec& codec,
                                        std::int64_t position) {
  const auto entry = read_entry(connection, codec, position);
  const auto fold = entry ? parse_fold(entry->envelope.body) : std::nullopt;
  if (!fold) throw SQLite::Exception("a fold is damaged", SQLITE_CORRUPT);
  const auto parts = read_parts(connection, entry->envelope.id.journal, fold->content);
  if (!parts) return std::nullopt;
  return WaitingFold{position, *fold, read_content(connection, codec, *fold, *parts)};
}

}  // namespace titan::mesh
