// Disks that were restored, lost or copied: what they recorded counts once, and who holds it is
// told right.
#include <catch2/catch.hpp>

#include <set>

#include "mesh/journal/idempotency.h"
#include "tests/mesh/node/cluster_checks.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("a disk restored from an old image sells alone first, then everything comes back",
          "[node]") {
  Cluster cluster({.tills = 3, .seed = 5});
  cluster.run_for(seconds(2));
  for (int i = 0; i < 5; ++i) {
    cluster.sell(0, "milk", 1, "old-" + std::to_string(i));
    cluster.run_for(milliseconds(20));
  }
  const std::size_t image = cluster.disk(0).commits();
  for (int i = 5; i < 10; ++i) {
    cluster.sell(0, "milk", 1, "old-" + std::to_string(i));
    cluster.run_for(milliseconds(20));
  }
  REQUIRE(cluster.run_until([&] { return cluster.agrees(); }, seconds(2)));
  cluster.crash(0);
  cluster.roll_back(0, image);
  cluster.cut({{0}, {1, 2}});
  cluster.start(0);
  cluster.sell(0, "milk", 1, "new-1");
  cluster.run_for(seconds(3));
  cluster.heal();
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(0).vector().entry_count() == 11; },
      seconds(4)));
  CHECK(cluster.node(2).shown_stock().on_hand("milk") == -11 * piece);
}

TEST_CASE("a restored till uses an old key again: one sale of one request, two and an alarm of two",
          "[node]") {
  Cluster cluster({.tills = 2, .seed = 6});
  cluster.run_for(seconds(2));
  cluster.sell(0, "milk", 1, "repeated");
  cluster.sell(0, "milk", 1, "used-twice");
  REQUIRE(cluster.run_until([&] { return acknowledged(cluster, 0) == 2 && cluster.agrees(); },
                            seconds(2)));
  cluster.crash(0);
  cluster.roll_back(0, 0);
  cluster.cut({{0}, {1}});
  cluster.start(0);
  cluster.sell(0, "milk", 1, "repeated");
  cluster.sell(0, "milk", 4, "used-twice");
  cluster.run_for(seconds(1));
  CHECK_FALSE(has_alarm(cluster, 0, "key_reused"));
  cluster.heal();
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(0).vector().entry_count() == 4; }, seconds(4)));
  CHECK(has_alarm(cluster, 0, "key_reused"));
  CHECK(duplicates_found(cluster, 0) == 1);
  CHECK(cluster.node(1).shown_stock().on_hand("milk") == -6 * piece);
}

TEST_CASE("what is recorded twice after a rebuild counts once, of any kind, also after restarts",
          "[node]") {
  Cluster cluster({.tills = 2, .seed = 9});
  cluster.run_for(seconds(2));
  const auto record = [&](Kind kind, const std::string& key) {
    EntryDraft draft;
    draft.kind = kind;
    draft.business_date = 20261122;
    draft.idempotency_key = key;
    draft.request_hash = blake2b(key);
    draft.stock_effects = {{key, 10 * piece, 0}};
    cluster.append(0, draft);
  };
  const std::vector<std::pair<Kind, std::string>> wanted = {{Kind::delivery, "delivered"},
                                                            {Kind::adjustment, "adjusted"},
                                                            {Kind::transfer_out, "sent"},
                                                            {Kind::refund, "refunded"}};
  for (const auto& [kind, key] : wanted) record(kind, key);
  REQUIRE(cluster.run_until([&] { return acknowledged(cluster, 0) == 4 && cluster.agrees(); },
                            seconds(2)));
  cluster.crash(0);
  cluster.roll_back(0, 0);
  cluster.cut({{0}, {1}});
  cluster.start(0);
  for (const auto& [kind, key] : wanted) record(kind, key);
  cluster.run_for(seconds(1));
  cluster.heal();
  const auto all_once = [&] {
    if (!cluster.agrees() || cluster.node(0).vector().entry_count() != 8) return false;
    for (std::size_t till : {0, 1}) {
      for (const auto& [kind, key] : wanted) {
        if (cluster.node(till).shown_stock().on_hand(key) != 10 * piece) return false;
      }
    }
    return true;
  };
  REQUIRE(cluster.run_until(all_once, seconds(4)));
  CHECK(duplicates_found(cluster, 0) == 4);
  for (const bool is_wiped : {false, true}) {
    cluster.crash(0);
    if (is_wiped) cluster.roll_back(0, 0);
    cluster.start(0);
    INFO(cluster.describe());
    CHECK(cluster.run_until(all_once, seconds(4)));
  }
  CHECK_FALSE(has_alarm(cluster, 1, "divergence"));
}

// Field report 28: a virtual machine's snapshot is resumed beside the original.
TEST_CASE("a copied running process: both branches everywhere, every sale counts once", "[node]") {
  const bool is_long = GENERATE(false, true);
  const std::uint64_t seed = GENERATE(range(1, 13));
  ClusterConfig config{.tills = 4, .seed = seed, .copies = {{2, 1}}};
  config.cut_at_start = {{0, 3}, {1}, {2}};
  config.loss = {seed % 2 == 0 ? 10u : 0u, 100};
  config.anti_entropy.hash_list_numbers_max = 5;
  Cluster cluster(config);
  cluster.run_for(seconds(3));
  cluster.sell(1, "milk", 1, "before the copy");
  cluster.sell(2, "milk", 1, "before the copy");
  cluster.run_for(milliseconds(10));
  cluster.sell(1, "milk", 1, "asked of both");
  cluster.run_for(milliseconds(10));
  cluster.sell(2, "milk", 1, "asked of both");
  const int more = is_long ? 22 : 1;
  for (int i = 0; i < more; ++i) {
    cluster.sell(1, "milk", 1);
    cluster.run_for(milliseconds(5));
    cluster.sell(2, "milk", 1);
  }
  if (is_long) cluster.sell(2, "milk", 1);  // one branch is longer
  const std::int64_t sold = 2 + 2 * more + (is_long ? 1 : 0);
  cluster.run_for(seconds(1));
  REQUIRE(cluster.node(1).vector().devices().begin()->second.begin()->first ==
          cluster.node(2).vector().devices().begin()->second.begin()->first);

  const auto only = [&](std::size_t one, std::size_t other) {
    // Two of one process id cannot be linked at a time.
    cluster.cut({{0, 3}, {one}, {other}});
    cluster.run_for(seconds(2));
    cluster.heal();
    cluster.cut({{0, 3, one}, {other}});
    cluster.run_for(seconds(6));
  };
  only(1, 2);
  if (seed % 3 == 0) cluster.fail_next_reads(0, 1);
  only(2, 1);
  CHECK(has_alarm(cluster, 2, "journal_copied"));
  cluster.sell(1, "milk", 1);
  cluster.sell(2, "milk", 1);
  only(1, 2);
  CHECK(has_alarm(cluster, 1, "journal_copied"));
  cluster.sell(1, "milk", 1);
  cluster.sell(2, "milk", 1);
  only(2, 1);
  CHECK(cluster.replies(1).back().result->id.journal !=
        cluster.replies(2).back().result->id.journal);
  // The owner has set things right: two processes of their own.
  cluster.crash(1);
  cluster.crash(2);
  cluster.heal();
  cluster.start(1);
  cluster.start(2);
  const auto count = [&] { return cluster.node(3).shown_stock().on_hand("milk"); };
  const bool agreed = cluster.run_until(
      [&] { return cluster.agrees() && count() == -(sold + 4) * piece; }, seconds(20));
  INFO("seed " << seed << ", stock " << count() << "\n" << cluster.describe());
  CHECK(agreed);
  cluster.run_for(seconds(10));
  CHECK(cluster.agrees());
  CHECK(count() == -(sold + 4) * piece);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK_FALSE(has_alarm(cluster, i, "divergence"));
    CHECK_FALSE(has_alarm(cluster, i, "bad_signature"));
  }
}

TEST_CASE("a till that comes back with an empty disk counts for no copy", "[node]") {
  Cluster cluster({.tills = 2, .seed = 4});
  const EntryId id = sold_and_copied(cluster);
  cluster.crash(1);
  // Its disk may be only away.
  CHECK(cluster.run_until([&] { return cluster.node(0).copies(id) == Copies{1, 1}; }, seconds(2)));
  cluster.roll_back(1, 0);
  cluster.fail_next_reads(0, 1'000'000);  // nobody can give it what it lost
  cluster.start(1);
  CHECK(cluster.run_until([&] { return cluster.node(0).copies(id) == Copies{1, 0}; }, seconds(2)));
  cluster.fail_next_reads(0, 0);
  CHECK(cluster.run_until([&] { return cluster.node(0).copies(id) == Copies{2, 0}; }, seconds(5)));
}

TEST_CASE("a destroyed disk, and the new one in its place, count for one copy", "[node]") {
  Cluster cluster({.tills = 2, .seed = 4});
  const EntryId id = sold_and_copied(cluster);
  cluster.crash(1);
  cluster.renew(1);
  cluster.start(1);
  CHECK(cluster.run_until([&] { return cluster.node(0).copies(id) == Copies{2, 0}; }, seconds(5)));
  cluster.run_for(seconds(3));
  CHECK(cluster.node(0).copies(id) == Copies{2, 0});
}

TEST_CASE("an entry of our own journal that nobody signed moves us to no new one", "[node]") {
  Cluster cluster({.tills = 2, .seed = 4});
  cluster.run_for(seconds(2));
  cluster.sell(0, "milk", 1);
  REQUIRE(cluster.run_until([&] { return acknowledged(cluster, 0) == 1 && cluster.agrees(); },
                            seconds(1)));
  WireCodec codec;
  Envelope envelope = cluster.replies(0).front().result->entry->envelope;
  const std::uint64_t number = GENERATE(1, 2);  // one it holds, and the one it would write next
  envelope.id.number = number;
  if (number > 1) envelope.opening.reset();
  envelope.previous_hash = number > 1 ? blake2b("rubbish") : Hash{};
  envelope.business_date += 1;
  const Bytes forged = codec.encode_signed_entry(codec.encode_envelope(envelope), Signature{});
  REQUIRE(codec.decode_entry(forged).has_value());
  cluster.node(0).on_frame({cluster.time(), {1'600'000'000'000}}, cluster.node(1).process(),
                           codec.encode_message(DirectMail{{forged}}));
  cluster.run_for(milliseconds(500));
  CHECK_FALSE(has_alarm(cluster, 0, "journal_copied"));
  CHECK(has_alarm(cluster, 0, "bad_signature"));
  cluster.sell(0, "milk", 1);
  REQUIRE(cluster.run_until([&] { return acknowledged(cluster, 0) == 2; }, seconds(1)));
  CHECK(cluster.replies(0).back().result->id.journal ==
        cluster.replies(0).front().result->id.journal);
}
