// What is yet to be uploaded.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "crdt/version_vector.h"

namespace titan::mesh {

// The numbers of `ours` that the cloud, which holds `held` of the journal (null: nothing), is to be
// sent. Equal numbers of other content are a forked journal: one side lacks a branch, and all goes
// up, since what the cloud has already changes nothing there.
crdt::IntervalSet numbers_to_upload(const crdt::VectorItem& ours, const crdt::VectorItem* held);

// Entries that are stored here and that the cloud lacks. What `cloud` wrote itself needs no upload.
std::uint64_t pending_uploads(const crdt::VersionVector& stored,
                              const crdt::VersionVector& held_by_cloud, const DeviceId& cloud);

}  // namespace titan::mesh
