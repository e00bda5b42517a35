#include "cloud/ledger/watermark.h"

#include "mesh/entry/watermark.h"

namespace titan::cloud {

std::vector<mesh::JournalItem> journal_items(const crdt::VersionVector& vector) {
  std::vector<mesh::JournalItem> items;
  for (const auto& [device, journals] : vector.devices()) {
    for (const auto& [journal, item] : journals) items.push_back({journal, item});
  }
  return items;
}

mesh::Watermark make_watermark(const mesh::Codec& codec, const KeyPair& cloud_key,
                               const StoreKey& key, const StorePosition& position) {
  mesh::WatermarkVector vector;
  vector.epoch = position.epoch;
  vector.epoch_random = position.epoch_random;
  vector.sequence = position.sequence;
  vector.tenant = key.tenant;
  vector.store = key.store;
  vector.journals = journal_items(*position.vector);
  mesh::Watermark watermark;
  watermark.vector_bytes = codec.encode_watermark_vector(vector);
  watermark.signature = sign(cloud_key, mesh::watermark_signed_part(watermark.vector_bytes));
  watermark.cloud_key = cloud_key.public_key;
  return watermark;
}

}  // namespace titan::cloud
