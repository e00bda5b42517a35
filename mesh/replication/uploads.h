// What is yet to be uploaded.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "crdt/version_vector.h"

namespace titan::mesh {

// Entries that are stored here and that the cloud lacks. What `cloud` wrote itself needs no upload.
std::uint64_t pending_uploads(const crdt::VersionVector& stored,
                              const crdt::VersionVector& held_by_cloud, const DeviceId& cloud);

}  // namespace titan::mesh
