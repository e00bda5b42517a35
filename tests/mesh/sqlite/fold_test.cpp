// The fold is a cache: whatever its position, a store loads as the same state.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "fixture.h"
#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/journal/fold.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

// A random hour of three tills: sales, deliveries, voids of the same sale by two tills, repeats.
std::vector<EntryPointer> random_entries(Random& random, std::size_t count) {
  std::vector<Till> tills;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) tills.emplace_back(seed);
  std::vector<EntryPointer> entries;
  std::vector<EntryPointer> sales;
  const char* skus[] = {"85123A", "85123a", "71053", "\xc3\x84pfel"};
  while (entries.size() < count) {
    Till& till = tills[random.below(tills.size())];
    const std::string sku = skus[random.below(4)];
    switch (random.below(7)) {
      case 0:
        entries.push_back(till.delivery(sku, random.below(50) + 1));
        break;
      case 1:
        if (!sales.empty()) {
          entries.push_back(till.void_sale(*sales[random.below(sales.size())]));
        }
        break;
      case 2:
        if (!entries.empty()) entries.push_back(entries[random.below(entries.size())]);
        break;
      case 3: {
        // Two tills book one transfer, each with the products that it thinks it has before it.
        std::vector<Item> items{{sku, static_cast<std::int64_t>(random.below(5)) + 1}};
        if (random.chance({1, 2})) items.push_back({skus[random.below(4)], 2});
        if (random.chance({1, 2})) items.push_back({"only-" + std::to_string(entries.size()), 3});
        entries.push_back(till.transfer_in(std::to_string(random.below(4)), items));
        break;
      }
      default:
        // Some with the key and the request of an earlier one: recorded again after a lost disk.
        sales.push_back(till.sale({{sku, static_cast<std::int64_t>(random.below(3)) + 1}},
                                  "key-" + std::to_string(random.below(12))));
        entries.push_back(sales.back());
    }
  }
  for (std::size_t i = entries.size(); i > 1; --i)
    std::swap(entries[i - 1], entries[random.below(i)]);
  return entries;
}

}  // namespace

TEST_CASE("folding in any slices and replaying the rest equals replaying everything") {
  CHECK(rc::check([](std::uint64_t seed) {
    Random random(seed);
    const auto entries = random_entries(random, random.below(120) + 1);
    auto store = open_in_memory();
    for (const auto& entry : entries) must(store->commit(request_of({entry})));
    const StoredState replayed = must(store->load());

    crdt::VersionVector vector;
    crdt::Stock stock;  // keeps every claim from its first entry on
    std::set<Hash> applied;
    for (const auto& entry : entries) {
      if (!applied.insert(entry->hash).second) continue;
      const Envelope& envelope = entry->envelope;
      vector.add(envelope.device, envelope.id.journal, envelope.id.number, entry->hash);
      stock.apply(entry->hash, envelope.claim, envelope.stock_effects);
    }
    RC_ASSERT(replayed.vector == vector);
    RC_ASSERT(replayed.stock.sums() == stock.sums());
    RC_ASSERT(replayed.stock.digest() == stock.digest());
    for (const auto& entry : entries) {
      if (entry->envelope.claim.is_none()) continue;
      RC_ASSERT(counts(replayed.stock, *entry) ==
                stock.claim_won_by(entry->envelope.claim, entry->hash));
    }
    for (const auto& [claim, winner] : replayed.stock.claims()) {
      RC_ASSERT(stock.claims().at(claim) == winner);
    }

    const FoldContext context{store->connection(), codec(), device_of_seed(1)};
    for (;;) {
      const std::size_t folded = must(fold_some(context, random.below(30) + 1));
      require_same(must(store->load()), replayed);
      if (folded == 0) break;
    }
    must(forget_fold(store->connection()));
    require_same(must(store->load()), replayed);
  }));
}

TEST_CASE("idle moments fold, and a polite close leaves nothing to replay") {
  TempFolder folder;
  Till till(1);
  StoredState before;
  {
    auto store = open_store(folder.file());
    std::vector<EntryPointer> entries;
    for (int i = 0; i < unfolded_entries_idle + 100; ++i) entries.push_back(till.sale({{"A", 1}}));
    must(store->commit(request_of(entries)));
    before = must(store->load());
    CHECK(must(folded_position(store->connection())) == 0);
    int slices = 0;
    while (must(store->checkpoint_if_idle())) ++slices;
    CHECK(slices >= 1);
    CHECK(must(folded_position(store->connection())) == fold_slice_entries);
    must(store->close());
  }
  auto store = open_store(folder.file());
  CHECK(must(folded_position(store->connection())) == unfolded_entries_idle + 100);
  require_same(must(store->load()), before);
}

TEST_CASE("folding a long backlog does not let the log grow without bound") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  // Many products, so that each slice writes many pages.
  for (int i = 0; i < 60; ++i) {
    std::vector<EntryPointer> entries;
    for (int k = 0; k < 200; ++k) {
      std::vector<Item> items;
      for (int j = 0; j < 4; ++j) {
        items.push_back({"SKU-" + std::to_string((i * 7919 + k * 104729 + j * 31) % 20'000), 1});
      }
      entries.push_back(till.sale(items));
    }
    must(store->commit(request_of(entries)));
  }
  std::uintmax_t highest = 0;
  while (must(store->checkpoint_if_idle())) {
    highest = std::max(highest, std::filesystem::file_size(folder.file() + "-wal"));
  }
  CHECK(highest < static_cast<std::uintmax_t>(log_pages_max) * 4096 * 5 / 4);
  CHECK(12'000 - must(folded_position(store->connection())) < unfolded_entries_idle);
}

TEST_CASE("the past of this device is its own newest entry, however its entries arrived") {
  auto store = open_in_memory();
  Till restored(1);
  const auto old_one = restored.sale({{"A", 1}});
  const auto old_two = restored.sale({{"A", 1}});
  Till today(1, {}, 2, old_two->envelope.logical_clock);
  const auto newest = today.sale({{"A", 1}});
  must(store->commit(request_of({newest})));
  must(store->commit(request_of({old_two, old_one})));  // a peer gives the old ones back
  const StoredState state = must(store->load());
  CHECK(state.last_journal == newest->envelope.id.journal);
  CHECK(state.last_number == 1);
  CHECK(state.last_hash == newest->hash);
  CHECK(state.last_receipt_number == 3);
}

TEST_CASE("bytes that are not what they were are noticed by load") {
  auto store = open_in_memory();
  Till till(1);
  must(store->commit(request_of({till.sale({{"A", 1}}), till.sale({{"B", 1}})})));
  store->connection().execute("UPDATE entries SET bytes = substr(bytes, 1, 40) WHERE position = 2");
  const auto loaded = store->load();
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == ErrorCode::corrupt);
  CHECK(loaded.error().message.find("position 2") != std::string::npos);
}

TEST_CASE("a product that only the loser of a claim moved is gone after a start, folded or not") {
  auto store = open_in_memory();
  Till one(1);
  Till two(2);
  auto winner = one.transfer_in("7", {{"A", 5}});
  auto loser = two.transfer_in("7", {{"B", 5}});
  if (loser->hash < winner->hash) std::swap(loser, winner);
  const std::string lost = loser->envelope.stock_effects.front().product;
  const FoldContext context{store->connection(), codec(), device_of_seed(1)};
  must(store->commit(request_of({loser})));
  must(fold_some(context, 1));
  REQUIRE(must(store->load()).stock.on_hand(lost) == 5 * crdt::stock_units_per_piece);
  must(store->commit(request_of({winner})));
  const StoredState replayed = must(store->load());
  CHECK(replayed.stock.on_hand(lost) == 0);
  must(fold_some(context, 1));
  CHECK(number(*store, "SELECT count(*) FROM folded_stock") == 1);
  require_same(must(store->load()), replayed);
}

TEST_CASE("of a request that was recorded twice one entry counts, and the disk says so at once") {
  auto store = open_in_memory();
  Till before(1);
  Till after(1);  // with an empty disk
  const auto first = before.sale({{"A", 1}}, "key");
  const auto second = after.sale({{"A", 1}}, "key");
  REQUIRE(first->envelope.claim == second->envelope.claim);
  must(store->commit(request_of({first})));
  CHECK(store->take_repeats().twins.empty());
  must(store->commit(request_of({second, before.sale({{"A", 1}}, "other")})));
  const StoredTwin expected{first->envelope.claim,
                            {first->hash, first->envelope.stock_effects},
                            {second->hash, second->envelope.stock_effects}};
  CHECK(store->take_repeats().twins == std::vector{expected});
  must(store->commit(request_of({second})));  // again: it is there
  CHECK(store->take_repeats().twins.empty());
  const bool folds = GENERATE(true, false);
  if (folds) must(fold_some({store->connection(), codec(), device_of_seed(1)}, 10));
  const StoredState state = must(store->load());
  CHECK(state.stock.on_hand("A") == -2 * crdt::stock_units_per_piece);
  CHECK(state.stock.claims().size() == 1);  // that of "other" takes no memory
  CHECK(counts(state.stock, *first) == (first->hash < second->hash));
  CHECK(counts(state.stock, *second) == (second->hash < first->hash));
  CHECK(state.duplicates.empty());  // nothing needs a void
  const auto in_view =
      column(*store, "SELECT hash FROM sales WHERE counts AND idempotency_key = 'key'");
  CHECK(in_view == std::vector{std::min(first->hash, second->hash).hex()});
}

TEST_CASE("a sale recorded twice is told at every start until its void is stored, folded or not") {
  auto store = open_in_memory();
  Till till(1);
  const auto first = till.sale_without_claim({{"A", 1}}, "key");
  const auto second = till.sale_without_claim({{"A", 1}}, "key");
  const auto other_request = till.sale({{"A", 2}}, "key");
  const FoldContext context{store->connection(), codec(), device_of_seed(1)};
  const DuplicateRecord expected{first->envelope.id, second->envelope.id, second->hash, true};
  const bool folds = GENERATE(true, false);
  // The greater came first: the smaller is the one to keep all the same.
  for (const auto& entry : {second, first, other_request}) {
    must(store->commit(request_of({entry})));
    if (folds) must(fold_some(context, 1));
  }
  const StoredState state = must(store->load());
  CHECK(state.duplicates == std::vector{expected});
  CHECK(state.reused_keys.size() == 1);
  CHECK(key_in(*store, "key")->entry == first->envelope.id);
  must(store->commit(request_of({till.void_sale(*second)})));
  CHECK(must(store->load()).duplicates.empty());
  if (folds) must(fold_some(context, 1));
  CHECK(must(store->load()).duplicates.empty());
}
