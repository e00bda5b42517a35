// Numbers of several journals, of each at least one, and how many they are: told without counting,
// since a store of years has tens of thousands of journals.
#pragma once

#include <cassert>
#include <cstdint>

#include "crdt/interval_set.h"
#include "crdt/version_vector.h"

namespace titan::uplink {

class CountedNumbers {
 public:
  using const_iterator = crdt::JournalNumbers::const_iterator;

  void add(const JournalId& journal, const crdt::IntervalSet& numbers) {
    if (numbers.empty()) return;
    crdt::IntervalSet& held = numbers_[journal];
    count_ -= held.count();
    held.add(numbers);
    count_ += held.count();
  }
  void add(const JournalId& journal, std::uint64_t number) {
    if (numbers_[journal].add(number)) ++count_;
  }
  void add(const CountedNumbers& other) {
    for (const auto& [journal, numbers] : other) add(journal, numbers);
  }
  // Also one that is not there.
  void remove(const JournalId& journal, std::uint64_t number) {
    const auto found = numbers_.find(journal);
    if (found == numbers_.end() || !found->second.contains(number)) return;
    found->second.remove({number, number});
    --count_;
    if (found->second.empty()) numbers_.erase(found);
  }
  void clear() { *this = {}; }

  bool contains(const JournalId& journal, std::uint64_t number) const {
    const auto found = numbers_.find(journal);
    return found != numbers_.end() && found->second.contains(number);
  }
  // None: none of the journal.
  const crdt::IntervalSet* find(const JournalId& journal) const {
    const auto found = numbers_.find(journal);
    return found == numbers_.end() ? nullptr : &found->second;
  }
  std::uint64_t count() const { return count_; }
  bool empty() const { return numbers_.empty(); }
  const_iterator begin() const { return numbers_.begin(); }
  const_iterator end() const { return numbers_.end(); }

  void check_invariants() const {
    assert(crdt::count(numbers_) == count_);
    for (const auto& [journal, numbers] : numbers_) {
      assert(!numbers.empty());
      (void)journal, (void)numbers;
    }
  }

 private:
  crdt::JournalNumbers numbers_;
  std::uint64_t count_ = 0;
};

}  // namespace titan::uplink
