// The row of `stores`: where a store's watermark and feed stand. Locked by every transaction that
// adds entries, so that numbers of the feed and sequences of the watermark are given out once.
// Functions run inside the caller's transaction and throw like pqxx.
#pragma once

#include <optional>
#include <pqxx/pqxx>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "cloud/database/store_key.h"
#include "mesh/journal/journal_writer.h"

namespace titan::cloud {

struct StoreRow {
  std::uint64_t epoch = 0;
  Bytes epoch_random;
  std::uint64_t watermark_sequence = 0;
  mesh::JournalTail feed;  // number 0: not opened yet
  mesh::OpeningHash feed_opening;
  WallTime feed_time;
  std::uint64_t feed_clock = 0;
};

// What is told of a store without a row: not_found.
Error never_connected(const StoreKey& key);

// False if it was there already.
bool create_store_row(pqxx::transaction_base& transaction, const std::string& store,
                      BytesView epoch_random);
std::optional<StoreRow> read_store_row(pqxx::transaction_base& transaction,
                                       const std::string& store, bool lock);
// The feed orders behind a price or list that a store wrote, whatever clock it was written by.
void raise_feed_clock(pqxx::transaction_base& transaction, const std::string& store, StoreRow& row,
                      std::uint64_t seen);
void write_feed_position(pqxx::transaction_base& transaction, const std::string& store,
                         const StoreRow& row);
// The operator's reset: the next cloud epoch of the store begins. Its number is the time, in
// seconds since 1970, but never below the next number: a database that is restored to before a
// reset and reset again begins an epoch above the one that it lost, and terminals take its word.
// The watermark's sequence goes on, so that a place of the new epoch is above every one of the old
// by either part.
std::uint64_t begin_epoch(pqxx::transaction_base& transaction, const std::string& store,
                          BytesView epoch_random);
// The sequence after it.
std::uint64_t raise_watermark(pqxx::transaction_base& transaction, const std::string& store);

}  // namespace titan::cloud
