// The cloud's folds, held against what is on the disk.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <functional>

#include "fixture.h"
#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/wire/fold.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;
using Outcome = FoldVerdict::Outcome;

namespace {

constexpr std::uint64_t cloud_seed = 99;

// Head office: holds entries, and folds them.
class HeadOffice {
 public:
  void take(const EntryPointer& entry) {
    if (!held_.insert(entry->hash).second) return;
    const Envelope& envelope = entry->envelope;
    state_.covered.add(envelope.device, envelope.id.journal, envelope.id.number, entry->hash);
    stock_.apply(entry->hash, envelope.claim, envelope.stock_effects);
    if (!envelope.claim.is_none() && !claims_its_request(envelope)) {
      claims_.insert(envelope.claim);
    }
  }

  // Entries of the feed, in their order: the last one is the FOLD.
  std::vector<EntryPointer> fold(bool is_whole,
                                 const std::function<void(FoldContent&)>& spoil = {}) {
    Fold fold;
    fold.number = ++number_;
    fold.base = is_whole ? 0 : number_ - 1;
    fold.base_hash = hash_;
    state_.sums = stock_.sums();
    for (const Hash& claim : claims_) state_.claims[claim] = stock_.claims().at(claim);
    FoldContent content = what_changed(is_whole ? FoldState{} : told_, state_);
    if (spoil) spoil(content);
    fold.entries = state_.covered.entry_count();
    fold.stock_digest = stock_.digest();
    told_ = state_;
    const auto unit = must(make_fold_unit(fold, content));
    hash_ = parse_fold(unit.head)->content.hash;
    std::vector<EntryPointer> entries;
    for (const Bytes& part : unit.parts) entries.push_back(write(Kind::product_list_part, part));
    entries.push_back(write(Kind::fold, unit.head));
    for (const auto& entry : entries) take(entry);
    return entries;
  }

  bool holds_any() const { return !held_.empty(); }
  const crdt::VersionVector& covered() const { return told_.covered; }  // by the last fold

  EntryPointer write(Kind kind, const Bytes& body) {
    EntryDraft draft;
    draft.kind = kind;
    draft.time = {1317888000000};
    draft.business_date = 20111006;
    draft.body = body;
    return cloud_.write(draft);
  }

 private:
  Till cloud_{cloud_seed};
  std::set<Hash> held_;
  std::set<Hash> claims_;
  crdt::Stock stock_;
  FoldState state_;
  FoldState told_;
  std::uint64_t number_ = 0;
  Hash hash_;
};

std::vector<FoldVerdict> compare(SqliteStore& store) {
  while (must(store.compare_folds())) {
  }
  return store.take_fold_verdicts();
}

std::vector<Outcome> outcomes(const std::vector<FoldVerdict>& verdicts) {
  std::vector<Outcome> all;
  for (const FoldVerdict& verdict : verdicts) all.push_back(verdict.outcome);
  return all;
}

// A till that holds ten sales of one product, which head office has as well.
struct Shop {
  Shop() {
    for (int i = 0; i < 10; ++i) store_both(till.sale({{"A", 2}}));
  }
  void store_both(const EntryPointer& entry) {
    must(store->commit(request_of({entry})));
    office.take(entry);
  }
  void store_all(const std::vector<EntryPointer>& entries) {
    must(store->commit(request_of(entries)));
  }

  std::unique_ptr<SqliteStore> store = open_in_memory(1, cloud_seed);
  Till till{1};
  Till other{2};
  HeadOffice office;
};

}  // namespace

TEST_CASE("whatever head office folds when, a till that holds the same says so") {
  CHECK(rc::check([](std::uint64_t seed) {
    Random random(seed);
    std::vector<Till> tills;
    for (std::uint64_t till = 1; till <= 3; ++till) tills.emplace_back(till);
    HeadOffice office;
    std::vector<EntryPointer> all;
    std::vector<EntryPointer> sales;
    std::size_t told = 0;  // of `all`, to head office
    std::size_t folds = 0;
    for (std::size_t i = random.below(150) + 1; i > 0; --i) {
      Till& till = tills[random.below(tills.size())];
      switch (random.below(8)) {
        case 0:
          all.push_back(till.delivery("B", random.below(9) + 1));
          break;
        case 1:
          if (!sales.empty()) all.push_back(till.void_sale(*sales[random.below(sales.size())]));
          break;
        case 2:
          all.push_back(till.transfer_in(std::to_string(random.below(4)), {{"A", 1}, {"C", 2}}));
          break;
        case 3:
          // Head office holds what it was sent so far, in whatever order.
          while (told < all.size() && random.chance({4, 5})) office.take(all[told++]);
          if (told == 0) break;
          for (auto& entry : office.fold(folds++ % 3 == 0)) all.push_back(std::move(entry));
          break;
        default:
          sales.push_back(till.sale({{"A", static_cast<std::int64_t>(random.below(3)) + 1}},
                                    "key-" + std::to_string(random.below(12))));
          all.push_back(sales.back());
      }
    }
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
    auto store = open_in_memory(1, cloud_seed);
    std::vector<FoldVerdict> verdicts;
    for (const auto& entry : all) {
      must(store->commit(request_of({entry})));
      for (std::uint64_t pieces = random.below(4); pieces > 0; --pieces) {
        must(store->compare_folds());
      }
      if (random.chance({1, 30})) must(store->reopen());
    }
    for (const FoldVerdict& verdict : compare(*store)) verdicts.push_back(verdict);
    for (const FoldVerdict& verdict : verdicts) RC_ASSERT(verdict.outcome == Outcome::same);
    // Some are passed over for one that tells everything, but the last one never is.
    const std::int64_t last =
        number(*store, "SELECT coalesce(max(number), 0) FROM folds WHERE state = 1");
    RC_ASSERT(last == static_cast<std::int64_t>(folds));
    RC_ASSERT(number(*store, "SELECT count(*) FROM folds WHERE state > 1 OR state < 0") == 0);
  }));
}

TEST_CASE_METHOD(Shop, "a fold that tells another stock is told by product, and the figure stays") {
  store_all(office.fold(true));
  REQUIRE(outcomes(compare(*store)) == std::vector{Outcome::same});
  store_both(till.sale({{"A", 1}, {"B", 3}}));
  store_all(
      office.fold(false, [](FoldContent& content) { content.sums["B"].removed = 7'500'000; }));
  const auto digest = must(store->load()).stock.digest();
  const auto verdicts = compare(*store);
  REQUIRE(outcomes(verdicts) == std::vector{Outcome::differs});
  CHECK(describe(verdicts.front()).find("B: -3 here, -7.5 there;") != std::string::npos);
  CHECK(must(store->load()).stock.digest() == digest);
}

TEST_CASE_METHOD(Shop, "a fold waits for what it covers, also through a restart") {
  const auto lacking = other.sale({{"A", 5}});
  office.take(lacking);
  store_all(office.fold(true));
  CHECK(compare(*store).empty());
  must(store->reopen());
  CHECK(compare(*store).empty());
  store_all({lacking});
  CHECK(outcomes(compare(*store)) == std::vector{Outcome::same});
}

TEST_CASE_METHOD(Shop, "a fold waits for its parts") {
  auto fold = office.fold(true);
  const auto part = fold.front();
  REQUIRE(part->envelope.kind == Kind::product_list_part);
  fold.erase(fold.begin());
  store_all(fold);
  CHECK(compare(*store).empty());
  store_all({part});
  CHECK(outcomes(compare(*store)) == std::vector{Outcome::same});
}

TEST_CASE_METHOD(Shop, "whose base never came is passed over for one that tells everything") {
  store_all(office.fold(true));
  REQUIRE(outcomes(compare(*store)) == std::vector{Outcome::same});
  store_both(till.sale({{"A", 1}}));
  const auto never_stored = office.fold(false);
  store_both(till.sale({{"A", 1}}));
  store_all(office.fold(false));
  CHECK(compare(*store).empty());
  store_both(till.delivery("C", 5));
  store_all(never_stored);  // what the next one covers
  store->connection().execute("DELETE FROM folds WHERE number = 2");
  store_all(office.fold(true));
  const auto verdicts = compare(*store);
  REQUIRE(outcomes(verdicts) == std::vector{Outcome::same});
  CHECK(verdicts.front().number == 4);
}

TEST_CASE_METHOD(Shop, "a fold that lacks what an earlier one had is refused") {
  store_all(office.fold(true));
  REQUIRE(outcomes(compare(*store)) == std::vector{Outcome::same});
  store_both(other.sale({{"A", 1}}));
  const JournalId lost = till.tail().journal;
  store_all(office.fold(true, [&](FoldContent& content) {
    for (auto& [device, journals] : content.journals) {
      std::erase_if(journals, [&](const JournalItem& item) { return item.journal == lost; });
    }
  }));
  CHECK(outcomes(compare(*store)) == std::vector{Outcome::refused});
  CHECK(number(*store, "SELECT max(number) FROM folds WHERE state > 0") == 1);
}

TEST_CASE_METHOD(Shop, "what another device calls a fold is none") {
  const auto fold = office.fold(true);
  EntryDraft draft;
  draft.kind = Kind::fold;
  draft.time = {1317888000000};
  draft.business_date = 20111006;
  draft.body = fold.back()->envelope.body;
  store_all({other.write(draft)});
  CHECK(number(*store, "SELECT count(*) FROM folds") == 0);
}

// ---- adopted ------------------------------------------------------------------------------------

namespace {

// What counts: all entries that head office had folded, and those beside it.
StoredState state_of(const std::vector<EntryPointer>& entries) {
  auto store = open_in_memory(1, cloud_seed);
  for (const auto& entry : entries) must(store->commit(request_of({entry})));
  return must(store->load());
}

void require_same_figures(const StoredState& a, const StoredState& b) {
  REQUIRE(a.vector == b.vector);
  REQUIRE(a.stock.sums() == b.stock.sums());
  REQUIRE(a.stock.digest() == b.stock.digest());
}

}  // namespace

TEST_CASE("who adopts a fold counts what who holds everything counts, history or not") {
  CHECK(rc::check([](std::uint64_t seed) {
    Random random(seed);
    std::vector<Till> tills;
    for (std::uint64_t till = 1; till <= 3; ++till) tills.emplace_back(till);
    HeadOffice office;
    std::vector<EntryPointer> all;
    std::vector<EntryPointer> sales;
    std::size_t folds = 0;
    std::vector<EntryPointer> feed;
    for (std::size_t i = random.below(120) + 1; i > 0 || folds == 0; i -= i > 0 ? 1 : 0) {
      Till& till = tills[random.below(tills.size())];
      switch (random.below(7)) {
        case 0:
          all.push_back(till.delivery("B", random.below(9) + 1));
          break;
        case 1:
          if (!sales.empty()) all.push_back(till.void_sale(*sales[random.below(sales.size())]));
          break;
        case 2:
          all.push_back(till.transfer_in(std::to_string(random.below(4)), {{"A", 1}, {"C", 2}}));
          break;
        case 3:
          if (all.empty()) break;
          // Some tills' entries have not come to head office yet.
          for (const auto& entry : all) {
            if (entry->envelope.device != device_of_seed(3)) office.take(entry);
          }
          if (!office.holds_any()) break;
          for (auto& entry : office.fold(folds++ % 4 == 0)) {
            feed.push_back(entry);
            all.push_back(std::move(entry));
          }
          break;
        default:
          // Of a till whose entries are folded no request comes again: only the entries could tell.
          sales.push_back(till.sale({{"A", static_cast<std::int64_t>(random.below(3)) + 1}},
                                    "key-" + std::to_string(sales.size())));
          all.push_back(sales.back());
      }
    }
    auto store = open_in_memory(1, cloud_seed);
    std::vector<EntryPointer> stored;
    const auto keep = [&](const EntryPointer& entry) {
      must(store->commit(request_of({entry})));
      stored.push_back(entry);
    };
    for (const auto& entry : all) {
      if (random.chance({1, 3})) keep(entry);
    }
    for (const auto& entry : feed) keep(entry);
    if (random.chance({1, 2})) (void)compare(*store);
    if (!must(store->adopt_fold())) return;  // it held everything that the folds cover
    const auto covers = [&](const EntryPointer& entry) {
      return office.covered().contains(entry->envelope.id.journal, entry->envelope.id.number);
    };
    std::vector<EntryPointer> counted = stored;
    std::vector<EntryPointer> history;
    for (const auto& entry : all) {
      if (!covers(entry)) continue;
      counted.push_back(entry);
      history.push_back(entry);
    }
    require_same_figures(must(store->load()), state_of(counted));
    CHECK(must(store->load()).lacks_history);
    // What is above comes, and history in whatever order, with restarts and idle moments.
    for (const auto& entry : all) {
      if (covers(entry)) continue;
      counted.push_back(entry);
      must(store->commit(request_of({entry})));
    }
    for (std::size_t i = history.size(); i > 1; --i) {
      std::swap(history[i - 1], history[random.below(i)]);
    }
    for (const auto& entry : history) {
      StoreRequest request;
      request.history = {entry};
      must(store->commit(request));
      if (random.chance({1, 20})) must(store->reopen());
      if (random.chance({1, 10})) {
        must(fold_some({store->connection(), codec(), device_of_seed(1)}, random.below(20) + 1));
      }
    }
    StoreRequest end;
    end.is_history_whole = true;
    must(store->commit(end));
    require_same_figures(must(store->load()), state_of(counted));
    CHECK_FALSE(must(store->load()).lacks_history);
    // And the next fold is compared as if nothing had been.
    for (const auto& entry : all) office.take(entry);
    for (const auto& entry : office.fold(true)) must(store->commit(request_of({entry})));
    const auto verdicts = compare(*store);
    RC_ASSERT(!verdicts.empty());
    for (const auto& verdict : verdicts) RC_ASSERT(verdict.outcome == Outcome::same);
  }));
}

TEST_CASE_METHOD(Shop,
                 "a request that was folded before its entry came is counted once, in the end") {
  const auto first = other.sale({{"A", 5}}, "again");
  office.take(first);
  store_all(office.fold(true));
  REQUIRE(must(store->adopt_fold()));
  Till rebuilt(2, {}, 7);
  const auto twin = rebuilt.sale({{"A", 5}}, "again");
  REQUIRE(twin->envelope.claim == first->envelope.claim);
  store_all({twin});
  CHECK(must(store->load()).stock.on_hand("A") == -30'000'000);  // nothing here knows of the first
  StoreRequest request;
  request.history = {first};
  must(store->commit(request));
  CHECK(store->take_repeats().twins.size() == 1);
  CHECK(must(store->load()).stock.on_hand("A") == -25'000'000);
  must(store->close());
}
