// The cloud's folds on a terminal's disk: each is held against the entries that are here.
//
// A fold comes in the feed (mesh/wire/fold.h). Once it and its parts are stored, and every entry
// that it covers is, too, what these entries come to is compared with what it says, in slices in
// idle moments; then it becomes the present fold. Tables: `folds` has each fold that came,
// `fold_covered`, `fold_stock` and `fold_claims` say what the present one says, `fold_steps` which
// numbers each fold was the first to cover.
//
// Folds are taken in their order, each upon its base, or one that tells everything. One that does
// not contain the present fold is no fold of this store's: it is left out for good.
//
// Everything here throws SQLite::Exception.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "mesh/entry/codec.h"
#include "mesh/sqlite/file/connection.h"
#include "mesh/wire/fold.h"

namespace titan::mesh {

// How a fold of the cloud compared with what this terminal holds.
struct FoldVerdict {
  enum class Outcome {
    same,
    differs,    // the stock of `products`: one of the two computes wrongly
    unchecked,  // taken as it is: a journal has other branches here than there
    adopted,    // this terminal lacked what it covers, and made its figures its own
    refused,    // unreadable, or it does not contain the one before
  };
  struct Difference {
    std::string product;
    std::int64_t here = 0;   // by the entries that are here, in the stock's units
    std::int64_t there = 0;  // by the fold
  };
  std::uint64_t number = 0;
  std::uint64_t entries = 0;  // that it covers
  Outcome outcome = Outcome::same;
  std::vector<Difference> products;  // some of them
};
std::string describe(const FoldVerdict& verdict);

class SignedFolds {
 public:
  SignedFolds(Connection& connection, const Codec& codec, const DeviceId& cloud_device);
  ~SignedFolds();

  // In the transaction of an entry that is new on the disk.
  void note(const Entry& entry, std::int64_t position);

  // A bounded piece of work; to be called while it answers that there is more. `newest_position`:
  // of the entries stored; nothing is looked for again until it moved.
  struct Step {
    bool has_more = false;
    std::optional<FoldVerdict> verdict;
  };
  Step advance(std::int64_t newest_position);

 private:
  struct Comparison;

  std::unique_ptr<Comparison> begin();  // position 0: a fold that was refused
  bool list_works(Comparison& comparison, FoldContent content);
  Step compare_some(std::int64_t newest_position);
  std::int64_t read_some(Comparison& now, std::int64_t entries_max);
  Step refuse(std::uint64_t number);
  FoldVerdict take(const Comparison& done);

  Connection& connection_;
  const Codec& codec_;
  const DeviceId cloud_device_;
  std::unique_ptr<Comparison> comparison_;  // under way; none: the next fold is looked for
  // Entries or parts were lacking when this was the newest position: no other answer before more
  // has come.
  std::int64_t lacking_at_ = -1;
};

}  // namespace titan::mesh
