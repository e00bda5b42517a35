#include "cloud/ledger/watermark.h"

#include "mesh/watermark/signing.h"

namespace titan::cloud {

mesh::Watermark make_watermark(const mesh::Codec& codec, const KeyPair& cloud_key,
                               const StoreKey& key, const StorePosition& position) {
  mesh::WatermarkStatement statement;
  statement.epoch = position.epoch;
  statement.epoch_random = position.epoch_random;
  statement.sequence = position.sequence;
  statement.tenant = key.tenant;
  statement.store = key.store;
  statement.root = position.held.root();
  statement.entries = position.held.vector().entry_count();
  return mesh::sign_watermark(codec, cloud_key, statement);
}

}  // namespace titan::cloud
