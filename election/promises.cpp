#include "election/promises.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace titan::election {

bool Promises::make(const Promise& promise, Withheld what) {
  assert(allows(promise.term, promise.voted_for));
  const bool is_new = promise != latest_;
  const bool waits_already =
      !is_new && std::any_of(withheld_.begin(), withheld_.end(), [&](const Released& waiting) {
        return waiting.promise == promise && waiting.what.index() == what.index();
      });
  latest_ = promise;
  if (waits_already) return false;
  if (withheld_.size() >= withheld_max_) withheld_.pop_front();
  withheld_.push_back({promise, std::move(what)});
  return is_new;
}

std::vector<Released> Promises::release(const Promise& stored) {
  // A report beyond what was promised would be the host's bug; believing it would unlock votes.
  if (stored.term > latest_.term) return {};
  if (stored > stored_) stored_ = stored;
  std::vector<Released> released;
  while (!withheld_.empty() && is_stored(withheld_.front().promise)) {
    released.push_back(std::move(withheld_.front()));
    withheld_.pop_front();
  }
  return released;
}

void Promises::check_invariants() const {
  assert(stored_.term <= latest_.term);
  assert(withheld_.size() <= withheld_max_);
  std::uint64_t term = stored_.term;
  for (const Released& waiting : withheld_) {
    assert(waiting.promise.term >= term);
    term = waiting.promise.term;
    assert(term <= latest_.term);
  }
}

}  // namespace titan::election
