// What the cloud holds of the store, by its watermark, and what is yet to be uploaded.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "crdt/version_vector.h"
#include "mesh/messages.h"

namespace titan::mesh {

// The devices are those that `stored` knows; a journal that is not there is nobody's. `before`:
// what an earlier watermark came to, which is nearly the same and shares what is.
crdt::VersionVector held_by_cloud(const WatermarkVector& watermark,
                                  const crdt::VersionVector& stored,
                                  crdt::VersionVector before = {});

// Entries that are stored here and that the cloud lacks. What `cloud` wrote itself needs no upload.
std::uint64_t pending_uploads(const crdt::VersionVector& stored,
                              const crdt::VersionVector& held_by_cloud, const DeviceId& cloud);

}  // namespace titan::mesh
