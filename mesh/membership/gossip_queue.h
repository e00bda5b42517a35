// What membership has to pass on: the queue of updates and the ring that shares out turns.
//
// Not thread-safe. Bounded by the number of known members: one update per process, a newer one
// takes the older one's place.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "mesh/messages.h"

namespace titan::mesh {

class GossipQueue {
 public:
  void put(const MemberUpdate& update);
  void remove(const ProcessId& process) { queued_.erase(process); }
  bool empty() const { return queued_.empty(); }
  std::size_t size() const { return queued_.size(); }

  // Up to `count` updates for a message to `receiver`, those sent least often first, the newest
  // first among equals (SWIM 4.1). An update sent `transmissions` times is dropped. The receiver
  // is not told that it is alive itself.
  std::vector<MemberUpdate> take(const ProcessId& receiver, std::size_t count,
                                 std::uint32_t transmissions);

 private:
  struct Queued {
    MemberUpdate update;
    std::uint32_t sent = 0;
    std::uint64_t order = 0;
  };
  std::map<ProcessId, Queued> queued_;
  std::uint64_t next_order_ = 0;
};

// Round-robin over a shuffled list (SWIM 4.3): everyone has a turn within one round, and a
// newcomer at a random place of it.
class Ring {
 public:
  void insert(const ProcessId& process, Random& random);
  void remove(const ProcessId& process);
  bool contains(const ProcessId& process) const;
  std::size_t size() const { return order_.size(); }
  // Whose turn it is; nothing if empty. With `reshuffle` each round has an order of its own.
  std::optional<ProcessId> advance(Random& random, bool reshuffle);

 private:
  std::vector<ProcessId> order_;
  std::size_t next_ = 0;
};

}  // namespace titan::mesh
