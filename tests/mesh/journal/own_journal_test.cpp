// What becomes of a ticket whose key the disk may hold: it waits for a look-up, joins, is answered
// once, whatever happens meanwhile.
#include "mesh/journal/own_journal.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "mesh/wire/wire_codec.h"

using namespace titan;
using namespace titan::mesh;

namespace {

using EntryPointer = std::shared_ptr<const Entry>;

const WireCodec codec;

EntryDraft draft_of(const std::string& key, const std::string& request = "one milk") {
  EntryDraft draft;
  draft.kind = Kind::sale;
  draft.time.utc_ms = 1'800'000'000'000;
  draft.business_date = 20270115;
  draft.idempotency_key = key;
  draft.request_hash = blake2b(request);
  return draft;
}

StoredState holding(const std::vector<std::string>& keys) {
  StoredState state;
  for (const std::string& key : keys) state.keys.add(hash_of_key(key));
  return state;
}

struct Till {
  explicit Till(const StoredState& state = {})
      : own(codec, KeyPair::from_seed(SecretSeed::draw(random)), ProcessId::draw(random),
            {"till-1", tenant_store_hash("acme", "london-1"), {}, 1}, state, random) {}

  std::vector<KeyLookUp> look_ups() { return own.take_look_ups(); }
  Result<Appended> only_reply(std::uint64_t ticket) {
    const auto replies = own.take_replies();
    REQUIRE(replies.size() == 1);
    REQUIRE(replies[0].ticket == ticket);
    return replies[0].result;
  }

  Random random{1};
  OwnJournal own;
};

}  // namespace

TEST_CASE("a key that nobody holds is recorded at once, one that the disk may hold is looked up") {
  Till till(holding({"old"}));
  CHECK(till.own.append(1, draft_of("new")) != nullptr);
  CHECK(till.look_ups().empty());
  CHECK(till.own.append(2, draft_of("old")) == nullptr);
  const auto look_ups = till.look_ups();
  REQUIRE(look_ups.size() == 1);
  CHECK(look_ups[0].key == "old");
  CHECK(till.own.take_replies().empty());
  const IdempotencyRecord first{
      {JournalId::draw(till.random), 7}, blake2b("x"), blake2b("one milk")};
  CHECK(till.own.on_key_looked_up(look_ups[0].id, first, true) == nullptr);
  const auto answer = till.only_reply(2);
  CHECK(answer->id == first.entry);
  CHECK(answer->repeated);
}

TEST_CASE("a key that shares its hash with another costs a look-up and is recorded") {
  Till till(holding({"as if another"}));
  CHECK(till.own.append(1, draft_of("as if another")) == nullptr);
  const auto look_ups = till.look_ups();
  const auto entry = till.own.on_key_looked_up(look_ups.at(0).id, std::nullopt, true);
  REQUIRE(entry != nullptr);
  CHECK(till.own.take_replies().empty());
  till.own.on_stored(*entry, false);
  CHECK_FALSE(till.only_reply(1)->repeated);
}

TEST_CASE("whoever comes during a look-up joins it, and only one sale is recorded") {
  Till till(holding({"key"}));
  CHECK(till.own.append(1, draft_of("key")) == nullptr);
  CHECK(till.own.append(2, draft_of("key")) == nullptr);
  CHECK(till.own.append(3, draft_of("key", "another basket")) == nullptr);
  const auto look_ups = till.look_ups();
  REQUIRE(look_ups.size() == 1);
  SECTION("it is new: the first is recorded, its repeat waits for the commit") {
    const auto entry = till.own.on_key_looked_up(look_ups[0].id, std::nullopt, true);
    REQUIRE(entry != nullptr);
    CHECK(till.own.append(4, draft_of("key")) == nullptr);
    CHECK(till.look_ups().empty());
    CHECK(till.only_reply(3).error().code == ErrorCode::conflict);
    till.own.on_stored(*entry, false);
    std::set<std::uint64_t> answered;
    for (const AppendReply& reply : till.own.take_replies()) {
      CHECK(reply.result->hash == entry->hash);
      CHECK(reply.result->repeated == (reply.ticket != 1));
      answered.insert(reply.ticket);
    }
    CHECK(answered == std::set<std::uint64_t>{1, 2, 4});
  }
  SECTION("it was recorded: each gets what its request deserves") {
    const IdempotencyRecord first{
        {JournalId::draw(till.random), 7}, blake2b("x"), blake2b("another basket")};
    CHECK(till.own.on_key_looked_up(look_ups[0].id, first, true) == nullptr);
    const auto replies = till.own.take_replies();
    REQUIRE(replies.size() == 3);
    CHECK(replies[0].result.error().code == ErrorCode::conflict);
    CHECK(replies[1].result.error().code == ErrorCode::conflict);
    CHECK(replies[2].result->repeated);
  }
  SECTION("it cannot be read: nobody knows, and the next one looks again") {
    till.own.on_key_look_up_failed(look_ups[0].id);
    const auto replies = till.own.take_replies();
    REQUIRE(replies.size() == 3);
    for (const AppendReply& reply : replies) {
      CHECK(reply.result.error().code == ErrorCode::unknown_outcome);
    }
    CHECK(till.own.append(5, draft_of("key")) == nullptr);
    CHECK(till.look_ups().size() == 1);
  }
  SECTION("it is new, but the disk has failed meanwhile") {
    till.own.on_store_failed();
    CHECK(till.own.on_key_looked_up(look_ups[0].id, std::nullopt, false) == nullptr);
    const auto replies = till.own.take_replies();
    REQUIRE(replies.size() == 3);
    CHECK(replies[0].result.error().code == ErrorCode::unavailable);
  }
  till.own.check_invariants();
}

TEST_CASE("a commit that failed may be there: its key is looked up") {
  Till till;
  const auto entry = till.own.append(1, draft_of("doubtful"));
  REQUIRE(entry != nullptr);
  till.own.on_store_failed();
  CHECK(till.only_reply(1).error().code == ErrorCode::unknown_outcome);
  till.own.go_on();
  CHECK(till.own.append(2, draft_of("doubtful")) == nullptr);
  CHECK(till.look_ups().size() == 1);
}

TEST_CASE("what is stored beside a damaged file is answered without a look-up, until it is whole") {
  Till till(holding({"before"}));
  const auto entry = till.own.append(1, draft_of("beside"));
  till.own.on_stored(*entry, true);
  (void)till.own.take_replies();
  CHECK(till.own.recorded_beside("beside")->entry == entry->envelope.id);
  CHECK_FALSE(till.own.recorded_beside("before"));
  CHECK(till.own.append(2, draft_of("beside")) == nullptr);
  CHECK(till.look_ups().empty());
  CHECK(till.only_reply(2)->id == entry->envelope.id);
  // A look-up in the damaged file finds nothing of what came back from a peer meanwhile.
  CHECK(till.own.append(3, draft_of("before")) == nullptr);
  const auto look_ups = till.look_ups();
  Entry returned = *entry;
  returned.envelope.idempotency_key = "before";
  till.own.observe(returned, true);
  CHECK(till.own.on_key_looked_up(look_ups.at(0).id, std::nullopt, true) == nullptr);
  CHECK(till.only_reply(3)->repeated);
  till.own.resume(holding({"before", "beside"}));
  CHECK_FALSE(till.own.recorded_beside("beside"));
  CHECK(till.own.may_hold("beside"));
  CHECK(till.own.append(4, draft_of("beside")) == nullptr);
  CHECK(till.look_ups().size() == 1);
}

TEST_CASE("a key that the disk dropped is new again") {
  Till till(holding({"old", "young"}));
  const std::uint64_t dropped[] = {hash_of_key("old")};
  till.own.on_keys_dropped(dropped);
  CHECK(till.own.append(1, draft_of("old")) != nullptr);
  CHECK(till.own.append(2, draft_of("young")) == nullptr);
}

TEST_CASE("each ticket is answered once, and a key is recorded once, whatever the disk does") {
  CHECK(rc::check([](std::uint64_t seed) {
    Random random(seed);
    Till till(holding({"k0", "k1", "k2"}));  // of which the disk holds k0
    std::map<std::string, IdempotencyRecord> disk;
    disk["k0"] = {{JournalId::draw(random), 1}, blake2b("x"), blake2b("one milk")};
    std::set<std::uint64_t> answered;
    std::vector<KeyLookUp> looking;
    std::vector<EntryPointer> committing;
    std::uint64_t tickets = 0;
    std::map<std::string, int> written;
    const auto store = [&](const EntryPointer& entry) {
      if (entry == nullptr) return;
      committing.push_back(entry);
      RC_ASSERT(++written[entry->envelope.idempotency_key] == 1);
    };
    for (int step = 0; step < 200 || !looking.empty() || !committing.empty(); ++step) {
      const bool ends = step >= 200;
      const std::uint64_t what = ends ? 5 + random.below(4) : random.below(9);
      if (what < 5) {
        const std::string key = "k" + std::to_string(random.below(6));
        store(till.own.append(++tickets, draft_of(key, random.chance({1, 8}) ? "x" : "one milk")));
      } else if (what < 7 && !looking.empty()) {
        const std::size_t at = random.below(looking.size());
        const KeyLookUp look_up = looking[at];
        looking.erase(looking.begin() + static_cast<std::ptrdiff_t>(at));
        const auto found = disk.find(look_up.key);
        if (random.chance({1, 5})) {
          till.own.on_key_look_up_failed(look_up.id);
        } else if (found == disk.end()) {
          store(till.own.on_key_looked_up(look_up.id, std::nullopt, true));
        } else {
          store(till.own.on_key_looked_up(look_up.id, found->second, true));
        }
      } else if (!committing.empty()) {
        const EntryPointer entry = committing.front();
        committing.erase(committing.begin());
        const Envelope& envelope = entry->envelope;
        disk[envelope.idempotency_key] = {envelope.id, entry->hash, envelope.request_hash};
        till.own.on_stored(*entry, false);
      }
      for (KeyLookUp& look_up : till.look_ups()) looking.push_back(std::move(look_up));
      for (const AppendReply& reply : till.own.take_replies()) {
        RC_ASSERT(answered.insert(reply.ticket).second);
      }
      till.own.check_invariants();
    }
    RC_ASSERT(answered.size() == tickets);
  }));
}

TEST_CASE("the hashes of keys are a set, however they came") {
  CHECK(rc::check([](std::uint64_t seed) {
    Random random(seed);
    std::set<std::uint64_t> plain;
    KeyHashes hashes;
    const std::uint64_t range = 1 + random.below(6000);
    for (std::uint64_t i = random.below(5000); i-- > 0;) {
      const std::uint64_t hash = random.below(range);
      plain.insert(hash);
      hashes.add(hash);
    }
    std::vector<std::uint64_t> dropped;
    for (std::uint64_t i = random.below(2000); i-- > 0;) dropped.push_back(random.below(range));
    for (const std::uint64_t hash : dropped) plain.erase(hash);
    hashes.drop(dropped);
    RC_ASSERT(hashes.size() == plain.size());
    for (std::uint64_t hash = 0; hash < range; ++hash) {
      RC_ASSERT(hashes.contains(hash) == plain.contains(hash));
    }
    RC_ASSERT(hashes == KeyHashes(std::vector<std::uint64_t>(plain.rbegin(), plain.rend())));
    if (!plain.empty()) {
      plain.erase(plain.begin());
      plain.insert(range);
      RC_ASSERT(!(hashes == KeyHashes({plain.begin(), plain.end()})));
    }
  }));
  CHECK(hash_of_key("till1-000017") == 0x5eddf7e0004faefd);
}
