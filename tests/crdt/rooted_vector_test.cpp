// The root that may be signed: equal for equal vectors however they came about, another for others.
#include "crdt/rooted_vector.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/random.h"

using namespace titan;
using namespace titan::crdt;

namespace {

// A store of a few devices whose journals grow, begin and end.
struct Store {
  Random random;
  std::vector<DeviceId> devices;
  std::vector<std::pair<DeviceId, JournalId>> journals;
  VersionVector vector;

  explicit Store(std::uint64_t seed) : random(seed) {
    for (int i = 0; i < 4; ++i) devices.push_back(DeviceId::draw(random));
  }
  void step() {
    const std::uint64_t choice = random.below(10);
    if (journals.empty() || choice < 4) {
      journals.emplace_back(devices[random.below(devices.size())], JournalId::draw(random));
      add(journals.back());
    } else if (choice < 9) {
      add(journals[random.below(journals.size())]);
    } else {
      const auto& [device, journal] = journals[random.below(journals.size())];
      vector.set(device, journal, {});
    }
  }
  void add(const std::pair<DeviceId, JournalId>& journal) {
    vector.add(journal.first, journal.second, 1 + random.below(50), Hash::draw(random));
  }
};

using Rows = std::map<std::tuple<DeviceId, JournalId>, VectorItem>;

Rows rows_of(const VersionVector& vector) {
  Rows rows;
  for (const auto& [device, journals] : vector.devices()) {
    for (const auto& [journal, item] : journals) rows[{device, journal}] = item;
  }
  return rows;
}

}  // namespace

TEST_CASE("A root is of what is in the vector, not of how it came there") {
  rc::prop("step by step, at once, or in another order", [](std::uint64_t seed) {
    Store store(seed);
    RootedVector stepwise;
    for (int i = 0; i < 300; ++i) {
      store.step();
      if (store.random.below(4) == 0) stepwise.become(store.vector);
    }
    stepwise.become(store.vector);
    stepwise.check_invariants();
    VersionVector backwards;
    const Rows rows = rows_of(store.vector);
    for (auto at = rows.rbegin(); at != rows.rend(); ++at) {
      backwards.set(std::get<0>(at->first), std::get<1>(at->first), at->second);
    }
    RC_ASSERT(RootedVector(backwards).root() == stepwise.root());
    RC_ASSERT(RootedVector(backwards).digests() == stepwise.digests());
  });
  CHECK(RootedVector().root() == RootedVector(VersionVector()).root());
}

TEST_CASE("Whatever is others in a vector, its root is another") {
  rc::prop("numbers, content, a journal more, another device", [](std::uint64_t seed) {
    Store store(seed);
    for (int i = 0; i < 40; ++i) store.step();
    const RootedVector before(store.vector);
    const auto [device, journal] = store.journals[store.random.below(store.journals.size())];
    const VectorItem* held = store.vector.find(journal);
    VectorItem item = held == nullptr ? VectorItem{} : *held;
    VersionVector changed = store.vector;
    switch (store.random.below(4)) {
      case 0:
        item.stored.add(item.stored.top() + 1 + store.random.below(2));
        changed.set(device, journal, item);
        break;
      case 1:
        item.stored.add(7);
        item.content.add({1, 0});
        changed.set(device, journal, item);
        break;
      case 2:
        changed.add(device, JournalId::draw(store.random), 1, Hash::draw(store.random));
        break;
      case 3:
        item.stored.add(7);
        changed.set(device, journal, {});
        changed.set(DeviceId::draw(store.random), journal, item);
        break;
    }
    RC_ASSERT(RootedVector(changed).root() != before.root());
  });
}

TEST_CASE("The difference of two vectors is found without looking at what they share") {
  rc::prop("and is the same as by listing both", [](std::uint64_t seed) {
    Store store(seed);
    for (int i = 0; i < 500; ++i) store.step();
    const VersionVector before = store.vector;
    const auto changes = store.random.below(30);
    for (std::uint64_t i = 0; i < changes; ++i) store.step();
    Rows found;
    std::size_t calls = 0;
    VersionVector::each_difference(
        before, store.vector,
        [&](const DeviceId& device, const JournalId& journal, const VectorItem* item) {
          found[{device, journal}] = item == nullptr ? VectorItem{} : *item;
          ++calls;
        });
    Rows expected;
    const Rows old = rows_of(before);
    const Rows now = rows_of(store.vector);
    for (const auto& [key, item] : now) {
      const auto was = old.find(key);
      if (was == old.end() || !(was->second == item)) expected[key] = item;
    }
    for (const auto& [key, item] : old) {
      if (!now.contains(key)) expected[key] = {};
    }
    RC_ASSERT(found == expected);
    RC_ASSERT(calls == found.size());
  });
}

TEST_CASE("Every journal lies in its bucket's range, and the ranges leave no gap") {
  Random random(5);
  for (int i = 0; i < 1000; ++i) {
    const JournalId journal = JournalId::draw(random);
    const JournalRange range = range_of(bucket_of(journal));
    CHECK(range.after < journal);
    CHECK(journal <= range.last);
  }
  CHECK(range_of(0).after == JournalRange::all().after);
  CHECK(range_of(bucket_count - 1).last == JournalRange::all().last);
  for (Bucket bucket = 1; bucket < bucket_count; ++bucket) {
    CHECK(range_of(bucket).after == range_of(bucket - 1).last);
  }
}
