// A store in virtual time sells: what is lost is repaired, what is repeated counts once, what was
// cut apart agrees again.
#include <catch2/catch.hpp>

#include "mesh/entry/watermark.h"
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

TEST_CASE("a message that no frame holds is told, once, and not sent", "[node]") {
  Random random(1);
  const KeyPair cloud = draw_key(random);
  Cluster cluster({.tills = 2, .cloud_key = cloud.public_key});
  REQUIRE(cluster.run_until([&] { return cluster.has_one_leader(); }, seconds(5)));
  const std::size_t leader = cluster.node(0).is_leader() ? 0 : 1;
  const WireCodec codec;
  const auto watermark_of = [&](std::size_t journals, std::uint64_t sequence) {
    WatermarkVector vector{1, Bytes(16, 'r'), sequence, "acme", "london-1", {}};
    for (std::size_t i = 0; i < journals; ++i) {
      vector.journals.push_back({JournalId::draw(random), {crdt::IntervalSet({{1, 9}}), {}}});
    }
    Watermark watermark{codec.encode_watermark_vector(vector), {}, cloud.public_key};
    watermark.signature = sign(cloud, watermark_signed_part(watermark.vector_bytes));
    return watermark;
  };
  const auto alarms = [&] {
    std::size_t count = 0;
    for (const Event& event : cluster.events(leader)) {
      const auto* alarm = std::get_if<Alarm>(&event);
      count += alarm != nullptr && alarm->code == "frame_too_large";
    }
    return count;
  };
  const auto take = [&](const Watermark& watermark) {
    cluster.node(leader).on_watermark({cluster.time(), {1'600'000'000'000}}, watermark);
    cluster.run_for(seconds(1));
  };
  take(watermark_of(1'000, 1));
  CHECK(alarms() == 0);
  take(watermark_of(40'000, 2));
  take(watermark_of(40'000, 3));
  CHECK(alarms() == 1);
}
