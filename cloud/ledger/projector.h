// Turns what stores sent into rows, and head office's changes into feed entries.
//
// Every store belongs to one of a few workers, by its name, so the work of one store stays in order
// and a store with much work delays only what stands behind it in its worker's queue; a store can
// queue no more than its upload window. One transaction per record: entries, rows, cursors, claims
// and the watermark's sequence together, exactly once in effect.
//
// Public functions are called on the loop; answers and on_projected are posted to it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/database/database_worker.h"
#include "cloud/database/store_news.h"
#include "cloud/feed/feed.h"
#include "cloud/ledger/entry_log.h"
#include "cloud/ledger/store_position.h"
#include "crdt/rooted_vector.h"
#include "mesh/entry/codec.h"
#include "uplink/postgres/store_projector.h"

namespace titan::cloud {

// Records waiting per worker; beyond that stores are told to try again later.
inline constexpr std::size_t projector_queue_max = 20'000;
inline constexpr std::size_t projector_workers = 2;

class Projector {
 public:
  using Projected = std::function<void(const StoreKey&, const StorePosition&)>;
  using FeedDone = std::function<void(Result<std::uint64_t>)>;  // the newest feed number

  Projector(boost::asio::io_context& loop, const std::string& database_url,
            const mesh::Codec& codec, const FeedWriter& feed, const StoreNews& news,
            Projected on_projected);

  void project(LogRecord record, EntryLog::Done done);
  // `make` is called in the transaction that the items are appended in.
  using MakeFeedItems = std::function<Result<std::vector<FeedItem>>(pqxx::transaction_base&)>;
  void append_feed(const StoreKey& key, MakeFeedItems make, FeedDone done);
  // Folds what the cloud holds of the store by then. With `minute_of_day` (UTC) only if none was
  // made since the day last came to it.
  void fold(const StoreKey& key, std::optional<int> minute_of_day, FeedDone done);
  // Tries the quarantined bodies of a store again; answers how many could be projected.
  void retry_quarantine(const StoreKey& key, std::function<void(Result<std::size_t>)> done);
  std::size_t queued() const;

 private:
  // What a worker's thread remembers of a store, between transactions, so as not to load a vector
  // for each. It counts only while the store's row, once locked, has the same sequence of the same
  // epoch of one database.
  struct StoreCache {
    explicit StoreCache(uplink::StoreProjector p) : projector(std::move(p)) {}
    uplink::StoreProjector projector;
    // The projector's vector as of the last commit that changed it: the next one hashes only what
    // differs. Told to nobody before it has become the committed one, so it needs no reload after a
    // failure.
    crdt::RootedVector held;
    // Of the row that `projector` was loaded from or committed with. 0, which no row has: not
    // loaded, or a transaction failed on the way; then it is loaded again.
    std::uint64_t sequence = 0;
    Bytes epoch_random;
  };
  struct Worker {
    Worker(const std::string& name, const std::string& url)
        : database(name, url, projector_queue_max) {}
    std::map<StoreKey, StoreCache> stores;  // of the worker's thread; grows with stores ever seen
    DatabaseWorker database;                // last: its thread ends before what it uses
  };

  // Always the same one for a store: its records stay in order.
  Worker& worker_of(const StoreKey& key);

  // On the worker's thread; durable when they return. Where one throws, some of the record may be
  // in the database: sent again it changes nothing. A record whose bodies the tables do not take is
  // applied entry by entry, and the bodies at fault are quarantined.
  AppendOutcome apply(pqxx::connection& connection, Worker& worker, const LogRecord& record);
  AppendOutcome apply_together(pqxx::connection& connection, Worker& worker,
                               const LogRecord& record);
  AppendOutcome apply_one_by_one(pqxx::connection& connection, Worker& worker,
                                 const LogRecord& record);
  uplink::ApplyOutcome apply_with_or_without_body(pqxx::connection& connection, Worker& worker,
                                                  const LogRecord& single);
  // `bodies_fail_by`: nothing but the envelopes is taken, and all bodies are quarantined for it.
  uplink::ApplyOutcome apply_in_transaction(pqxx::connection& connection, Worker& worker,
                                            const LogRecord& record,
                                            const std::optional<std::string>& bodies_fail_by);
  Result<std::uint64_t> append_in_transaction(pqxx::connection& connection, Worker& worker,
                                              const StoreKey& key, const MakeFeedItems& make);

  // A transaction begins with the first two; one that may move the store ends with commit().
  StoreCache& cache_of(Worker& worker, const StoreKey& key);
  StoreRow lock_store(pqxx::transaction_base& transaction, StoreCache& cache, const StoreKey& key);
  void commit(pqxx::work& transaction, StoreCache& cache, const StoreKey& key, StoreRow row,
              bool changed);

  boost::asio::io_context& loop_;
  const mesh::Codec& codec_;
  const FeedWriter& feed_;
  const StoreNews& news_;         // told in each transaction that moves a watermark
  const Projected on_projected_;  // posted to the loop, before the answer of what moved the store
  std::vector<std::unique_ptr<Worker>> workers_;  // projector_workers of them, never fewer or more
};

// The embedded entry log: appending is projecting.
class InProcessEntryLog final : public EntryLog {
 public:
  explicit InProcessEntryLog(Projector& projector) : projector_(projector) {}
  void append(LogRecord record, Done done) override {
    projector_.project(std::move(record), std::move(done));
  }

 private:
  Projector& projector_;
};

}  // namespace titan::cloud
