#include "simulations/model/surroundings.h"

namespace titan::simulations {

std::shared_ptr<const EntryFacts> Recorder::facts(const mesh::Entry& entry) {
  auto& known = facts_[entry.hash];
  if (known) return known;
  const mesh::Envelope& envelope = entry.envelope;
  auto made = std::make_shared<EntryFacts>();
  made->id = envelope.id;
  made->hash = entry.hash;
  made->device = envelope.device;
  made->kind = envelope.kind;
  made->idempotency_key = envelope.idempotency_key;
  made->request_hash = envelope.request_hash;
  made->claim = envelope.claim;
  made->stock_effects = envelope.stock_effects;
  made->receipt = envelope.receipt;
  made->bytes = entry.bytes.size();
  known = std::move(made);
  return known;
}

}  // namespace titan::simulations
