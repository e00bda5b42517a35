// The votes of one process: what it promised, what of it is on disk, and what waits for the disk.
//
// Pure. Invariants: terms only rise; one term is promised to one process only; what rests on a
// promise comes out of release() only after that promise, or a later one, was reported stored.
#pragma once

#include <cstddef>
#include <deque>
#include <variant>
#include <vector>

#include "election/messages.h"
#include "election/types.h"

namespace titan::election {

// The three things that wait for a promise.
struct VoteForOther {
  ProcessId candidate;
  Token hand_over_of;
};
struct VoteForSelf {};
struct TermRaise {};
using Withheld = std::variant<VoteForOther, VoteForSelf, TermRaise>;

struct Released {
  Promise promise;
  Withheld what;
};

class Promises {
 public:
  Promises(Promise stored, std::size_t withheld_max)
      : latest_(stored), stored_(stored), withheld_max_(withheld_max) {}

  const Promise& latest() const { return latest_; }
  bool is_stored(const Promise& promise) const { return promise.term <= stored_.term; }
  bool allows(std::uint64_t term, const ProcessId& candidate) const {
    return term > latest_.term || (term == latest_.term && candidate == latest_.voted_for);
  }

  // `promise` must be allowed. Returns true when it is new and has to be stored.
  bool make(const Promise& promise, Withheld what);
  // What the disk has made good, in the order in which it was promised.
  std::vector<Released> release(const Promise& stored);

  void check_invariants() const;

 private:
  Promise latest_;  // stored_.term <= latest_.term
  Promise stored_;  // the latest reported; what it says of terms at or below it is good
  std::size_t withheld_max_;
  // In the order made: terms never fall, and none is below stored_. Beyond withheld_max_ the oldest
  // is dropped: its candidate asks again, or its round fails.
  std::deque<Released> withheld_;
};

}  // namespace titan::election
