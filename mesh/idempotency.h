// The idempotency keys of one device: what each stands for, and where one stands for two entries.
//
// Pure arithmetic on StoredState's map, used alike by the running node and by whoever loads a disk,
// so that both tell the same duplicates.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mesh/entry.h"
#include "mesh/stored_state.h"

namespace titan::mesh {

// Notes what an entry of this device recorded under its key. Of several entries for one request the
// smallest (entry, hash) stays, as on every other disk; of different requests the first that came.
// A duplicate: the key stood for another entry. An entry with a claim is none, since all that carry
// its claim count once anyway.
std::optional<DuplicateRecord> remember_key(std::map<std::string, IdempotencyRecord>& records,
                                            const Entry& entry);

// What a VOID of the entry claims: of all voids of one entry exactly one counts.
Hash void_claim(const Hash& entry_hash);

// Takes out the duplicates that need nothing more: whose void is stored.
void drop_voided(std::vector<DuplicateRecord>& duplicates, const crdt::Stock& stock);

}  // namespace titan::mesh
