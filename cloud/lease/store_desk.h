// What connections of stores ask of the database, on a worker of its own so that a lease is never
// behind a backlog of uploads: opening a store, its lease, its feed, entries it has lost.
//
// Called on the loop; answers are posted to it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/database/database_worker.h"
#include "cloud/database/store_news.h"
#include "cloud/feed/feed.h"
#include "cloud/ledger/projector.h"
#include "uplink/messages.h"
#include "uplink/postgres/lease_row.h"

namespace titan::cloud {

inline constexpr std::size_t desk_queue_max = 10'000;

struct OpenedStore {
  std::optional<uplink::LeaseHolder> refused_by;  // nothing: the lease is granted
  bool created = false;
  StorePosition position;
};

struct LeaseAnswer {
  std::optional<uplink::LeaseHolder> lost_to;  // nothing: still held
  std::optional<StorePosition> position;       // where another process has moved the store since
};

struct ReadEntries {
  std::vector<Bytes> entries;
  std::uint64_t last_number = 0;  // of the feed read
};

class StoreDesk {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  StoreDesk(boost::asio::io_context& loop, const std::string& database_url,
            const mesh::Codec& codec, const FeedWriter& feed, const StoreNews& news);

  // Makes a tenant's tables ready ahead of its first store; also shows whether the database is
  // there.
  void prepare(const std::string& tenant);
  // Moves the lease to `token` if that is higher or the holder's own. A store unknown until now is
  // created; its feed begins with the tenant's catalogue.
  void open(const StoreKey& key, const election::Token& token, const std::string& terminal,
            Done<OpenedStore> done);
  // `sequence`: where the caller knows the store to stand.
  void renew(const StoreKey& key, const election::Token& token, std::uint64_t sequence,
             Done<LeaseAnswer> done);
  // The same without the store's word for it: the lease does not last any longer for it.
  void look(const StoreKey& key, const election::Token& token, std::uint64_t sequence,
            Done<LeaseAnswer> done);
  void release(const StoreKey& key, const election::Token& token);
  // Empties the lease row, for any term up to term_after_reset_max to take it, and opens the
  // store's next cloud epoch, in one transaction: M2 holds within each. Error not_found: no such
  // store.
  void reset_lease(const StoreKey& key, Done<StorePosition> done);
  // The holder's connection was cut then.
  void release_if_silent(const StoreKey& key, const election::Token& token, MonoTime cut);
  void read_feed(const StoreKey& key, const JournalId& journal, std::uint64_t above,
                 std::size_t bytes_max, Done<ReadEntries> done);
  void read_entries(const StoreKey& key, std::vector<uplink::WantedNumbers> wanted,
                    std::size_t bytes_max, Done<ReadEntries> done);
  bool reachable() const { return database_.reachable(); }
  std::size_t queued() const { return database_.queued(); }

 private:
  template <class T>
  void post(const std::string& tenant, std::function<T(pqxx::connection&)> run, Done<T> done);
  OpenedStore open_now(pqxx::connection& connection, const StoreKey& key,
                       const election::Token& token, const std::string& terminal);
  LeaseAnswer ask_for_lease(pqxx::connection& connection, const StoreKey& key,
                            const election::Token& token, std::uint64_t sequence, bool renews);
  StorePosition read_position(pqxx::connection& connection, const StoreKey& key);
  void begin_feed(pqxx::transaction_base& transaction, const StoreKey& key);

  boost::asio::io_context& loop_;
  const FeedWriter& feed_;
  const StoreNews& news_;
  const mesh::Codec& codec_;
  DatabaseWorker database_;
};

}  // namespace titan::cloud
