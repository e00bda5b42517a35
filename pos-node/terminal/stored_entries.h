// Entries as the journal store gives them, for whoever uses them on the terminal.
#pragma once

#include <vector>

#include "mesh/entry/codec.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "pos-node/domain/recorded_entry.h"

namespace titan::pos {

// An error where the bytes cannot be decoded, which were checked before they were stored.
Result<EntryPointer> decode(const mesh::StoredEntry& stored, const mesh::Codec& codec);
// In their order.
Result<std::vector<EntryPointer>> decode_all(const std::vector<mesh::StoredEntry>& stored,
                                             const mesh::Codec& codec);

}  // namespace titan::pos
