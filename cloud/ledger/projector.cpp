#include "cloud/ledger/projector.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "cloud/database/ask_database.h"
#include "cloud/ledger/folding.h"
#include "uplink/postgres/data_fault.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {

namespace {

constexpr std::size_t quarantine_retry_max = 1000;

// The greatest logical clock of what head office may have to overrule: prices, lists, settings,
// users. That of a sale orders nothing, so a till that only sold with its clock ahead moves nobody.
std::uint64_t clock_of_layers(const std::vector<std::shared_ptr<const mesh::Entry>>& entries) {
  std::uint64_t seen = 0;
  for (const auto& entry : entries) {
    if (!mesh::is_layered(entry->envelope.kind)) continue;
    seen = std::max(seen, entry->envelope.logical_clock);
  }
  // What no honest clock says is not taken in whole: the feed must never run out of numbers.
  constexpr std::uint64_t room = std::uint64_t{1} << 32;
  return std::min(seen, mesh::logical_clock_max - room);
}

void warn_of_quarantined(const LogRecord& record, const AppendOutcome& outcome) {
  for (const auto& entry : outcome.quarantined) {
    const auto& id = record.entries[entry.index]->envelope.id;
    spdlog::warn(
        "store {}: entry {} of journal {} is quarantined: {}; its stock effects count, "
        "its rows are missing until it can be read",
        record.store.text(), id.number, id.journal.hex(), entry.reason);
  }
}

}  // namespace

Projector::Projector(boost::asio::io_context& loop, const std::string& database_url,
                     const mesh::Codec& codec, const FeedWriter& feed, const StoreNews& news,
                     Projected on_projected)
    : loop_(loop), codec_(codec), feed_(feed), news_(news), on_projected_(std::move(on_projected)) {
  for (std::size_t i = 0; i < projector_workers; ++i) {
    workers_.push_back(
        std::make_unique<Worker>("projector " + std::to_string(i + 1), database_url));
  }
}

Projector::Worker& Projector::worker_of(const StoreKey& key) {
  const Hash hash = blake2b(key.text());
  return *workers_[hash.bytes[0] % workers_.size()];
}

Projector::StoreCache& Projector::cache_of(Worker& worker, const StoreKey& key) {
  const auto found = worker.stores.find(key);
  if (found != worker.stores.end()) return found->second;
  uplink::StoreProjector projector(key.store, device_of(feed_.public_key()));
  return worker.stores.emplace(key, StoreCache(std::move(projector))).first->second;
}

std::size_t Projector::queued() const {
  std::size_t sum = 0;
  for (const auto& worker : workers_) sum += worker->database.queued();
  return sum;
}

// Another process may have moved the store on meanwhile, or the database was restored and its lease
// reset: sequence and epoch tell.
StoreRow Projector::lock_store(pqxx::transaction_base& transaction, StoreCache& cache,
                               const StoreKey& key) {
  const auto row = read_store_row(transaction, key.store, true);
  if (!row) throw std::runtime_error("the store " + key.text() + " has no row in the database");
  if (row->watermark_sequence != cache.sequence || row->epoch_random != cache.epoch_random) {
    cache.projector.load(transaction);
    cache.sequence = row->watermark_sequence;
    cache.epoch_random = row->epoch_random;
  }
  return *row;
}

void Projector::commit(pqxx::work& transaction, StoreCache& cache, const StoreKey& key,
                       StoreRow row, bool changed) {
  if (changed) {
    row.watermark_sequence = raise_watermark(transaction, key.store);
    news_.tell(transaction, key);
  }
  cache.sequence = 0;  // whatever the commit's outcome is, it is read again unless it succeeds
  transaction.commit();
  cache.projector.committed();
  cache.sequence = row.watermark_sequence;
  if (!changed) return;
  cache.held.become(cache.projector.vector());
  boost::asio::post(loop_, [this, key, position = position_of(row, cache.projector, cache.held)] {
    on_projected_(key, position);
  });
}

// ---- what a store sent --------------------------------------------------------------------------

void Projector::project(LogRecord record, EntryLog::Done done) {
  Worker& worker = worker_of(record.store);
  const std::string tenant = record.store.tenant;
  ask_database<AppendOutcome>(
      loop_, worker.database, tenant,
      [this, &worker, record = std::move(record)](pqxx::connection& connection) {
        const AppendOutcome outcome = apply(connection, worker, record);
        warn_of_quarantined(record, outcome);
        return outcome;
      },
      std::move(done));
}

AppendOutcome Projector::apply(pqxx::connection& connection, Worker& worker,
                               const LogRecord& record) {
  try {
    return apply_together(connection, worker, record);
  } catch (const pqxx::sql_error& error) {
    if (!uplink::is_data_fault(error)) throw;
    return apply_one_by_one(connection, worker, record);
  }
}

AppendOutcome Projector::apply_together(pqxx::connection& connection, Worker& worker,
                                        const LogRecord& record) {
  AppendOutcome result;
  auto outcome = apply_in_transaction(connection, worker, record, {});
  for (auto& entry : outcome.quarantined) {
    result.quarantined.push_back({entry.index, std::move(entry.reason)});
  }
  return result;
}

// The tables did not take a body although it could be read: which one is found by trying each.
AppendOutcome Projector::apply_one_by_one(pqxx::connection& connection, Worker& worker,
                                          const LogRecord& record) {
  AppendOutcome result;
  for (std::size_t i = 0; i < record.entries.size(); ++i) {
    const LogRecord single{record.store, record.token, {record.entries[i]}, record.device_keys};
    const auto outcome = apply_with_or_without_body(connection, worker, single);
    if (!outcome.quarantined.empty()) {
      result.quarantined.push_back({i, outcome.quarantined.front().reason});
    }
  }
  return result;
}

uplink::ApplyOutcome Projector::apply_with_or_without_body(pqxx::connection& connection,
                                                           Worker& worker,
                                                           const LogRecord& single) {
  try {
    return apply_in_transaction(connection, worker, single, {});
  } catch (const pqxx::sql_error& error) {
    if (!uplink::is_data_fault(error)) throw;
    return apply_in_transaction(connection, worker, single, uplink::one_line(error.what()));
  }
}

uplink::ApplyOutcome Projector::apply_in_transaction(
    pqxx::connection& connection, Worker& worker, const LogRecord& record,
    const std::optional<std::string>& bodies_fail_by) {
  StoreCache& cache = cache_of(worker, record.store);
  try {
    pqxx::work transaction(connection);
    StoreRow row = lock_store(transaction, cache, record.store);
    raise_feed_clock(transaction, record.store.store, row, clock_of_layers(record.entries));
    auto outcome = cache.projector.apply(transaction, record.entries, record.device_keys,
                                         bodies_fail_by.has_value(), bodies_fail_by.value_or(""));
    commit(transaction, cache, record.store, row, outcome.new_entries > 0);
    return outcome;
  } catch (...) {
    cache.sequence = 0;
    throw;
  }
}

// ---- what head office sends ---------------------------------------------------------------------

void Projector::append_feed(const StoreKey& key, MakeFeedItems make, FeedDone done) {
  Worker& worker = worker_of(key);
  ask_database<std::uint64_t>(
      loop_, worker.database, key.tenant,
      [this, &worker, key, make = std::move(make)](pqxx::connection& connection) {
        return append_in_transaction(connection, worker, key, make);
      },
      std::move(done));
}

void Projector::fold(const StoreKey& key, std::optional<int> minute_of_day, FeedDone done) {
  append_feed(
      key,
      [this, store = key.store,
       minute_of_day](pqxx::transaction_base& transaction) -> Result<std::vector<FeedItem>> {
        if (minute_of_day && !is_fold_due(transaction, store, *minute_of_day)) {
          return std::vector<FeedItem>{};
        }
        return make_fold(transaction, store, codec_);
      },
      std::move(done));
}

Result<std::uint64_t> Projector::append_in_transaction(pqxx::connection& connection, Worker& worker,
                                                       const StoreKey& key,
                                                       const MakeFeedItems& make) {
  StoreCache& cache = cache_of(worker, key);
  try {
    pqxx::work transaction(connection);
    StoreRow row = lock_store(transaction, cache, key);
    const auto items = make(transaction);
    if (!items) return items.error();  // nothing was written; what the cache holds still stands
    const auto entries = feed_.append(transaction, key, row, *items);
    cache.projector.apply(transaction, entries, {});
    commit(transaction, cache, key, row, !entries.empty());
    return row.feed.number;
  } catch (...) {
    cache.sequence = 0;
    throw;
  }
}

void Projector::retry_quarantine(const StoreKey& key,
                                 std::function<void(Result<std::size_t>)> done) {
  Worker& worker = worker_of(key);
  ask_database<std::size_t>(
      loop_, worker.database, key.tenant,
      [this, &worker, key](pqxx::connection& connection) {
        StoreCache& cache = cache_of(worker, key);
        pqxx::work transaction(connection);
        lock_store(transaction, cache, key);
        const auto released =
            cache.projector.retry_quarantine(transaction, codec_, quarantine_retry_max);
        transaction.commit();
        return released;
      },
      std::move(done));
}

}  // namespace titan::cloud
