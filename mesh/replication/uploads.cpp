#include "mesh/replication/uploads.h"

#include <algorithm>
#include <utility>

namespace titan::mesh {

crdt::VersionVector held_by_cloud(const WatermarkVector& watermark,
                                  const crdt::VersionVector& stored, crdt::VersionVector before) {
  // Whose the journals are that were nobody's is asked anew.
  crdt::VersionVector held;
  if (!before.devices().contains(DeviceId{})) held = std::move(before);
  for (const JournalItem& item : watermark.journals) {
    const crdt::VectorItem* known = held.find(item.journal);
    if (known != nullptr && *known == item.item) continue;
    held.set(stored.device_of(item.journal).value_or(DeviceId{}), item.journal, item.item);
  }
  // A new epoch of the cloud may lack journals that the one before held.
  const auto listed = std::count_if(watermark.journals.begin(), watermark.journals.end(),
                                    [](const auto& item) { return !item.item.stored.empty(); });
  const bool has_others = held.journal_count() > static_cast<std::size_t>(listed);
  return has_others ? held_by_cloud(watermark, stored) : held;
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
