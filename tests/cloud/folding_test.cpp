// What the cloud folds out of PostgreSQL is what a till's disk comes to with the same entries.
#include <catch2/catch.hpp>
#include <set>

#include "cloud/ledger/folding.h"
#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "tests/cloud/test_http.h"
#include "tests/cloud/test_uplink.h"

using namespace titan;
using namespace titan::test;
using Outcome = mesh::FoldVerdict::Outcome;

namespace {

// A till beside the one that uploads: it gets all entries, and the feed.
struct FoldedStore : JoinedStore {
  FoldedStore() {
    mesh::StoreOptions options;
    options.in_memory = true;
    options.path = "till";
    const auto cloud_key = uplink.ask_held().watermark.cloud_key;
    auto opened = mesh::SqliteStore::open(
        options, {"acme", "london-1", device_of(key_of("till-2").public_key), device_of(cloud_key)},
        till.codec);
    REQUIRE(opened);
    disk = std::move(*opened);
  }

  void record(std::vector<EntryPointer> entries) {
    (void)uplink.upload(entries);
    store(entries);
  }

  void store(const std::vector<EntryPointer>& entries) {
    mesh::StoreRequest request;
    request.entries = entries;
    REQUIRE(disk->commit(request));
  }

  // Of the newest feed entry.
  std::uint64_t fold() {
    const auto answer = http(cloud.port, "POST", cloud.store("/fold"));
    REQUIRE(answer.status == 200);
    return static_cast<std::uint64_t>(answer.json().at("feed_number").as_int64());
  }

  void follow_feed(std::uint64_t number) {
    uplink.run_until(
        [&] {
          for (; !uplink.inbox.empty(); uplink.inbox.pop_front()) {
            const auto* push = std::get_if<uplink::ServerPush>(&uplink.inbox.front());
            if (!push) continue;
            for (const auto& bytes : push->feed_entries) {
              auto entry = till.codec.decode_entry(bytes);
              REQUIRE(entry);
              feed_number = entry->envelope.id.number;
              store({std::make_shared<const mesh::Entry>(std::move(*entry))});
            }
          }
          return feed_number >= number;
        },
        "feed entry " + std::to_string(number));
  }

  std::vector<mesh::FoldVerdict> compare() {
    while (true) {
      const auto more = disk->compare_folds();
      REQUIRE(more);
      if (!*more) return disk->take_fold_verdicts();
    }
  }

  std::unique_ptr<mesh::SqliteStore> disk;
  std::uint64_t feed_number = 0;
};

}  // namespace

TEST_CASE_METHOD(FoldedStore, "nights of sales, deliveries, voids and twins come to the same") {
  Till twin("till-1", "acme", "london-1", 7);
  std::uint64_t covered = 0;
  for (std::uint64_t night = 1; night <= cloud::folds_per_whole + 2; ++night) {
    record(sales(till, 3));
    record({till.deliver("B", 7)});
    const auto sold = till.sell("B", 2);
    const Hash void_claim = mesh::void_claim(*sold);
    record({sold, till.sell("B", -2, void_claim, mesh::Kind::void_sale),
            twin.sell("B", -2, void_claim, mesh::Kind::void_sale)});
    if (night % 7 == 0) till.new_journal();
    follow_feed(fold());
    const auto verdicts = compare();
    REQUIRE(verdicts.size() == 1);
    INFO(mesh::describe(verdicts.front()));
    CHECK(verdicts.front().outcome == Outcome::same);
    CHECK(verdicts.front().number == night);
    CHECK(verdicts.front().entries > covered);
    covered = verdicts.front().entries;
  }
  const auto shown = cloud.get("/v1/tenants/acme/stores").json().at("stores").at(0).at("fold");
  CHECK(shown.at("number") == static_cast<std::int64_t>(cloud::folds_per_whole + 2));
}

TEST_CASE_METHOD(FoldedStore, "nothing but folds is no news: none is made of it") {
  record(sales(till, 1));
  const std::uint64_t number = fold();
  CHECK(fold() == number);
  record(sales(till, 1));
  CHECK(fold() > number);
}

TEST_CASE_METHOD(FoldedStore, "who comes new takes the fold that tells everything") {
  for (std::uint64_t night = 1; night <= cloud::folds_per_whole + 1; ++night) {
    record(sales(till, 1));
    const auto number = fold();
    if (night == cloud::folds_per_whole + 1) follow_feed(number);
  }
  disk->connection().execute("DELETE FROM folds WHERE number < " +
                             std::to_string(cloud::folds_per_whole + 1));
  const auto verdicts = compare();
  REQUIRE(verdicts.size() == 1);
  CHECK(verdicts.front().outcome == Outcome::same);
  CHECK(verdicts.front().number == cloud::folds_per_whole + 1);
}
