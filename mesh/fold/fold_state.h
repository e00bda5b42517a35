// What a fold says: which entries the cloud holds of a store, and the stock that these come to.
//
// Value types.
#pragma once

#include <vector>

#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "mesh/messages.h"

namespace titan::mesh {

struct FoldState {
  crdt::VersionVector covered;
  crdt::Stock::Sums sums;
  crdt::Stock::Claims claims;  // but those of requests, which the entries alone settle
};

// What is others in one fold than in another.
struct FoldContent {
  // Of these journals all numbers that are covered; a journal never loses one.
  std::vector<DeviceJournals> journals;
  crdt::Stock::Sums sums;  // zero: nothing moves the product any more
  crdt::Stock::Claims claims;

  bool operator==(const FoldContent&) const = default;
};
FoldContent what_changed(const FoldState& before, const FoldState& now);

}  // namespace titan::mesh
