#include "mesh/replication/uploads.h"

namespace titan::mesh {

crdt::IntervalSet numbers_to_upload(const crdt::VectorItem& ours, const crdt::VectorItem* held) {
  if (held == nullptr) return ours.stored;
  if (*held == ours) return {};
  return held->stored == ours.stored ? ours.stored : ours.stored.minus(held->stored);
}

std::uint64_t pending_uploads(const crdt::VersionVector& stored,
                              const crdt::VersionVector& held_by_cloud, const DeviceId& cloud) {
  std::uint64_t pending = 0;
  crdt::VersionVector::each_difference(
      held_by_cloud, stored,
      [&](const DeviceId& device, const JournalId& journal, const crdt::VectorItem* item) {
        if (item == nullptr || device == cloud) return;
        pending += numbers_to_upload(*item, held_by_cloud.find(journal)).count();
      });
  return pending;
}

}  // namespace titan::mesh
