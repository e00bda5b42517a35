// What a store database lacks: pieces, gaps that cannot be read, branches of forked numbers.
#include "uplink/postgres/filling.h"

#include <catch2/catch.hpp>

#include "tests/uplink/till.h"

namespace titan::uplink {
namespace {

using test::EntryPointer;
using test::sales;
using test::Till;
using test::vector_of;

Filling::Known known_of(const std::vector<EntryPointer>& entries) {
  Filling::Known known;
  const crdt::VersionVector vector = vector_of(entries);
  for (const auto& [device, journals] : vector.devices()) {
    for (const auto& [journal, item] : journals) known.edit(journal) = item;
  }
  return known;
}

TEST_CASE("filling: what is lacking comes in pieces, and nothing twice") {
  Till till("till-1");
  const auto entries = sales(till, 7);
  Filling filling;
  filling.begin(known_of(entries), vector_of({entries[0], entries[3]}));
  CHECK(filling.count() == 5);
  auto piece = filling.next(3);
  CHECK(piece.numbers == crdt::IntervalSet({{2, 3}, {5, 5}}));
  // A read may bring less than asked for; the rest is asked for again.
  CHECK(filling.on_read(piece, {{entries[1], entries[2]}}) == 0);
  piece = filling.next(100);
  CHECK(piece.numbers == crdt::IntervalSet({{5, 7}}));
  CHECK(filling.on_read(piece, {{entries[4], entries[5], entries[6]}}) == 0);
  CHECK(filling.empty());
}

TEST_CASE("filling: what cannot be read is counted and not waited for") {
  Till till("till-1");
  const auto entries = sales(till, 4);
  Filling filling;
  filling.begin(known_of(entries), {});
  CHECK(filling.on_read(filling.next(3), {{entries[0], entries[2]}}) == 1);
  CHECK(filling.on_read(filling.next(3), {}) == 1);
  CHECK(filling.empty());
  filling.add({{entries[0]->envelope.id.journal, crdt::IntervalSet({{9, 9}})}});
  CHECK(filling.count() == 1);
}

TEST_CASE("filling: a missing branch has all of its journal read again, once") {
  Till till("till-1");
  Till copy("till-1");
  const auto entries = sales(till, 3);
  const auto branch = copy.sell("A", 5);
  auto known = known_of({entries[0], branch, entries[1], entries[2]});
  Filling filling;
  SECTION("where the numbers are all there") {
    filling.begin(known, vector_of(entries));
    CHECK(filling.next(9).numbers == crdt::IntervalSet({{1, 3}}));
  }
  SECTION("where more is lacking, when that has been read") {
    filling.begin(known, vector_of({entries[0], entries[1]}));
    CHECK(filling.next(9).numbers == crdt::IntervalSet({{3, 3}}));
    filling.on_read(filling.next(9), {{entries[2]}});
    CHECK(filling.next(9).numbers == crdt::IntervalSet({{1, 2}}));
    filling.on_read(filling.next(9), {{entries[0], branch, entries[1]}});
    CHECK(filling.empty());
  }
  SECTION("not where the branch is there") {
    filling.begin(known, vector_of({entries[0], branch, entries[1]}));
    CHECK(filling.next(9).numbers == crdt::IntervalSet({{3, 3}}));
    filling.on_read(filling.next(9), {{entries[2]}});
    CHECK(filling.empty());
  }
}

}  // namespace
}  // namespace titan::uplink
