#include "mesh/replication/uploads.h"

namespace titan::mesh {

std::uint64_t pending_uploads(const crdt::VersionVector& stored,
                              const crdt::VersionVector& held_by_cloud, const DeviceId& cloud) {
  std::uint64_t pending = 0;
  crdt::VersionVector::each_difference(
      held_by_cloud, stored,
      [&](const DeviceId& device, const JournalId& journal, const crdt::VectorItem* item) {
        if (item == nullptr || device == cloud) return;
        const crdt::VectorItem* held = held_by_cloud.find(journal);
        pending += (held == nullptr ? item->stored : item->stored.minus(held->stored)).count();
      });
  return pending;
}

}  // namespace titan::mesh
