#include "mesh/idempotency.h"

#include <utility>

namespace titan::mesh {

std::optional<DuplicateRecord> remember_key(std::map<std::string, IdempotencyRecord>& records,
                                            const Entry& entry) {
  const Envelope& envelope = entry.envelope;
  if (envelope.idempotency_key.empty()) return std::nullopt;
  const IdempotencyRecord found{envelope.id, entry.hash, envelope.request_hash};
  const auto [first, is_new] = records.try_emplace(envelope.idempotency_key, found);
  if (is_new || first->second.entry_hash == found.entry_hash) return std::nullopt;
  if (first->second.request_hash != found.request_hash) {
    return DuplicateRecord{first->second.entry, found.entry, found.entry_hash, false};
  }
  IdempotencyRecord kept = first->second;
  IdempotencyRecord extra = found;
  if (std::pair(extra.entry, extra.entry_hash) < std::pair(kept.entry, kept.entry_hash)) {
    std::swap(kept, extra);
  }
  first->second = kept;
  if (!envelope.claim.is_none()) return std::nullopt;
  return DuplicateRecord{kept.entry, extra.entry, extra.entry_hash, true};
}

Hash void_claim(const Hash& entry_hash) {
  Bytes settled = "void";
  settled += '\0';
  settled += entry_hash.view();
  return blake2b(settled);
}

void drop_voided(std::vector<DuplicateRecord>& duplicates, const crdt::Stock& stock) {
  std::erase_if(duplicates, [&](const DuplicateRecord& duplicate) {
    return stock.claims().contains(void_claim(duplicate.extra_hash));
  });
}

}  // namespace titan::mesh
