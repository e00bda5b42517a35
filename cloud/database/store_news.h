// What gateways on one database tell each other at once, by PostgreSQL's LISTEN and NOTIFY: that
// one of them moved a store's lease, watermark or feed. Who holds the store's uplink then looks
// at its row, instead of at the next renewal of the lease.
//
// News is a hint and may be lost with the connection that hears it: whatever it tells, the next
// renewal tells as well.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <thread>

#include "cloud/database/store_key.h"

namespace titan::cloud {

// Of one process: what it tells is told to all others, and not to itself.
class StoreNews {
 public:
  StoreNews();
  // In the transaction that moves the store; told if and when that commits.
  void tell(pqxx::transaction_base& transaction, const StoreKey& key) const;
  // Nothing: by this process itself, or not readable.
  std::optional<StoreKey> read(const std::string& payload) const;

 private:
  const std::string gateway_;  // random hexadecimal: who tells, so that none hears itself
};

// Listens on a thread and a connection of its own; `heard` is posted to the loop. After the
// connection was away anything may have been missed: `missed` says so.
class StoreNewsListener {
 public:
  using Heard = std::function<void(const StoreKey&)>;
  using Missed = std::function<void()>;

  StoreNewsListener(boost::asio::io_context& loop, std::string database_url, const StoreNews& news,
                    Heard heard, Missed missed);
  ~StoreNewsListener();
  StoreNewsListener(const StoreNewsListener&) = delete;
  StoreNewsListener& operator=(const StoreNewsListener&) = delete;

 private:
  void listen();
  void listen_once();

  boost::asio::io_context& loop_;
  const std::string database_url_;
  const StoreNews& news_;
  const Heard heard_;                  // on the loop, once for each news of another gateway
  const Missed missed_;                // on the loop, after each connect, the first one too
  std::atomic<bool> stopping_{false};  // set once, by the destructor
  std::thread thread_;                 // last: it uses all of the above
};

}  // namespace titan::cloud
