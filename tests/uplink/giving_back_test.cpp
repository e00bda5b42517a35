// What a store database gives back: what the journals lack, in pieces, and no end that never comes.
#include "uplink/giving_back.h"

#include <catch2/catch.hpp>

#include "tests/uplink/till.h"

namespace titan::uplink {
namespace {

using test::EntryPointer;
using test::sales;
using test::Till;
using test::vector_of;

constexpr Duration answer_limit = seconds(1);
constexpr MonoTime start{};

// This terminal's disk.
struct Held {
  GivingBack::Known known;

  void keep(const std::vector<EntryPointer>& entries) {
    for (const auto& entry : entries) {
      known.edit(entry->envelope.id.journal).stored.add(entry->envelope.id.number);
    }
  }
  GivingBack::Held now() const {
    return [this](const JournalId& journal) {
      const auto found = known.find(journal);
      return found == known.end() ? crdt::IntervalSet{} : found->second.stored;
    };
  }
};

TEST_CASE("giving back: a database that holds no more than the journals gives nothing") {
  Till till("till-1");
  const auto entries = sales(till, 5);
  Held held;
  held.keep(entries);
  GivingBack giving(answer_limit);
  giving.begin(held.known, vector_of({entries[0], entries[2]}));
  CHECK(giving.is_done());
  CHECK(giving.next(held.now(), 10, start).empty());
}

TEST_CASE("giving back: pieces follow one another as they are stored, whoever stored them") {
  Till till("till-1");
  const auto entries = sales(till, 7);
  const JournalId journal = entries[0]->envelope.id.journal;
  Held held;
  held.keep({entries[1]});
  GivingBack giving(answer_limit);
  giving.begin(held.known, vector_of(entries));
  CHECK(giving.count() == 6);
  auto piece = giving.next(held.now(), 3, start);
  CHECK(piece.at(journal) == crdt::IntervalSet({{1, 1}, {3, 4}}));
  giving.on_read(piece);
  CHECK(giving.next(held.now(), 3, start).empty());  // not stored yet
  held.keep({entries[0], entries[2], entries[3], entries[5]});
  piece = giving.next(held.now(), 3, start);
  CHECK(piece.at(journal) == crdt::IntervalSet({{5, 5}, {7, 7}}));  // 6 came from a peer
  giving.on_read(piece);
  held.keep(entries);
  CHECK(giving.next(held.now(), 3, start).empty());
  CHECK(giving.is_done());
  CHECK(giving.taken() == 5);
  CHECK(giving.refused() == 0);
}

TEST_CASE("giving back: what is refused, or not to be read, does not hold up the rest") {
  Till till("till-1");
  const auto entries = sales(till, 6);
  const JournalId journal = entries[0]->envelope.id.journal;
  Held held;
  GivingBack giving(answer_limit);
  giving.begin(held.known, vector_of(entries));
  auto piece = giving.next(held.now(), 4, start);
  CHECK(piece.at(journal) == crdt::IntervalSet({{1, 4}}));
  // Number 2 is not in the table; 4 did not fit into the answer.
  giving.on_read({{journal, crdt::IntervalSet({{1, 1}, {3, 3}})}});
  CHECK(giving.refused() == 1);
  held.keep({entries[0]});
  CHECK(giving.next(held.now(), 4, start + answer_limit - Duration(1)).empty());
  piece = giving.next(held.now(), 4, start + answer_limit);
  CHECK(giving.refused() == 2);
  CHECK(piece.at(journal) == crdt::IntervalSet({{4, 6}}));
  giving.on_read({});  // nothing of it is there
  CHECK(giving.is_done());
  CHECK(giving.taken() == 1);
  CHECK(giving.refused() == 5);
}

TEST_CASE("giving back: many small journals share a piece") {
  std::vector<EntryPointer> all;
  Till till("till-1");
  for (int journal = 0; journal < 5; ++journal) {
    const auto some = sales(till, 2);
    all.insert(all.end(), some.begin(), some.end());
    till.new_journal();
  }
  Held held;
  GivingBack giving(answer_limit);
  giving.begin(held.known, vector_of(all));
  const auto piece = giving.next(held.now(), 7, start);
  CHECK(piece.size() == 4);
  std::uint64_t numbers = 0;
  for (const auto& [journal, set] : piece) numbers += set.count();
  CHECK(numbers == 7);
}

}  // namespace
}  // namespace titan::uplink
