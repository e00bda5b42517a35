#include "pos-node/watches/key_watch.h"

namespace titan::pos {

std::optional<mesh::EntryId> KeyWatch::on_stored(const mesh::Entry& entry) {
  const mesh::Envelope& envelope = entry.envelope;
  if (envelope.idempotency_key.empty() || envelope.request_hash.is_none()) return std::nullopt;
  const Hash request = blake2b(envelope.idempotency_key + Bytes(envelope.request_hash.view()));
  const auto [known, is_new] = known_.try_emplace(request, Known{envelope.device, envelope.id});
  if (!is_new) {
    if (known->second.device == envelope.device) return std::nullopt;  // a twin: the ledger's rule
    return known->second.entry;
  }
  order_.push_back(request);
  if (order_.size() > key_watch_max) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  return std::nullopt;
}

}  // namespace titan::pos
