#include "crdt/interval_set.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <tuple>

using namespace titan::crdt;

namespace {

constexpr std::uint64_t number_max = 40;  // small, so that intervals touch and overlap
using Model = std::set<std::uint64_t>;

std::set<std::uint64_t> numbers_of(const IntervalSet& set) {
  Model numbers;
  for (const auto& interval : set.intervals()) {
    for (std::uint64_t n = interval.first; n <= interval.last; ++n) numbers.insert(n);
  }
  return numbers;
}

IntervalSet set_of(const Model& model) {
  IntervalSet set;
  for (const auto number : model) set.add(number);
  return set;
}

rc::Gen<Model> any_model() {
  return rc::gen::container<Model>(rc::gen::inRange<std::uint64_t>(1, number_max));
}

Interval any_interval() {
  const auto first = *rc::gen::inRange<std::uint64_t>(0, number_max);
  const auto last = *rc::gen::inRange<std::uint64_t>(0, number_max);
  return {first, last};
}

}  // namespace

TEST_CASE("An interval set behaves like a set of numbers") {
  rc::prop("under any sequence of changes", [] {
    IntervalSet set;
    Model model;
    const auto steps = *rc::gen::inRange(0, 60);
    for (int step = 0; step < steps; ++step) {
      const auto number = *rc::gen::inRange<std::uint64_t>(0, number_max);
      const Interval interval = any_interval();
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          RC_ASSERT(set.add(number) == (number != 0 && model.insert(number).second));
          break;
        case 1:
          set.add(interval);
          for (auto n = std::max<std::uint64_t>(interval.first, 1);
               interval.first != 0 && n <= interval.last; ++n) {
            model.insert(n);
          }
          break;
        case 2:
          set.remove(interval);
          for (auto n = interval.first; n <= interval.last; ++n) model.erase(n);
          break;
        default: {
          const Model more = *any_model();
          set.add(set_of(more));
          model.insert(more.begin(), more.end());
        }
      }
      set.check_invariants();
      RC_ASSERT(numbers_of(set) == model);
      RC_ASSERT(set.count() == model.size());
      RC_ASSERT(set.top() == (model.empty() ? 0 : *model.rbegin()));
      RC_ASSERT(set.contains(number) == model.contains(number));
    }
  });

  rc::prop("difference, containment and gaps", [] {
    const Model a = *any_model();
    const Model b = *any_model();
    Model difference;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(difference, difference.end()));
    const IntervalSet rest = set_of(a).minus(set_of(b));
    rest.check_invariants();
    RC_ASSERT(numbers_of(rest) == difference);
    RC_ASSERT(set_of(b).contains(set_of(a)) == difference.empty());
    Model gaps;
    for (std::uint64_t n = 1; !a.empty() && n < *a.rbegin(); ++n) {
      if (!a.contains(n)) gaps.insert(n);
    }
    set_of(a).gaps().check_invariants();
    RC_ASSERT(numbers_of(set_of(a).gaps()) == gaps);
  });

  rc::prop("the lowest numbers", [] {
    const Model model = *any_model();
    const auto limit = *rc::gen::inRange<std::size_t>(0, model.size() + 2);
    const IntervalSet lowest = set_of(model).lowest(limit);
    lowest.check_invariants();
    const auto end = std::next(model.begin(), std::min(limit, model.size()));
    RC_ASSERT(numbers_of(lowest) == Model(model.begin(), end));
  });

  rc::prop("however it was made, equal numbers are equal sets", [] {
    std::vector<Interval> intervals;
    const auto count = *rc::gen::inRange(0, 12);
    for (int i = 0; i < count; ++i) intervals.push_back(any_interval());
    IntervalSet one_by_one;
    for (const auto& interval : intervals) one_by_one.add(interval);
    const IntervalSet at_once(intervals);
    at_once.check_invariants();
    RC_ASSERT(at_once == one_by_one);
    RC_ASSERT(set_of(numbers_of(at_once)) == at_once);
  });
}

TEST_CASE("Numbers at the very end do not wrap") {
  constexpr auto last = std::numeric_limits<std::uint64_t>::max();
  IntervalSet set;
  CHECK(set.add(last));
  CHECK_FALSE(set.add(last));
  set.add(Interval{last - 2, last - 1});
  CHECK(set.intervals() == IntervalSet::Intervals{{last - 2, last}});
  set.remove({last, last});
  CHECK(set.top() == last - 1);
  set.add(Interval{1, last});
  CHECK(set.intervals() == IntervalSet::Intervals{{1, last}});
  CHECK(set.gaps().empty());
  CHECK(set.minus(set).empty());
}

TEST_CASE("A journal in order stays one interval") {
  IntervalSet set;
  for (std::uint64_t n = 1; n <= 100'000; ++n) set.add(n);
  CHECK(set.intervals() == IntervalSet::Intervals{{1, 100'000}});
}
