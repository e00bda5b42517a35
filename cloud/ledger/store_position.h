// Where a store stands: what the cloud holds of it, under which watermark, how far its feed goes.
#pragma once

#include <pqxx/pqxx>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "cloud/database/store_key.h"
#include "cloud/database/store_row.h"
#include "crdt/rooted_vector.h"
#include "uplink/postgres/store_projector.h"

namespace titan::cloud {

// As of one commit: a sequence names one vector, within one epoch of one database. Of two positions
// of an epoch with the same random bytes the one with the higher sequence is the later; others
// cannot be compared: the database was restored to before the epoch in between, or reset. Value
// type; copies share the vector, also between threads.
struct StorePosition {
  std::uint64_t epoch = 0;     // 1 and up; an operator's reset of the lease begins the next
  Bytes epoch_random;          // drawn for each epoch: tells those of two databases apart
  std::uint64_t sequence = 0;  // 1 and up; goes on through epochs, never down in one database
  crdt::RootedVector held;
  JournalId feed_journal;
  std::uint64_t feed_number = 0;  // of the newest feed entry; `held` has 1 to this number
  // Of the devices whose entries it holds: who is told of them may send what follows on them.
  std::vector<PublicKey> device_keys;
};

// Where the row of a store stood: whoever knows it sees by the row whether there is more.
struct StorePlace {
  Bytes epoch_random;
  std::uint64_t sequence = 0;
};
inline StorePlace place_of(const StorePosition& position) {
  return {position.epoch_random, position.sequence};
}

// Of one epoch of one database.
inline bool are_comparable(const StorePosition& a, const StorePosition& b) {
  return a.epoch == b.epoch && a.epoch_random == b.epoch_random;
}

// `projector` holds what the transaction that read `row` saw, or committed; `held` is its vector.
StorePosition position_of(const StoreRow& row, const uplink::StoreProjector& projector,
                          const crdt::RootedVector& held);

// The same from the database, in a snapshot of its own: all journals are read and hashed. The store
// must have a row. Throws like pqxx.
StorePosition read_position(pqxx::connection& connection, const StoreKey& key,
                            const PublicKey& cloud_key);

}  // namespace titan::cloud
