// How a watermark is told: as the difference from a vector that the other side is thought to hold,
// or in slices of what it says it lacks. The cloud tells leaders by it, and terminals each other.
#pragma once

#include <cstddef>
#include <vector>

#include "crdt/rooted_vector.h"
#include "mesh/messages.h"

namespace titan::mesh {

// Aim of one update or slice; a message ends with the bucket that passes it.
inline constexpr std::size_t watermark_bytes_aim = 128 * 1024;

std::vector<DeviceJournals> difference(const crdt::VersionVector& before,
                                       const crdt::VersionVector& now);
void apply(const std::vector<DeviceJournals>& changed, crdt::VersionVector& vector);

// `held` is what the watermark's statement is about. Without the difference if that is too long.
WatermarkUpdate update_from(const crdt::RootedVector& base, const Watermark& watermark,
                            const crdt::RootedVector& held);
// To who may hold the same vector already, and else asks.
WatermarkUpdate announcement(const Watermark& watermark, const crdt::RootedVector& held);
WatermarkSlice slice_for(const WatermarkRequest& request, const Watermark& watermark,
                         const crdt::RootedVector& held);

}  // namespace titan::mesh
