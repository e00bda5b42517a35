#include "mesh/journal/idempotency.h"

#include <utility>

namespace titan::mesh {

std::optional<DuplicateRecord> remember_key(std::optional<IdempotencyRecord>& known,
                                            const Entry& entry) {
  const Envelope& envelope = entry.envelope;
  if (envelope.idempotency_key.empty()) return std::nullopt;
  const IdempotencyRecord found{envelope.id, entry.hash, envelope.request_hash};
  if (!known) known = found;
  if (known->entry_hash == found.entry_hash) return std::nullopt;
  if (known->request_hash != found.request_hash) {
    return DuplicateRecord{known->entry, found.entry, found.entry_hash, false};
  }
  IdempotencyRecord kept = *known;
  IdempotencyRecord extra = found;
  if (std::pair(extra.entry, extra.entry_hash) < std::pair(kept.entry, kept.entry_hash)) {
    std::swap(kept, extra);
  }
  known = kept;
  if (!envelope.claim.is_none() && !claims_its_request(envelope)) return std::nullopt;
  return DuplicateRecord{kept.entry, extra.entry, extra.entry_hash, true};
}

Hash request_claim(const DeviceId& device, const Hash& request_hash, BytesView idempotency_key) {
  Bytes settled = "request";
  settled += '\0';
  settled += device.view();
  settled += request_hash.view();
  settled += idempotency_key;
  return blake2b(settled);
}

bool claims_its_request(const Envelope& envelope) {
  return !envelope.claim.is_none() && !envelope.idempotency_key.empty() &&
         envelope.claim ==
             request_claim(envelope.device, envelope.request_hash, envelope.idempotency_key);
}

bool is_beside_stock(const Entry& entry) {
  return entry.envelope.kind == Kind::history && entry.envelope.stock_effects.empty();
}

bool counts(const crdt::Stock& stock, const Entry& entry) {
  const Hash& claim = entry.envelope.claim;
  if (claim.is_none() || is_beside_stock(entry) || stock.claim_won_by(claim, entry.hash))
    return true;
  return !stock.claims().contains(claim) && claims_its_request(entry.envelope);
}

std::vector<crdt::StockChange> apply_to(crdt::Stock& stock, const Entry& entry) {
  const Envelope& envelope = entry.envelope;
  if (is_beside_stock(entry)) return {};
  return claims_its_request(envelope)
             ? stock.apply_unrivalled(entry.hash, envelope.claim, envelope.stock_effects)
             : stock.apply(entry.hash, envelope.claim, envelope.stock_effects);
}

Hash void_claim(const Entry& entry) {
  return void_claim(claims_its_request(entry.envelope) ? entry.envelope.claim : entry.hash);
}

Hash void_claim(const Hash& settled) {
  Bytes bytes = "void";
  bytes += '\0';
  bytes += settled.view();
  return blake2b(bytes);
}

void drop_voided(std::vector<DuplicateRecord>& duplicates, const crdt::Stock& stock) {
  std::erase_if(duplicates, [&](const DuplicateRecord& duplicate) {
    return stock.claims().contains(void_claim(duplicate.extra_hash));
  });
}

}  // namespace titan::mesh
