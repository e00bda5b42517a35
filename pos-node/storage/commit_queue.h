// What waits for the disk, and which of it goes into the next transaction.
//
// A transaction holds up whoever comes while it runs, so each has an end. What somebody waits for
// (a till screen for its receipt, a candidate for a vote) goes before what nobody waits for: a till
// that catches up with the store still sells. Within each of the two kinds the order stays that of
// push(). Entries commute; rows that replace one another do not, so an urgent request with such
// rows overtakes nothing.
//
// Not thread-safe: the storage thread's lock guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "mesh/journal/stored_state.h"

namespace titan::pos {

// Of one transaction and each kind; a larger request goes alone. More: fewer commits on a slow
// disk, and a sale waits longer behind a catch-up (an entry costs about 20 µs, one of 500 products
// 8 ms).
inline constexpr std::size_t commit_entries_max = 1000;
inline constexpr std::size_t commit_bytes_max = 512 * 1024;

class CommitQueue {
 public:
  void push(mesh::StoreRequest request);
  // The next transaction, urgent ones first. Each kind that waits is among it, so that neither
  // holds up the other for ever.
  std::vector<mesh::StoreRequest> take();
  void clear();

  bool empty() const { return urgent_.empty() && relaxed_.empty(); }
  bool has_urgent() const { return !urgent_.empty(); }
  std::size_t entries() const { return entries_; }

 private:
  void take_some(std::deque<mesh::StoreRequest>& from, std::vector<mesh::StoreRequest>& taken);

  // Both in the order of push(). Neither has a limit of its own: what may wait is bounded where it
  // comes from (appends_waiting_max in mesh_host.cpp, the entries a node asks its peers for).
  std::deque<mesh::StoreRequest> urgent_;
  std::deque<mesh::StoreRequest> relaxed_;
  std::size_t entries_ = 0;  // of all requests in both
};

}  // namespace titan::pos
