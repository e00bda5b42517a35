// What of a batch may go into the ledger: what can be read, is of this store and is signed by a
// device that is known. Pure: the caller brings what is known of the store and logs what is
// refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"
#include "uplink/messages.h"

namespace titan::cloud {

// Where in its batch an entry stands; a repeated one stands in several places.
using BatchPlaces = std::vector<std::uint32_t>;

struct CheckedBatch {
  std::vector<std::shared_ptr<const mesh::Entry>> accepted;  // each once
  std::vector<BatchPlaces> places;                           // of each accepted one
  std::vector<PublicKey> learned_keys;  // of devices unknown until now whose entries are accepted
  std::vector<uplink::EntryFailure> failures;  // one for each place that is not accepted
  std::vector<std::string> rejections;         // for the log; one for each entry that was readable
};

// `tenant_store` and `device_keys` are of the store that the batch comes from.
CheckedBatch check_batch(const uplink::Batch& batch, const mesh::Codec& codec,
                         const Hash& tenant_store,
                         const std::map<DeviceId, PublicKey>& device_keys);

}  // namespace titan::cloud
