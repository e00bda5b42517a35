// A store in virtual time sells: what is lost is repaired, what is repeated counts once, what was
// cut apart agrees again.
#include <catch2/catch.hpp>

#include "mesh/watermark/signing.h"
#include "tests/mesh/generators.h"
#include "tests/mesh/node/cluster_checks.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("a till alone leads itself and sells", "[node]") {
  Cluster cluster({.tills = 1});
  cluster.sell(0, "milk", 2);
  REQUIRE(cluster.run_until([&] { return acknowledged(cluster, 0) == 1; }, seconds(1)));
  CHECK(cluster.node(0).shown_stock().on_hand("milk") == -2 * piece);
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
}

TEST_CASE("two tills sell and agree", "[node]") {
  Cluster cluster({.tills = 2});
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  cluster.sell(0, "milk", 1);
  cluster.sell(1, "milk", 2);
  cluster.sell(1, "bread", 1);
  INFO(cluster.describe());
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(0).vector().entry_count() == 3; },
      milliseconds(100)));
  CHECK(cluster.node(0).shown_stock().on_hand("milk") == -3 * piece);
  const EntryId id = cluster.replies(0).front().result->id;
  CHECK(cluster.run_until(
      [&] {
        return cluster.node(0).copies(id) == Copies{2, 0};
      },
      milliseconds(200)));
  expect_no_alarms(cluster, 2);
}

TEST_CASE("direct mail that is lost is repaired by anti-entropy", "[node]") {
  Cluster cluster({.tills = 5, .seed = 7, .loss = {30, 100}});
  cluster.run_for(seconds(3));
  for (int round = 0; round < 50; ++round) {
    cluster.sell(static_cast<std::size_t>(round) % 5, "milk", 1);
    cluster.run_for(milliseconds(20));
  }
  INFO(cluster.describe());
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(0).vector().entry_count() == 50; },
      seconds(20)));
  CHECK(cluster.node(3).shown_stock().on_hand("milk") == -50 * piece);
  expect_no_alarms(cluster, 5);
}

TEST_CASE("5 and 5 are cut, both sides sell, all agree after the heal", "[node]") {
  Cluster cluster({.tills = 10, .seed = 11, .check_every_step = false});
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  cluster.run_for(seconds(6));
  cluster.cut({{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}});
  std::uint64_t sold = 0;
  for (int tick = 0; tick < 500; ++tick) {
    cluster.sell(static_cast<std::size_t>(tick) % 10, "milk", 1, "k" + std::to_string(tick));
    ++sold;
    cluster.run_for(milliseconds(20));
  }
  CHECK_FALSE(cluster.agrees());
  std::size_t leaders = 0;
  for (std::size_t i = 0; i < 10; ++i) leaders += cluster.node(i).is_leader() ? 1 : 0;
  CHECK(leaders == 2);  // each side has one
  cluster.heal();
  const bool agreed = cluster.run_until([&] { return cluster.agrees(); }, seconds(2));
  INFO(cluster.describe());
  REQUIRE(agreed);
  CHECK(cluster.node(0).vector().entry_count() == sold);
  CHECK(cluster.node(9).shown_stock().on_hand("milk") == -static_cast<std::int64_t>(sold) * piece);
  CHECK(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  expect_no_alarms(cluster, 10);
}

TEST_CASE("a repeat of an idempotency key gets the first answer, another request a conflict",
          "[node]") {
  Cluster cluster({.tills = 1});
  cluster.sell(0, "milk", 1, "key-1");
  cluster.sell(0, "milk", 1, "key-1");  // during the commit: waits
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 2; }, seconds(1)));
  cluster.sell(0, "milk", 1, "key-1");  // afterwards
  cluster.sell(0, "milk", 5, "key-1");
  cluster.run_for(milliseconds(10));
  const auto& replies = cluster.replies(0);
  REQUIRE(replies.size() == 4);
  CHECK_FALSE(replies[0].result->repeated);
  CHECK(replies[1].result->repeated);
  CHECK(replies[2].result->repeated);
  CHECK(replies[2].result->id == replies[0].result->id);
  REQUIRE_FALSE(replies[3].result.has_value());
  CHECK(replies[3].result.error().code == ErrorCode::conflict);
  CHECK(cluster.node(0).vector().entry_count() == 1);
}

TEST_CASE("a newcomer holds the catalogue before it holds history", "[node]") {
  Cluster cluster({.tills = 3, .seed = 8, .check_every_step = false});
  cluster.crash(2);
  cluster.run_for(seconds(2));
  EntryDraft products;
  products.kind = Kind::product;
  products.body = Bytes(20'000, 'p');
  for (int i = 0; i < 3; ++i) cluster.append(1, products);
  for (int i = 0; i < 3000; ++i) cluster.sell(1, "milk", 1);
  for (int i = 0; i < 60; ++i) cluster.append(1, products);
  for (int i = 0; i < 3000; ++i) cluster.sell(static_cast<std::size_t>(i) % 2, "milk", 1);
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(0).vector().entry_count() == 6063; },
      seconds(10)));
  cluster.start(2);
  std::size_t products_held = 0;
  std::size_t sales_held = 0;
  std::size_t looked_at = 0;
  const auto holds_catalogue = [&] {
    const auto& events = cluster.events(2);
    for (; looked_at < events.size(); ++looked_at) {
      const auto* stored = std::get_if<EntriesStored>(&events[looked_at]);
      if (stored == nullptr) continue;
      for (const auto& entry : stored->entries) {
        ++(entry->envelope.kind == Kind::product ? products_held : sales_held);
      }
    }
    return products_held == 63;
  };
  REQUIRE(cluster.run_until(holds_catalogue, seconds(5)));
  CHECK(sales_held == 0);
  REQUIRE(cluster.run_until([&] { return cluster.agrees(); }, seconds(5)));
  expect_no_alarms(cluster, 3);
}

namespace {

// A store with a cloud, whose word its leader's uplink hands to the node.
struct StoreWithCloud {
  Random random{1};
  KeyPair cloud = draw_key(random);
  Cluster cluster{{.tills = 4, .cloud_key = cloud.public_key}};
  std::vector<DeviceId> devices{DeviceId::draw(random), DeviceId::draw(random)};
  crdt::VersionVector held;
  std::uint64_t sequence = 0;

  StoreWithCloud() {
    REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  }
  std::size_t leader() {
    for (std::size_t till = 0; till < 4; ++till) {
      if (cluster.is_up(till) && cluster.node(till).is_leader()) return till;
    }
    FAIL("nobody leads");
    return 0;
  }
  void hold_journals(std::size_t journals) {
    for (std::size_t i = 0; i < journals; ++i) {
      held.add(devices[i % 2], JournalId::draw(random), 1, Hash::draw(random));
    }
  }
  void tell() {
    HeldByCloud now;
    now.held.become(held);
    now.statement = {1,          Bytes(16, 'r'),  ++sequence,        "acme",
                     "london-1", now.held.root(), held.entry_count()};
    now.watermark = sign_watermark(WireCodec(), cloud, now.statement);
    cluster.node(leader()).on_watermark({cluster.time(), {1'600'000'000'000}}, now);
  }
  bool all_know() {
    for (std::size_t till = 0; till < 4; ++till) {
      if (!cluster.is_up(till)) continue;
      const HeldByCloud& known = cluster.node(till).held_by_cloud();
      if (known.statement.sequence != sequence || !(known.held.vector() == held)) return false;
    }
    return true;
  }
  std::size_t alarms(std::size_t till, const std::string& code) {
    std::size_t count = 0;
    for (const Event& event : cluster.events(till)) {
      const auto* alarm = std::get_if<Alarm>(&event);
      count += alarm != nullptr && alarm->code == code;
    }
    return count;
  }
};

}  // namespace

TEST_CASE("what the cloud holds of a store of years is known to all, also to who was away",
          "[node]") {
  StoreWithCloud store;
  store.hold_journals(30'000);
  store.tell();
  REQUIRE(store.cluster.run_until([&] { return store.all_know(); }, seconds(5)));
  store.cluster.run_for(seconds(1));  // for the disks
  const std::size_t away = (store.leader() + 1) % 4;
  store.cluster.crash(away);
  for (int i = 0; i < 5; ++i) {
    store.hold_journals(1);
    store.held.add(store.devices[0], store.held.devices().at(store.devices[0]).begin()->first,
                   static_cast<std::uint64_t>(i) + 2, Hash::draw(store.random));
    store.tell();
    REQUIRE(store.cluster.run_until([&] { return store.all_know(); }, seconds(2)));
  }
  // What the disks hold is what was signed: a till that starts again knows it at once, and hears
  // what it missed.
  store.cluster.start(away);
  CHECK(store.cluster.node(away).held_by_cloud().statement.sequence == 1);
  CHECK(store.cluster.run_until([&] { return store.all_know(); }, seconds(5)));
  for (std::size_t till = 0; till < 4; ++till) {
    CHECK(store.alarms(till, "frame_too_large") == 0);
    CHECK(store.alarms(till, "bad_signature") == 0);
  }
}

TEST_CASE("who tells what the cloud holds dies, stalls or goes silent: another one tells",
          "[node]") {
  StoreWithCloud store;
  store.hold_journals(20'000);
  store.tell();
  store.cluster.run_for(milliseconds(2));  // slices are on their way
  REQUIRE_FALSE(store.all_know());
  const std::size_t first = store.leader();
  SECTION("dies") {
    store.cluster.crash(first);
  }
  SECTION("stalls for longer than its lease") {
    store.cluster.stall(first, seconds(4));
  }
  SECTION("is heard by one and no more by the others") {
    store.cluster.cut({{first, (first + 1) % 4}, {(first + 2) % 4, (first + 3) % 4}});
    store.cluster.run_for(seconds(5));
    store.cluster.heal();
  }
  store.cluster.run_for(seconds(6));
  REQUIRE(store.cluster.run_until([&] { return store.cluster.has_one_leader(); }, seconds(10)));
  store.hold_journals(1);
  store.tell();
  CHECK(store.cluster.run_until([&] { return store.all_know(); }, seconds(8)));
}

TEST_CASE("a watermark whose commit failed is on the disk after all", "[node]") {
  StoreWithCloud store;
  store.hold_journals(50);
  store.tell();
  REQUIRE(store.cluster.run_until([&] { return store.all_know(); }, seconds(5)));
  const std::size_t till = (store.leader() + 1) % 4;
  for (const bool yet_is_there : {false, true}) {
    store.cluster.fail_next_commit(till, yet_is_there);
    store.hold_journals(3);
    store.tell();
    store.cluster.run_for(seconds(3));
    store.hold_journals(1);
    store.tell();
    REQUIRE(store.cluster.run_until([&] { return store.all_know(); }, seconds(5)));
    store.cluster.run_for(seconds(1));
    store.cluster.crash(till);
    store.cluster.start(till);
    CHECK(store.cluster.node(till).held_by_cloud().statement.sequence == store.sequence);
    REQUIRE(store.cluster.run_until([&] { return store.all_know(); }, seconds(5)));
  }
}

TEST_CASE("a message that no frame holds is told, once, and not sent", "[node]") {
  StoreWithCloud store;
  const std::size_t leader = store.leader();
  store.hold_journals(1);
  store.tell();
  REQUIRE(store.cluster.run_until([&] { return store.all_know(); }, seconds(5)));
  CHECK(store.alarms(leader, "frame_too_large") == 0);
  // Of one journal every other number: no cloud holds such a one.
  std::vector<crdt::Interval> odd;
  for (std::uint64_t number = 1; number < 400'000; number += 2) odd.push_back({number, number});
  store.held.set(store.devices[0], JournalId::draw(store.random),
                 {crdt::IntervalSet(std::move(odd)), {1, 1}});
  store.tell();
  store.cluster.run_for(seconds(2));
  store.hold_journals(1);
  store.tell();
  store.cluster.run_for(seconds(2));
  CHECK(store.alarms(leader, "frame_too_large") == 1);
}
