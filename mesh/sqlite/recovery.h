// Every entry of a damaged file that can still be proven is put into a new one; then the damaged
// one is set aside. An attempt that is interrupted (power, disk full) leaves the damaged file where
// it is and is made again.
//
// An entry is taken over if its bytes decode, have the hash they were stored under, and its
// signature verifies, alone or through the chain of a run (mesh/verify.h). Damaged numbers are then
// missing like any others: peers and the cloud give them back, and the next journal of this device
// is a new one. Promise, remembered members, device keys and watermark are taken over as far as
// SQLite can still read them; they are learnt again otherwise.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "mesh/codec.h"
#include "mesh/sqlite/sqlite_store.h"

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

// The store must not be open. `time_stamp` becomes part of the damaged file's new name, e.g.
// "20111006T091700Z". On success a new file stands at options.path.
Result<RecoveryReport> recover(const StoreOptions& options, const StoreIdentity& identity,
                               const Codec& codec, const std::string& time_stamp);

// To be called before the store is opened: a recovery that ended between its last two steps is
// completed.
Status finish_interrupted_recovery(const std::string& path);

}  // namespace titan::mesh
