// Sees to it that every store is folded once a day, one store after the other: a night's work of a
// chain is seconds of a database, and what stores send meanwhile waits for one of them at most.
//
// Several processes on one database may all do so: whoever comes second finds the fold made.
// Lives on the loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <string>
#include <vector>

#include "cloud/database/database_worker.h"
#include "cloud/database/store_key.h"
#include "cloud/ledger/projector.h"

namespace titan::cloud {

class NightlyFolds {
 public:
  // `minute_of_day` in UTC. All outlive it.
  NightlyFolds(boost::asio::io_context& loop, DatabaseWorker& worker, Projector& projector,
               std::vector<std::string> tenants, int minute_of_day);
  void start();

 private:
  void look_later();
  void look(std::size_t tenant);
  void fold_next();

  boost::asio::io_context& loop_;
  DatabaseWorker& worker_;
  Projector& projector_;
  const std::vector<std::string> tenants_;
  const int minute_of_day_;
  boost::asio::steady_timer timer_;
  std::deque<StoreKey> due_;  // not folded yet; looked for again once it is empty
};

}  // namespace titan::cloud
