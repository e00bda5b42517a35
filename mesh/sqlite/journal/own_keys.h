// The idempotency keys of this device, each with the entry that was recorded under it first: a row
// is written in the entry's transaction, and dropped when the key is beyond the horizon.
//
// Horizon: a key stays for KeyHorizon::days, and as long as it is one of the device's last
// `last_keys`. "Last" is by the logical clock, which ascends whatever the wall clock does and in
// whatever order entries came back to a disk. What time it is now is no clock's word: it is so late
// as half of these last keys' entries say. A wall clock that is wrong for a while, in whichever
// direction, moves it only with as many sales as that, and a key stays longer than its days by the
// time that they take. An entry with a time that cannot be (1970, 2150) says nothing, and its key
// goes when one that was written later is beyond the horizon; a key from a clock that was ahead
// stays till that time has come.
//
// Of the same entries, arrived in the same order, the same rows are left.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/journal/stored_state.h"
#include "mesh/sqlite/file/connection.h"

namespace titan::mesh {

struct KeyHorizon {
  // Longer: a repeat is told for longer; 8 bytes of memory and some 200 of disk a key. Shorter: a
  // screen that was switched off for long may record a sale anew.
  std::int64_t days = 90;
  std::size_t last_keys = 10'000;
};

// What was recorded under the key. `corrupt`: the file is damaged.
Result<std::optional<IdempotencyRecord>> find_key(Connection& connection, const std::string& key);

// Notes the key of an entry of this device that was stored just now. `elsewhere`: what another file
// holds under it. A duplicate: the key stood for another entry. Throws SQLite::Exception.
std::optional<DuplicateRecord> note_key(Connection& connection, const Entry& entry,
                                        const std::optional<IdempotencyRecord>& elsewhere);

// Fills in the keys and what was recorded twice under one. Throws SQLite::Exception.
void read_keys(Connection& connection, StoredState& state);

struct DroppedKeys {
  std::vector<std::uint64_t> hashes;  // of which no row is left
  bool has_more = false;
};
// Drops some `rows_max` keys beyond the horizon, at most twice as many, in a transaction of its
// own.
Result<DroppedKeys> drop_old_keys(Connection& connection, const KeyHorizon& horizon,
                                  std::size_t rows_max);

}  // namespace titan::mesh
