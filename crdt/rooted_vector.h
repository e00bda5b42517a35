// A version vector with a root that may be signed: who chooses what is in it cannot find another
// vector of the same root. (The vector's own root is a sum; whoever may choose summands finds
// others of the same sum. A row's content is one too: a device may make two sets of entries of its
// own journal look alike.)
//
// A tree of BLAKE2b-256 over the journals by their ids, which are hashes and so fill it evenly:
//   bucket  of 4,096, by the first 12 bits of the id: its journals' rows
//   group   of 64, by the first 6 bits: its buckets that are not empty
//   root    its groups that are not empty
// A change costs its bucket, its group and the root: at 200,000 journals some 50 rows and two lists
// of 64. What exactly is hashed is part of the protocol; rooted_vector.cpp says it.
//
// Value type; copies share what they have in common (shared_map.h). Not thread-safe, as that one.
// Invariant: the hashes are those of vector().
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "crdt/shared_map.h"
#include "crdt/version_vector.h"

namespace titan::crdt {

using Bucket = std::uint32_t;
inline constexpr Bucket bucket_count = 4096;

Bucket bucket_of(const JournalId& journal);
JournalRange range_of(Bucket bucket);

// The first 8 bytes of the bucket's hash: who compares by it is told by the root if two agree by
// chance.
struct BucketDigest {
  Bucket bucket = 0;
  std::uint64_t digest = 0;

  auto operator<=>(const BucketDigest&) const = default;
};

class RootedVector {
 public:
  RootedVector();
  explicit RootedVector(VersionVector vector) : RootedVector() { become(std::move(vector)); }

  const VersionVector& vector() const { return vector_; }
  const Hash& root() const { return root_; }
  // Only what `now` does not share with the present vector is looked at.
  void become(VersionVector now);

  // Of the buckets that are not empty, ascending, from `first` on.
  std::vector<BucketDigest> digests(Bucket first = 0) const;
  // Calls `take(device, journal, item)` for each journal in the bucket.
  template <class Take>
  void each_in_bucket(Bucket bucket, Take&& take) const {
    for (const auto& [device, journals] : vector_.devices()) {
      vector_.each_in_range(device, range_of(bucket),
                            [&](const JournalId& journal, const VectorItem& item) {
                              take(device, journal, item);
                              return true;
                            });
    }
  }

  bool operator==(const RootedVector& other) const { return root_ == other.root_; }
  void check_invariants() const;

 private:
  void hash_anew(const std::set<Bucket>& changed);

  VersionVector vector_;
  SharedMap<Bucket, Hash> buckets_;        // those that are not empty
  SharedMap<std::uint32_t, Hash> groups_;  // the same
  Hash root_;
};

}  // namespace titan::crdt
