// What the journals amount to, kept in the same file so that a start need not read every entry.
//
// The folded_* tables hold vector, stock sums, settled claims and this device's past, all of them
// exactly at arrival position folded.position. fold_some() moves that
// position on in idle moments, a bounded slice in a transaction of its own; load_state() reads the
// tables and replays what arrived later. Folding is a cache: the state is the same with any
// position, also 0, until a fold of the cloud is adopted (fold_adoption.h).
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "mesh/entry/codec.h"
#include "mesh/journal/stored_state.h"
#include "mesh/sqlite/file/connection.h"

namespace titan::mesh {

struct FoldContext {
  Connection& connection;
  const Codec& codec;
  DeviceId device;  // of this terminal: whose receipts and journals are its own
};

// Folds at most `entries_max` entries; answers how many it folded. `corrupt` if an entry's bytes do
// not decode or do not have the hash they are stored under.
Result<std::size_t> fold_some(const FoldContext& context, std::size_t entries_max);

Result<StoredState> load_state(const FoldContext& context);

// The parts of a stored state that are no fold; they throw SQLite::Exception.
void read_devices(Connection& connection, StoredState& state);
void read_promise(Connection& connection, StoredState& state);
void read_members(Connection& connection, StoredState& state);
void read_watermark(Connection& connection, StoredState& state);
std::optional<Watermark> read_statement(Connection& connection);
// The journal's numbers that the cloud holds, by the watermark that is stored.
crdt::IntervalSet read_held_by_cloud(Connection& connection, const JournalId& journal);

Result<std::int64_t> folded_position(Connection& connection);

// The entry that arrived first of those with the same request, if this entry claims one and is not
// the first itself; with `before`, of those that arrived before that position. Throws
// SQLite::Exception, also where that entry is damaged.
std::optional<crdt::ClaimWinner> oldest_of_request(Connection& connection, const Codec& codec,
                                                   const Entry& entry,
                                                   std::optional<std::int64_t> before);
// Of a request that the present fold of the cloud counts: the entry that arrived first of those
// that it does not.
std::optional<crdt::ClaimWinner> rival_above_fold(Connection& connection, const Codec& codec,
                                                  const Entry& entry,
                                                  std::optional<std::int64_t> before);
// The same of a damaged file beside which `entry` is stored: an error where it cannot be told.
Result<std::optional<crdt::ClaimWinner>> oldest_in_damaged(Connection& damaged, const Codec& codec,
                                                           const Entry& entry);

// Back to position 0; the next load replays everything.
Status forget_fold(Connection& connection);

}  // namespace titan::mesh
