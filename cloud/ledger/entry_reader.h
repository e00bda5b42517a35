// Reads a store's entries back out of the ledger, for its uplink: the feed it follows, and entries
// that the store has lost. The other direction is entry_log.h.
//
// Called on the loop; answers are posted to it. Every read is bounded in rows and bytes, so that
// one store costs a worker little time and the loop little memory; whoever wants more asks again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "cloud/database/database_worker.h"
#include "cloud/database/store_key.h"
#include "uplink/messages.h"

namespace titan::cloud {

struct ReadEntries {
  std::vector<Bytes> entries;     // empty: there are none, or none any more
  std::uint64_t last_number = 0;  // of the last entry read of a feed; 0: none read
};

class EntryReader {
 public:
  using Done = std::function<void(Result<ReadEntries>)>;

  EntryReader(boost::asio::io_context& loop, DatabaseWorker& worker)
      : loop_(loop), worker_(worker) {}

  // In the order of their numbers, those above `above`. The first is read whatever its size.
  void read_feed(const StoreKey& key, const JournalId& journal, std::uint64_t above,
                 std::size_t bytes_max, Done done);
  // Twins of a number are both read. The first is read whatever its size.
  void read_lost(const StoreKey& key, std::vector<uplink::WantedNumbers> wanted,
                 std::size_t bytes_max, Done done);

 private:
  boost::asio::io_context& loop_;
  DatabaseWorker& worker_;  // shared with leases, hence never behind a backlog of uploads
};

}  // namespace titan::cloud
