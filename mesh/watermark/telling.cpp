#include "mesh/watermark/telling.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace titan::mesh {
namespace {

// As many as a message of it has, within some percent.
std::size_t bytes_of(const crdt::VectorItem& item) {
  return 44 + 8 * item.stored.intervals().size();
}

void put(std::vector<DeviceJournals>& out, const DeviceId& device, JournalItem item) {
  if (out.empty() || out.back().device != device) out.push_back({device, {}});
  out.back().journals.push_back(std::move(item));
}

}  // namespace

std::vector<DeviceJournals> difference(const crdt::VersionVector& before,
                                       const crdt::VersionVector& now) {
  std::vector<DeviceJournals> changed;
  crdt::VersionVector::each_difference(
      before, now,
      [&](const DeviceId& device, const JournalId& journal, const crdt::VectorItem* item) {
        put(changed, device, {journal, item == nullptr ? crdt::VectorItem{} : *item});
      });
  return changed;
}

void apply(const std::vector<DeviceJournals>& changed, crdt::VersionVector& vector) {
  for (const auto& [device, journals] : changed) {
    for (const auto& [journal, item] : journals) vector.set(device, journal, item);
  }
}

WatermarkUpdate update_from(const crdt::RootedVector& base, const Watermark& watermark,
                            const crdt::RootedVector& held) {
  WatermarkUpdate update{watermark, base.root(), difference(base.vector(), held.vector())};
  std::size_t bytes = 0;
  for (const auto& [device, journals] : update.changed) {
    for (const auto& journal : journals) bytes += bytes_of(journal.item);
  }
  return bytes <= watermark_bytes_aim ? update : WatermarkUpdate{watermark, {}, {}};
}

WatermarkUpdate announcement(const Watermark& watermark, const crdt::RootedVector& held) {
  return {watermark, held.root(), {}};
}

WatermarkSlice slice_for(const WatermarkRequest& request, const Watermark& watermark,
                         const crdt::RootedVector& held) {
  WatermarkSlice slice;
  slice.watermark = watermark;
  slice.first = request.first;
  const std::vector<crdt::BucketDigest> ours = held.digests(request.first);
  std::vector<crdt::BucketDigest> differing;
  std::set_symmetric_difference(ours.begin(), ours.end(), request.held.begin(), request.held.end(),
                                std::back_inserter(differing));
  std::size_t bytes = 0;
  for (const crdt::BucketDigest& each : differing) {
    if (!slice.buckets.empty() && slice.buckets.back() == each.bucket) continue;
    if (bytes >= watermark_bytes_aim) {
      slice.next = each.bucket;
      break;
    }
    slice.buckets.push_back(each.bucket);
    held.each_in_bucket(each.bucket, [&](const DeviceId& device, const JournalId& journal,
                                         const crdt::VectorItem& item) {
      put(slice.journals, device, {journal, item});
      bytes += bytes_of(item);
    });
  }
  return slice;
}

}  // namespace titan::mesh
