#include "mesh/replication/uploads.h"

namespace titan::mesh {

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
