// Idempotency keys on the disk: written with their entries, told when one comes twice, dropped
// beyond the horizon and never before, whatever a wall clock shows.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "fixture.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

constexpr std::int64_t day = 86'400'000;
constexpr std::int64_t start = 1'800'000'000'000;  // 2027

std::unique_ptr<SqliteStore> store_with(KeyHorizon horizon, const std::string& path = "") {
  StoreOptions options;
  options.path = path.empty() ? "memory" : path;
  options.in_memory = path.empty();
  options.keys = horizon;
  return must(SqliteStore::open(options, identity(), codec()));
}

// Sales with keys "NAME-0" and on, one a `step`.
void sell(SqliteStore& store, Till& till, const std::string& name, int count,
          std::int64_t step = 1000) {
  std::vector<EntryPointer> entries;
  for (int i = 0; i < count; ++i) {
    entries.push_back(till.sale({{"A", 1}}, name + "-" + std::to_string(i)));
    till.utc_ms += step;
  }
  must(store.commit(request_of(entries)));
}

int kept(SqliteStore& store, const std::string& name) {
  return static_cast<int>(
      number(store, "SELECT count(*) FROM own_keys WHERE idempotency_key LIKE '" + name + "-%'"));
}

// All that idle moments have to do, and what they tell.
std::vector<std::uint64_t> idle(SqliteStore& store) {
  while (must(store.checkpoint_if_idle())) {
  }
  return store.take_dropped_keys();
}

}  // namespace

TEST_CASE("a key goes when its days are over and as many later keys are there") {
  auto store = store_with({.days = 90, .last_keys = 100});
  Till till(1);
  till.utc_ms = start;
  sell(*store, till, "old", 300);
  till.utc_ms += 89 * day;
  sell(*store, till, "later", 600);
  CHECK(idle(*store).empty());
  CHECK(kept(*store, "old") == 300);
  till.utc_ms += 2 * day;
  sell(*store, till, "now", 40);
  CHECK(idle(*store).empty());  // not half of the last 100 say that so much time has passed
  sell(*store, till, "today", 500);
  const auto dropped = idle(*store);
  CHECK(dropped.size() == 300);
  CHECK(kept(*store, "old") == 0);
  CHECK(kept(*store, "later") == 600);
  const StoredState state = must(store->load());
  CHECK(state.keys.size() == 1140);
  CHECK_FALSE(state.keys.contains(hash_of_key("old-7")));
  CHECK_FALSE(key_in(*store, "old-7"));
  CHECK(key_in(*store, "later-7"));
  must(store->check_file());
}

TEST_CASE("the last keys of a device stay, whatever their age") {
  auto store = store_with({.days = 1, .last_keys = 200});
  Till till(1);
  till.utc_ms = start;
  sell(*store, till, "slow", 700, 30 * day);  // one a month
  (void)idle(*store);
  CHECK(number(*store, "SELECT count(*) FROM own_keys") == 200);
  CHECK(key_in(*store, "slow-500"));
  CHECK_FALSE(key_in(*store, "slow-499"));
}

TEST_CASE("a clock that is years ahead or behind for a while drops no key before its time") {
  auto store = store_with({.days = 90, .last_keys = 1000});
  Till till(1);
  till.utc_ms = start;
  sell(*store, till, "young", 3000);
  const std::int64_t right = till.utc_ms;
  Till ahead(1, till.tail(), 0,
             1ULL << 60);  // a journal of its own, as a clock that jumps makes it
  ahead.utc_ms = start + 3650 * day;
  sell(*store, ahead, "ahead", 400);
  CHECK(idle(*store).empty());
  Till dead(1, ahead.tail(), 0, 1ULL << 60 | 1000);
  dead.utc_ms = 1000;  // 1970
  sell(*store, dead, "dead", 700);
  CHECK(idle(*store).empty());
  Till again(1, dead.tail(), 0, 1ULL << 60 | 2000);
  again.utc_ms = right;
  sell(*store, again, "right", 3000);
  CHECK(idle(*store).empty());
  CHECK(kept(*store, "young") == 3000);
  CHECK(kept(*store, "dead") == 700);
  again.utc_ms += 91 * day;
  sell(*store, again, "later", 1000);
  (void)idle(*store);
  CHECK(kept(*store, "young") == 0);
  CHECK(kept(*store, "right") == 0);
  CHECK(kept(*store, "dead") == 0);     // written before those
  CHECK(kept(*store, "ahead") == 400);  // until that time has come
}

TEST_CASE("which keys are the last is a matter of when they were written, not of when they came") {
  auto store = store_with({.days = 90, .last_keys = 500});
  Till till(1);
  till.utc_ms = start;
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 1500; ++i) {
    entries.push_back(till.sale({{"A", 1}}, "k-" + std::to_string(i)));
    till.utc_ms += day;
  }
  std::reverse(entries.begin(), entries.end());  // a peer gives back the newest first
  must(store->commit(request_of(entries)));
  (void)idle(*store);
  CHECK(key_in(*store, "k-1000"));
  CHECK_FALSE(key_in(*store, "k-999"));
}

TEST_CASE("a slice drops a bounded number, and what is dropped can be recorded anew") {
  TempFolder folder;
  auto store = store_with({.days = 1, .last_keys = 10}, folder.file());
  Till till(1);
  till.utc_ms = start;
  sell(*store, till, "old", 1000);
  till.utc_ms += 3 * day;
  sell(*store, till, "new", 600);
  CHECK(must(store->checkpoint_if_idle()));
  CHECK(store->take_dropped_keys().size() == key_slice_rows);
  CHECK(idle(*store).size() == 1000 - key_slice_rows);
  sell(*store, till, "old", 1);
  CHECK(store->take_repeats().duplicates.empty());
  CHECK(key_in(*store, "old-0"));
  CHECK(idle(*store).empty());
}

TEST_CASE("of two keys with one hash each is found, and the hash goes with the last of them") {
  auto store = store_with({.days = 1, .last_keys = 10});
  Till till(1);
  till.utc_ms = start;
  sell(*store, till, "one", 2);
  till.utc_ms += 3 * day;
  sell(*store, till, "two", 600);
  const std::int64_t shared =
      number(*store, "SELECT hash FROM own_keys WHERE idempotency_key = 'two-7'");
  store->connection().execute("UPDATE own_keys SET hash = " + std::to_string(shared) +
                              " WHERE idempotency_key = 'one-1'");
  const auto dropped = idle(*store);
  CHECK(dropped == std::vector{hash_of_key("one-0")});
  CHECK(key_in(*store, "two-7"));
  CHECK(must(store->load()).keys.contains(hash_of_key("two-7")));
}

TEST_CASE("a commit tells of each key of this device that was there before") {
  auto store = open_in_memory();
  Till before(1);
  Till after(1);  // with an empty disk
  Till other(2);
  const auto first = before.sale({{"A", 1}}, "key");
  const auto twin = after.sale({{"A", 1}}, "key");
  const auto another = after.sale({{"A", 7}}, "key");
  must(store->commit(request_of({first, other.sale({{"A", 1}}, "key")})));
  CHECK(store->take_repeats().duplicates.empty());
  must(store->commit(request_of({twin, another})));
  const auto told = store->take_repeats().duplicates;
  REQUIRE(told.size() == 2);
  CHECK(told[0].later == twin->hash);
  CHECK(told[0].duplicate.is_same_request);
  CHECK(told[1].later == another->hash);
  CHECK_FALSE(told[1].duplicate.is_same_request);
  CHECK(told[1].duplicate.extra == another->envelope.id);
  // Of one request the smaller entry answers, as on every other disk.
  const bool first_is_smaller = first->envelope.id < twin->envelope.id;
  CHECK(key_in(*store, "key")->entry == (first_is_smaller ? first : twin)->envelope.id);
  must(store->commit(request_of({twin, first, another})));
  CHECK(store->take_repeats().duplicates.empty());
  const StoredState state = must(store->load());
  CHECK(state.keys.size() == 1);
  CHECK(state.duplicates.empty());  // both claim the request
  REQUIRE(state.reused_keys.size() == 1);
  CHECK(state.reused_keys[0] == told[1].duplicate);
}

TEST_CASE("a key in a damaged page is an error, not a key that was never used") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  sell(*store, till, "k", 3000);
  must(store->close());
  store = open_store(folder.file());
  const std::int64_t root =
      number(*store, "SELECT rootpage FROM sqlite_master WHERE name = 'own_keys'");
  store.reset();
  {
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((root - 1) * 4096);
    file << std::string(4096, '\x5a');
  }
  store = open_store(folder.file());
  auto reader = must(store->open_reader());
  const auto found = reader->find_key("k-17");
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().code == ErrorCode::corrupt);
  CHECK(store->damage_seen());
}
