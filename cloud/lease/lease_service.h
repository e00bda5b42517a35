// Who may write for a store: grants, renews, refuses and takes back its lease. By the row of
// uplink/postgres/lease_row.h, which decides by tokens and by the database's own clock.
//
// A store has at most one holder, and within an epoch of the cloud its token only goes up. Several
// gateways on one database keep to that because the row does; this class remembers nothing.
//
// Called on the loop; answers are posted to it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "cloud/database/database_worker.h"
#include "cloud/database/store_key.h"
#include "cloud/database/store_news.h"
#include "cloud/feed/feed.h"
#include "cloud/ledger/store_position.h"
#include "election/types.h"
#include "uplink/postgres/lease_row.h"

namespace titan::cloud {

// Of the worker that leases share with entries read back; beyond it stores are told to come again.
inline constexpr std::size_t lease_queue_max = 10'000;

struct OpenedStore {
  std::optional<uplink::LeaseHolder> refused_by;  // nothing: the lease is granted
  bool created = false;                           // it was unknown until now
  StorePosition position;                         // where refused of an unknown store: empty
};

struct LeaseAnswer {
  std::optional<uplink::LeaseHolder> lost_to;  // nothing: still held
  std::optional<StorePosition> position;       // where another process has moved the store since
};

class LeaseService {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  LeaseService(boost::asio::io_context& loop, DatabaseWorker& worker, const FeedWriter& feed,
               const StoreNews& news);

  // Moves the lease to `token` if that is higher or the holder's own. A store unknown until now is
  // created; its feed begins with the tenant's catalogue.
  void open(const StoreKey& key, const election::Token& token, const std::string& terminal,
            Done<OpenedStore> done);
  // `known`: where the caller knows the store to stand.
  void renew(const StoreKey& key, const election::Token& token, const StorePlace& known,
             Done<LeaseAnswer> done);
  // The same without the store's word for it: the lease does not last any longer for it.
  void look(const StoreKey& key, const election::Token& token, const StorePlace& known,
            Done<LeaseAnswer> done);
  // The holder said goodbye. Where this is lost the lease runs out by itself.
  void release(const StoreKey& key, const election::Token& token);
  // The holder's connection was cut at `cut`. Where this is lost the lease runs out by itself.
  void release_if_silent(const StoreKey& key, const election::Token& token, MonoTime cut);
  // Empties the lease row, for any term up to term_after_reset_max to take it, and opens the
  // store's next cloud epoch, in one transaction: M2 holds within each. Error not_found: no such
  // store.
  void reset(const StoreKey& key, Done<StorePosition> done);

 private:
  boost::asio::io_context& loop_;
  DatabaseWorker& worker_;  // not the projector's: a lease is never behind a backlog of uploads
  const FeedWriter& feed_;  // begins the feed of a store that is created
  const StoreNews& news_;   // told in each transaction that moves a lease or an epoch
};

}  // namespace titan::cloud
