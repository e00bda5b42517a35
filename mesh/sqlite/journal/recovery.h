// Every entry of a damaged file that can still be proven is put into a new one; then the damaged
// one is set aside. An attempt that is interrupted (power, disk full) leaves the damaged file where
// it is and is made again.
//
// An entry is taken over if its bytes decode, have the hash they were stored under, and its
// signature verifies, alone or through the chain of a run (mesh/entry/verify.h). Damaged numbers
// are then missing like any others: peers and the cloud give them back, and the next journal of
// this device is a new one. Promise, remembered members, device keys and watermark are taken over
// as far as SQLite can still read them; they are learnt again otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "mesh/entry/codec.h"
#include "mesh/sqlite/journal/sqlite_store.h"

namespace titan::mesh {

struct RecoveryReport {
  std::string set_aside;  // where the damaged file is now
  std::uint64_t entries_recovered = 0;
  std::uint64_t entries_rejected = 0;  // decoded, but hash or signature do not fit
  std::uint64_t rows_unreadable = 0;   // of any table
  bool promise_recovered = false;
  std::string first_rejection;  // a reason, for a person
};

// One sentence for an alarm.
std::string describe(const RecoveryReport& report);

// In two steps, of which the first takes long and may run beside a store that is open, as long as
// nothing is written to it. `goes_on` is asked now and then; false ends it.
Result<RecoveryReport> build_recovered(const StoreOptions& options, const StoreIdentity& identity,
                                       const Codec& codec, const std::string& time_stamp,
                                       const std::function<bool()>& goes_on);
// What was built, and what was written meanwhile to the file beside the damaged one (`beside`, may
// be null), takes the damaged one's place.
Status put_recovered_in_place(const StoreOptions& options, const StoreIdentity& identity,
                              const Codec& codec, SqliteStore* beside,
                              const RecoveryReport& report);

// The file that takes entries while the one at `path` is recovered.
std::string beside_path(const std::string& path);
void remove_beside(const std::string& path);
// At a start, of a store that is open: what an interrupted recovery left in that file is taken in.
Status take_in_beside(SqliteStore& store, const StoreOptions& options,
                      const StoreIdentity& identity, const Codec& codec);

// Both steps. The store must not be open. `time_stamp` becomes part of the damaged file's new name,
// e.g. "20111006T091700Z". On success a new file stands at options.path.
Result<RecoveryReport> recover(const StoreOptions& options, const StoreIdentity& identity,
                               const Codec& codec, const std::string& time_stamp);

// To be called before the store is opened: a recovery that ended between its last two steps is
// completed.
Status finish_interrupted_recovery(const std::string& path);

}  // namespace titan::mesh
