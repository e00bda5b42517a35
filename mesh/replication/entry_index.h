// What this terminal holds: the vector of what is stored, the numbers handed to the disk and not
// yet reported back, and the device keys that check signatures.
//
// Not thread-safe. Invariant: a pending number is not in the stored vector, unless it is a further
// branch of a forked journal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/crypto.h"
#include "base/ids.h"
#include "crdt/version_vector.h"

namespace titan::mesh {

class EntryIndex {
 public:
  EntryIndex(crdt::VersionVector stored, const std::vector<PublicKey>& devices);

  const crdt::VersionVector& stored() const { return stored_; }
  // Stored, or on its way to the disk.
  bool has(const JournalId& journal, std::uint64_t number) const;
  // The numbers of `wanted` that are neither stored nor on their way to the disk.
  crdt::IntervalSet lacking(const JournalId& journal, const crdt::IntervalSet& wanted) const;
  bool any_pending() const { return !pending_.empty(); }
  std::uint64_t pending_count() const { return pending_count_; }

  void on_handed_to_disk(const JournalId& journal, std::uint64_t number);
  // What was on its way to the disk has come to nothing.
  void drop_pending();
  void on_stored(const DeviceId& device, const JournalId& journal, std::uint64_t number,
                 const Hash& hash);

  // True if the key was not known yet.
  bool learn(const PublicKey& key);
  std::optional<PublicKey> key_of(const DeviceId& device) const;
  const std::map<DeviceId, PublicKey>& keys() const { return keys_; }
  void check_invariants() const;

 private:
  crdt::VersionVector stored_;
  std::map<JournalId, crdt::IntervalSet> pending_;  // handed to the disk, not reported; none empty
  std::uint64_t pending_count_ = 0;                 // of all in pending_
  std::map<DeviceId, PublicKey> keys_;  // by the id that each hashes to; never forgotten
};

}  // namespace titan::mesh
