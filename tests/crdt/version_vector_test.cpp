#include "crdt/version_vector.h"

#include <catch2/catch.hpp>

#include "base/random.h"

using namespace titan;
using namespace titan::crdt;

namespace {

struct Facts {
  Random random{11};
  DeviceId device = DeviceId::draw(random);
  DeviceId other_device = DeviceId::draw(random);
  JournalId journal = JournalId::draw(random);
  JournalId other_journal = JournalId::draw(random);
  Hash hash() { return Hash::draw(random); }
};

}  // namespace

TEST_CASE("Content sums add and subtract modulo 2^128") {
  ContentSum sum{~0ULL, ~0ULL};
  sum.add({1, 0});
  CHECK(sum.is_zero());
  sum.subtract({1, 0});
  CHECK(sum == ContentSum{~0ULL, ~0ULL});
  CHECK(ContentSum::from_bytes(sum.to_bytes()) == sum);
  Hash hash;
  hash.bytes[0] = 1;
  hash.bytes[8] = 2;
  hash.bytes[16] = 99;
  CHECK(ContentSum::of(hash) == ContentSum{1, 2});
}

TEST_CASE("A vector knows what is stored") {
  Facts facts;
  VersionVector vector;
  CHECK(vector.empty());
  vector.add(facts.device, facts.journal, 1, facts.hash());
  vector.add(facts.device, facts.journal, 3, facts.hash());
  vector.check_invariants();
  CHECK(vector.contains(facts.journal, 1));
  CHECK_FALSE(vector.contains(facts.journal, 2));
  CHECK_FALSE(vector.contains(facts.other_journal, 1));
  CHECK(vector.device_of(facts.journal) == facts.device);
  CHECK_FALSE(vector.device_of(facts.other_journal));
  CHECK(vector.entry_count() == 2);
  CHECK(vector.device_digest(facts.other_device).is_zero());
}

TEST_CASE("Two branches of one number differ from one, whatever the order") {
  Facts facts;
  const Hash one = facts.hash();
  const Hash two = facts.hash();
  VersionVector a, b, single;
  a.add(facts.device, facts.journal, 1, one);
  a.add(facts.device, facts.journal, 1, two);
  b.add(facts.device, facts.journal, 1, two);
  b.add(facts.device, facts.journal, 1, one);
  single.add(facts.device, facts.journal, 1, one);
  a.check_invariants();
  CHECK(a == b);
  CHECK(a.root() == b.root());
  CHECK(a.root() != single.root());
  CHECK(a.entry_count() == 1);
  CHECK(missing(single, a).empty());
}

TEST_CASE("A journal stays with the device it was first seen with") {
  Facts facts;
  VersionVector vector;
  vector.add(facts.device, facts.journal, 1, facts.hash());
  vector.add(facts.other_device, facts.journal, 2, facts.hash());
  vector.check_invariants();
  CHECK(vector.device_of(facts.journal) == facts.device);
  CHECK(vector.devices().size() == 1);
}

TEST_CASE("Setting a journal replaces it, and nothing stored removes it") {
  Facts facts;
  VersionVector vector, expected;
  vector.add(facts.device, facts.journal, 1, facts.hash());
  VectorItem item;
  item.stored.add(Interval{1, 9});
  item.content = {5, 6};
  vector.set(facts.device, facts.journal, item);
  expected.set(facts.device, facts.journal, item);
  vector.check_invariants();
  CHECK(vector == expected);
  CHECK(vector.root() == expected.root());
  CHECK(vector.entry_count() == 9);
  vector.set(facts.device, facts.journal, {});
  vector.check_invariants();
  CHECK(vector == VersionVector{});
  CHECK(vector.root().is_zero());
  CHECK(vector.device_digest(facts.device).is_zero());
}

TEST_CASE("The root is part of the protocol and never changes") {
  DeviceId device;
  JournalId journal;
  Hash hash;
  device.bytes.fill(1);
  journal.bytes.fill(2);
  hash.bytes.fill(3);
  VersionVector vector;
  vector.add(device, journal, 1, hash);
  // Computed apart from this code, from the formula in the header.
  CHECK(to_hex({reinterpret_cast<const char*>(vector.root().to_bytes().data()), 16}) ==
        "9cf0d9d9ef2f92c73d25db438e25ce00");
}

TEST_CASE("What is missing is named exactly") {
  Facts facts;
  VersionVector ours, theirs;
  for (std::uint64_t n = 1; n <= 10; ++n) {
    const Hash hash = facts.hash();
    theirs.add(facts.device, facts.journal, n, hash);
    if (n % 3 != 0) ours.add(facts.device, facts.journal, n, hash);
  }
  theirs.add(facts.other_device, facts.other_journal, 1, facts.hash());
  const auto lacking = missing(ours, theirs);
  REQUIRE(lacking.size() == 2);
  CHECK(lacking.at(facts.journal).intervals() == IntervalSet::Intervals{{3, 3}, {6, 6}, {9, 9}});
  CHECK(lacking.at(facts.other_journal).intervals() == IntervalSet::Intervals{{1, 1}});
  CHECK(missing(theirs, ours).empty());
}
