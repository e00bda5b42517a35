#include "cloud/ledger/store_position.h"

namespace titan::cloud {

StorePosition position_of(const StoreRow& row, const uplink::StoreProjector& projector,
                          const crdt::RootedVector& held) {
  StorePosition position;
  position.epoch = row.epoch;
  position.epoch_random = row.epoch_random;
  position.sequence = row.watermark_sequence;
  position.held = held;
  position.feed_journal = row.feed.journal;
  position.feed_number = row.feed.number;
  for (const auto& [device, public_key] : projector.keys()) {
    position.device_keys.push_back(public_key);
  }
  return position;
}

// Row and cursors in one snapshot: a commit between the two would give a sequence another vector.
StorePosition read_position(pqxx::connection& connection, const StoreKey& key,
                            const PublicKey& cloud_key) {
  pqxx::transaction<pqxx::repeatable_read> snapshot(connection);
  const StoreRow row = read_store_row(snapshot, key.store, false).value();
  uplink::StoreProjector projector(key.store, device_of(cloud_key));
  projector.load(snapshot);
  snapshot.commit();
  return position_of(row, projector, crdt::RootedVector(projector.vector()));
}

}  // namespace titan::cloud
