#include "mesh/replication/uploads.h"

namespace titan::mesh {

crdt::VersionVector held_by_cloud(const WatermarkVector& watermark,
                                  const crdt::VersionVector& stored) {
  crdt::VersionVector held;
  for (const JournalItem& item : watermark.journals) {
    held.set(stored.device_of(item.journal).value_or(DeviceId{}), item.journal, item.item);
  }
  return held;
}

std::uint64_t pending_uploads(const crdt::VersionVector& stored,
                              const crdt::VersionVector& held_by_cloud, const DeviceId& cloud) {
  std::uint64_t pending = 0;
  for (const auto& [device, journals] : stored.devices()) {
    if (device == cloud) continue;
    if (stored.device_digest(device) == held_by_cloud.device_digest(device)) continue;
    for (const auto& [journal, item] : journals) {
      const auto* held = held_by_cloud.find(journal);
      if (held == nullptr) {
        pending += item.stored.count();
      } else if (held->stored != item.stored) {
        pending += item.stored.minus(held->stored).count();
      }
    }
  }
  return pending;
}

}  // namespace titan::mesh
