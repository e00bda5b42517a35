// A set of entry numbers as sorted, disjoint, non-adjacent closed intervals; nearly always one:
// 1..n.
//
// Value type, not thread-safe. Invariant: intervals ascend, first <= last, a gap of at least one
// number between neighbours, and no number is 0.
#pragma once

#include <boost/container/small_vector.hpp>
#include <compare>
#include <cstdint>
#include <vector>

namespace titan::crdt {

struct Interval {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  auto operator<=>(const Interval&) const = default;
  std::uint64_t count() const { return last - first + 1; }
};

class IntervalSet {
 public:
  IntervalSet() = default;
  // Sorts and joins; drops intervals that are empty or contain 0.
  explicit IntervalSet(std::vector<Interval> intervals);

  bool operator==(const IntervalSet&) const = default;

  // True if the number was not there yet.
  bool add(std::uint64_t number);
  void add(Interval interval);
  void add(const IntervalSet& other);
  void remove(Interval interval);

  bool contains(std::uint64_t number) const;
  bool contains(const IntervalSet& other) const;
  bool empty() const { return intervals_.empty(); }
  std::uint64_t count() const;
  std::uint64_t top() const { return intervals_.empty() ? 0 : intervals_.back().last; }
  // The numbers of this set that `other` lacks.
  IntervalSet minus(const IntervalSet& other) const;
  // At most `limit` of its numbers, from the lowest on.
  IntervalSet lowest(std::uint64_t limit) const;
  // 1..top() minus this set.
  IntervalSet gaps() const;
  // One needs no memory of its own: a store's vector has tens of thousands of sets.
  using Intervals = boost::container::small_vector<Interval, 1>;
  const Intervals& intervals() const { return intervals_; }

  void check_invariants() const;

 private:
  Intervals intervals_;
};

}  // namespace titan::crdt
