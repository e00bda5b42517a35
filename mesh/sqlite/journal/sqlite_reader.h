// Read-only queries on a journal store, for a thread other than its writer.
//
// One reader belongs to one thread. It sees what was committed before the call. Every list is
// bounded by an argument or a named limit. In memory a reader shares its store's connection and
// must be used by its store's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crdt/interval_set.h"
#include "mesh/entry/entry.h"
#include "mesh/journal/stored_state.h"
#include "mesh/messages.h"
#include "mesh/sqlite/file/connection.h"
#include "mesh/sqlite/products/products.h"
#include "mesh/wire/move_in.h"

namespace titan::mesh {

inline constexpr std::size_t read_entries_max = 10'000;  // of one call
inline constexpr int reader_cache_kilobytes = 1024;

struct StoredEntry {
  std::int64_t position = 0;  // order of arrival on this disk
  EntryId id;
  Hash hash;
  Bytes bytes;
};

struct StoredJournal {
  JournalId journal;
  DeviceId device;
  std::string terminal;  // empty until the journal's first entry is here
};

struct EntryQuery {
  JournalId journal;
  crdt::IntervalSet numbers;
  std::vector<Hash> hashes;     // entries of the journal to be read beside those of `numbers`
  std::uint64_t bytes_max = 0;  // the first entry is read whatever its size
  bool newest_first = false;    // where to begin; the answer ascends in any case
  bool state_only = false;      // of the numbers only products, settings and users
};

struct ProductLayers {
  std::optional<Bytes> feed;            // serialised titan.entry.v1.Product
  std::optional<Bytes> override_value;  // also when the feed has cleared it
  std::optional<StoredProduct> effective;
};

class SqliteReader {
 public:
  static Result<std::unique_ptr<SqliteReader>> open(const std::string& path);
  explicit SqliteReader(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)), products_(*connection_) {}

  // -- entries
  Result<std::vector<Bytes>> read_entries(const EntryQuery& query);
  // Of every branch of the numbers from `first` to `last`.
  Result<std::vector<std::pair<std::uint64_t, Hash>>> hash_list(
      const JournalId& journal, std::uint64_t first = 1, std::uint64_t last = entry_number_max);
  Result<std::vector<StoredEntry>> find_entry(const EntryId& id);  // every branch, by hash
  Result<std::vector<StoredEntry>> journal_entries(const JournalId& journal, std::uint64_t from,
                                                   std::size_t limit);
  // In the order of arrival; at least one if there is one, at most `bytes_max` beyond it.
  Result<std::vector<StoredEntry>> entries_after(std::int64_t position, std::size_t limit,
                                                 std::uint64_t bytes_max);
  // Several where a restored disk used a number again: told apart by the series, the journal.
  Result<std::vector<StoredEntry>> find_by_receipt(const std::string& terminal,
                                                   std::uint64_t number);
  // What this device recorded under the key, within the horizon (own_keys.h).
  Result<std::optional<IdempotencyRecord>> find_key(const std::string& idempotency_key);
  // All that claim the same, by hash: the first is the one that moves stock.
  Result<std::vector<StoredEntry>> entries_with_claim(const Hash& claim);
  // Entries of `kind` (REFUND or VOID) that name `original`, in the order of arrival.
  Result<std::vector<StoredEntry>> entries_about(const EntryId& original, Kind kind);
  // -- what was moved in from a former system (docs/V01.md)
  // In the order of arrival behind `after_position`: its HISTORY, OPENING_STOCK or withdrawals.
  Result<std::vector<StoredEntry>> entries_of_move_in(const MoveInId& move_in, Kind kind,
                                                      std::int64_t after_position,
                                                      std::size_t limit);
  Result<std::uint64_t> count_of_move_in(const MoveInId& move_in, Kind kind);
  // Of each journal the first of its sales and stocks.
  Result<std::vector<StoredEntry>> firsts_of_move_in(const MoveInId& move_in);
  // Sales of the former system that were printed under this receipt there.
  Result<std::vector<StoredEntry>> find_by_former_receipt(const std::string& receipt);
  // Of each journal of the device the newest SALE or REFUND.
  Result<std::vector<StoredEntry>> newest_sales_of(const DeviceId& device);
  // The first refund of a sale that the move-in brought, from whichever terminal.
  Result<std::optional<StoredEntry>> refund_of_move_in(const MoveInId& move_in);

  // Sales, refunds, voids and history, in the order of arrival behind `after_position`.
  Result<std::vector<StoredEntry>> sales_of(std::uint32_t business_date,
                                            std::int64_t after_position, std::size_t limit);
  Result<std::vector<StoredJournal>> journals();
  Result<std::int64_t> newest_position();
  // The slow read of the whole file, which finds damage before somebody needs what is damaged:
  // reads entries behind `position` (about `bytes_max` bytes, at least one), holds them against
  // their hashes and looks them up in their indexes. Answers where to go on; none: all were read,
  // and the small tables too.
  Result<std::optional<std::int64_t>> check_some(std::int64_t position, std::uint64_t bytes_max);
  Result<std::uint64_t> entry_count();
  // What the cloud holds, as it was stored last: the statement, and of one journal which numbers.
  Result<std::optional<Watermark>> watermark();
  Result<crdt::IntervalSet> held_by_cloud(const JournalId& journal);

  // -- products, settings, users
  Result<std::optional<StoredProduct>> product(const std::string& sku);
  Result<std::vector<StoredProduct>> products_by_gtin(std::string_view code);
  Result<ProductPage> search_products(std::string_view text, std::size_t limit,
                                      const std::string& after = {});
  Result<ProductPage> list_products(std::size_t limit, const std::string& after = {});
  Result<std::uint64_t> product_count();
  // Of the products that have a limit of their own, in millionths, by sku.
  Result<std::map<std::string, std::int64_t>> low_stock_limits();
  Result<ProductLayers> product_layers(const std::string& sku);
  // When the value in force was written, UTC, by the logical clock; 0: there is none.
  Result<std::int64_t> product_changed_ms(const std::string& sku);
  // Changes when products were made anew from their entries, by another version or cloud key.
  Result<std::string> projection_basis();
  Result<std::map<std::string, std::string>> settings();
  Result<std::vector<Bytes>> users();  // serialised titan.entry.v1.User

 private:
  Status check_entry(std::int64_t position, const Bytes& hash);
  Status check_small_tables();

  std::shared_ptr<Connection> connection_;
  ProductQueries products_;
};

}  // namespace titan::mesh
