#include "base/ids.h"

#include <catch2/catch.hpp>
#include <set>

#include "base/result.h"
#include "base/time.h"

using namespace titan;

TEST_CASE("An id is read back from its bytes and its text, and from nothing shorter or longer") {
  Random random(1);
  const JournalId id = JournalId::draw(random);
  CHECK(JournalId::from_bytes(id.view()) == id);
  CHECK(JournalId::from_hex_text(id.hex()) == id);
  CHECK_FALSE(JournalId::from_bytes(id.view().substr(1)));
  CHECK_FALSE(JournalId::from_bytes(Bytes(id.view()) + "x"));
  CHECK_FALSE(JournalId::from_hex_text(id.hex().substr(2)));
  CHECK_FALSE(JournalId::from_hex_text(std::string(32, 'g')));
}

TEST_CASE("Ids compare by their bytes, none first") {
  JournalId low;
  JournalId high;
  low.bytes[15] = 255;
  high.bytes[0] = 1;
  CHECK(JournalId{} < low);
  CHECK(low < high);
  CHECK(JournalId{}.is_none());
  CHECK_FALSE(low.is_none());
}

TEST_CASE("The generator gives the same numbers on every machine") {
  // xoshiro256** seeded by splitmix64, as published.
  Random random(42);
  const std::uint64_t first = random.next();
  const std::uint64_t second = random.next();
  Random again(42);
  CHECK(first == 1546998764402558742ULL);
  CHECK(second == 6990951692964543102ULL);
  CHECK(again.next() == first);
}

TEST_CASE("Bounded numbers stay below their bound and reach all of it") {
  Random random(3);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(random.below(0) == 0);
  CHECK(random.chance({1, 1}));
  CHECK_FALSE(random.chance({0, 1}));
}

TEST_CASE("Monotonic times add and compare") {
  const MonoTime start{milliseconds(5)};
  CHECK(start + milliseconds(10) > start);
  CHECK((start + milliseconds(10)) - start == milliseconds(10));
  CHECK(start < MonoTime::never());
}

TEST_CASE("A failed result keeps its code, field and message") {
  const Result<int> result = make_error(ErrorCode::conflict, "used for another sale", "key");
  REQUIRE(result.has_error());
  CHECK(result.error().code == ErrorCode::conflict);
  CHECK(result.error().field == "key");
  CHECK(std::string(to_string(result.error().code)) == "conflict");
  CHECK_THROWS_WITH(result.value(), "used for another sale");
}
