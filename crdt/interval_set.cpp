#include "crdt/interval_set.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace titan::crdt {
namespace {

using Intervals = IntervalSet::Intervals;

// The first interval that ends at or behind `number`.
template <class Range>
auto first_ending_at(Range& intervals, std::uint64_t number) {
  return std::lower_bound(intervals.begin(), intervals.end(), number,
                          [](const Interval& i, std::uint64_t n) { return i.last < n; });
}

void append_joined(Intervals& joined, Interval next) {
  // Written without `last + 1`, which would wrap at the greatest number.
  if (!joined.empty() &&
      (next.first <= joined.back().last || next.first - joined.back().last == 1)) {
    joined.back().last = std::max(joined.back().last, next.last);
  } else {
    joined.push_back(next);
  }
}

}  // namespace

IntervalSet::IntervalSet(std::vector<Interval> intervals) {
  std::erase_if(intervals, [](const Interval& i) { return i.first == 0 || i.first > i.last; });
  std::sort(intervals.begin(), intervals.end());
  intervals_.reserve(intervals.size());
  for (const Interval& interval : intervals) append_joined(intervals_, interval);
}

bool IntervalSet::add(std::uint64_t number) {
  if (number == 0) return false;
  if (!intervals_.empty() && number > intervals_.back().last) {
    append_joined(intervals_, {number, number});
    return true;
  }
  if (contains(number)) return false;
  add(Interval{number, number});
  return true;
}

void IntervalSet::add(Interval interval) {
  if (interval.first == 0 || interval.first > interval.last) return;
  // All that overlaps or touches the new interval melts into it.
  const auto from = first_ending_at(intervals_, interval.first - 1);
  auto to = from;
  while (to != intervals_.end() && (to->first <= interval.last || to->first - interval.last == 1)) {
    interval.first = std::min(interval.first, to->first);
    interval.last = std::max(interval.last, to->last);
    ++to;
  }
  if (from == to) {
    intervals_.insert(from, interval);
    return;
  }
  *from = interval;
  intervals_.erase(from + 1, to);
}

void IntervalSet::add(const IntervalSet& other) {
  if (other.empty()) return;
  if (other.intervals_.size() == 1) {
    add(other.intervals_.front());
    return;
  }
  Intervals sorted;
  sorted.reserve(intervals_.size() + other.intervals_.size());
  std::merge(intervals_.begin(), intervals_.end(), other.intervals_.begin(), other.intervals_.end(),
             std::back_inserter(sorted));
  Intervals joined;
  joined.reserve(sorted.size());
  for (const Interval& interval : sorted) append_joined(joined, interval);
  intervals_ = std::move(joined);
}

void IntervalSet::remove(Interval interval) {
  if (interval.first > interval.last) return;
  *this = minus(IntervalSet({{std::max<std::uint64_t>(interval.first, 1), interval.last}}));
}

bool IntervalSet::contains(std::uint64_t number) const {
  const auto found = first_ending_at(intervals_, number);
  return found != intervals_.end() && found->first <= number;
}

bool IntervalSet::contains(const IntervalSet& other) const {
  auto mine = intervals_.begin();
  for (const Interval& theirs : other.intervals_) {
    while (mine != intervals_.end() && mine->last < theirs.last) ++mine;
    if (mine == intervals_.end() || mine->first > theirs.first) return false;
  }
  return true;
}

std::uint64_t IntervalSet::count() const {
  std::uint64_t sum = 0;
  for (const Interval& interval : intervals_) sum += interval.count();
  return sum;
}

IntervalSet IntervalSet::minus(const IntervalSet& other) const {
  IntervalSet rest;
  auto cut = other.intervals_.begin();
  for (Interval left : intervals_) {
    while (cut != other.intervals_.end() && cut->last < left.first) ++cut;
    bool used_up = false;
    for (auto next = cut; next != other.intervals_.end() && next->first <= left.last; ++next) {
      if (next->first > left.first) rest.intervals_.push_back({left.first, next->first - 1});
      if (next->last >= left.last) {
        used_up = true;
        break;
      }
      left.first = next->last + 1;
    }
    if (!used_up) rest.intervals_.push_back(left);
  }
  return rest;
}

IntervalSet IntervalSet::lowest(std::uint64_t limit) const {
  IntervalSet taken;
  for (const Interval& interval : intervals_) {
    if (limit == 0) break;
    const std::uint64_t count = std::min(limit, interval.count());
    taken.intervals_.push_back({interval.first, interval.first + count - 1});
    limit -= count;
  }
  return taken;
}

IntervalSet IntervalSet::gaps() const {
  IntervalSet missing;
  std::uint64_t next = 1;
  for (const Interval& interval : intervals_) {
    if (interval.first > next) missing.intervals_.push_back({next, interval.first - 1});
    next = interval.last + 1;
  }
  return missing;
}

void IntervalSet::check_invariants() const {
  for (std::size_t i = 0; i < intervals_.size(); ++i) {
    assert(intervals_[i].first >= 1);
    assert(intervals_[i].first <= intervals_[i].last);
    if (i == 0) continue;
    assert(intervals_[i].first > intervals_[i - 1].last);
    assert(intervals_[i].first - intervals_[i - 1].last > 1);
  }
}

}  // namespace titan::crdt
