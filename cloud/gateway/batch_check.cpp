#include "cloud/gateway/batch_check.h"

#include <optional>
#include <utility>

#include "mesh/entry/verify.h"

namespace titan::cloud {

CheckedBatch check_batch(const uplink::Batch& batch, const mesh::Codec& codec,
                         const Hash& tenant_store,
                         const std::map<DeviceId, PublicKey>& device_keys) {
  CheckedBatch result;
  std::map<std::pair<mesh::EntryId, Hash>, BatchPlaces> places;
  std::vector<std::shared_ptr<const mesh::Entry>> entries;
  for (std::uint32_t i = 0; i < batch.entries.size(); ++i) {
    auto entry = codec.decode_entry(batch.entries[i]);
    if (!entry) {
      result.failures.push_back({i, false, false, entry.error().message});
      continue;
    }
    auto& place = places[{entry->envelope.id, entry->hash}];
    place.push_back(i);
    if (place.size() == 1) {
      entries.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
    }
  }
  mesh::VerifyContext context;
  context.tenant_store = tenant_store;
  context.key_of = [&](const DeviceId& device) -> std::optional<PublicKey> {
    const auto found = device_keys.find(device);
    if (found == device_keys.end()) return std::nullopt;
    return found->second;
  };
  context.offered_keys = batch.device_keys;
  auto checked = mesh::check_entries(std::move(entries), context);
  for (auto& rejection : checked.rejected) {
    // Sent again with the device's key, or behind the journal's opening, it may be accepted.
    const bool later = rejection.code == mesh::RejectionCode::unknown_device;
    for (const auto place : places[{rejection.id, rejection.hash}]) {
      result.failures.push_back({place, later, false, rejection.reason});
    }
    result.rejections.push_back(std::move(rejection.reason));
  }
  for (const auto& entry : checked.accepted) {
    result.places.push_back(std::move(places[{entry->envelope.id, entry->hash}]));
  }
  result.accepted = std::move(checked.accepted);
  result.learned_keys = std::move(checked.learned_keys);
  return result;
}

}  // namespace titan::cloud
