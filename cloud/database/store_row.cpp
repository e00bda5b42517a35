#include "cloud/database/store_row.h"

#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

using uplink::sql_bytes;
using uplink::sql_text;

Error never_connected(const StoreKey& key) {
  return make_error(ErrorCode::not_found, "no store '" + key.store + "' of tenant '" + key.tenant +
                                              "' has ever connected");
}

bool create_store_row(pqxx::transaction_base& transaction, const std::string& store,
                      BytesView epoch_random) {
  const auto created = transaction.exec(
      "INSERT INTO stores (store, epoch, epoch_random, watermark_sequence, feed_journal, "
      "feed_number, feed_hash, feed_utc_ms, feed_clock) VALUES (" +
      sql_text(store) + ", 1, " + sql_bytes(epoch_random) +
      ", 1, '', 0, '', 0, 0) ON CONFLICT (store) DO NOTHING");
  return created.affected_rows() == 1;
}

std::optional<StoreRow> read_store_row(pqxx::transaction_base& transaction,
                                       const std::string& store, bool lock) {
  const auto rows = transaction.exec(
      "SELECT epoch, epoch_random, watermark_sequence, feed_journal, feed_number, feed_hash, "
      "feed_utc_ms, feed_clock, feed_opening FROM stores WHERE store = " +
      sql_text(store) + (lock ? " FOR UPDATE" : ""));
  if (rows.empty()) return std::nullopt;
  const auto& found = rows[0];
  StoreRow row;
  row.epoch = found[0].as<std::uint64_t>();
  row.epoch_random = pqxx::binarystring(found[1]).str();
  row.watermark_sequence = found[2].as<std::uint64_t>();
  row.feed.journal =
      JournalId::from_bytes(pqxx::binarystring(found[3]).str()).value_or(JournalId{});
  row.feed.number = found[4].as<std::uint64_t>();
  row.feed.hash = Hash::from_bytes(pqxx::binarystring(found[5]).str()).value_or(Hash{});
  row.feed_time.utc_ms = found[6].as<std::int64_t>();
  row.feed_clock = found[7].as<std::uint64_t>();
  row.feed_opening = mesh::OpeningHash::from_bytes(pqxx::binarystring(found[8]).str())
                         .value_or(mesh::OpeningHash{});
  return row;
}

void write_feed_position(pqxx::transaction_base& transaction, const std::string& store,
                         const StoreRow& row) {
  transaction.exec("UPDATE stores SET feed_journal = " + sql_bytes(row.feed.journal.view()) +
                   ", feed_number = " + std::to_string(row.feed.number) +
                   ", feed_hash = " + sql_bytes(row.feed.hash.view()) +
                   ", feed_opening = " + sql_bytes(row.feed_opening.view()) +
                   ", feed_utc_ms = " + std::to_string(row.feed_time.utc_ms) + ", feed_clock = " +
                   std::to_string(row.feed_clock) + " WHERE store = " + sql_text(store));
}

void raise_feed_clock(pqxx::transaction_base& transaction, const std::string& store, StoreRow& row,
                      std::uint64_t seen) {
  if (seen <= row.feed_clock) return;
  row.feed_clock = seen;
  transaction.exec("UPDATE stores SET feed_clock = greatest(feed_clock, " + std::to_string(seen) +
                   ") WHERE store = " + sql_text(store));
}

std::uint64_t begin_epoch(pqxx::transaction_base& transaction, const std::string& store,
                          BytesView epoch_random) {
  return transaction
      .exec1(
          "UPDATE stores SET epoch = greatest(epoch + 1, floor(extract(epoch FROM "
          "clock_timestamp()))::bigint), epoch_random = " +
          sql_bytes(epoch_random) + ", watermark_sequence = watermark_sequence + 1 WHERE store = " +
          sql_text(store) + " RETURNING epoch")[0]
      .as<std::uint64_t>();
}

std::uint64_t raise_watermark(pqxx::transaction_base& transaction, const std::string& store) {
  return transaction
      .exec1("UPDATE stores SET watermark_sequence = watermark_sequence + 1 WHERE store = " +
             sql_text(store) + " RETURNING watermark_sequence")[0]
      .as<std::uint64_t>();
}

}  // namespace titan::cloud
