// Idempotency keys whose records are on the disk: the ticket waits, and no key records two sales.
#include <catch2/catch.hpp>

#include "tests/mesh/node/cluster_checks.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

// A till that recorded "key" in an earlier life.
void sold_before(Cluster& cluster) {
  cluster.run_for(seconds(1));
  cluster.sell(0, "milk", 1, "key");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 1; }, seconds(1)));
  cluster.crash(0);
  cluster.start(0);
}

}  // namespace

TEST_CASE("after a restart a repeat is looked up once for all that send it, a new key never",
          "[node]") {
  Cluster cluster({.tills = 1});
  sold_before(cluster);
  cluster.sell(0, "milk", 1, "key");
  cluster.sell(0, "milk", 1, "key");
  cluster.sell(0, "milk", 3, "key");
  cluster.sell(0, "milk", 1, "new");
  cluster.sell(0, "milk", 1);
  CHECK(cluster.replies(0).size() == 1);
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 6; }, seconds(1)));
  CHECK(cluster.look_ups(0) == 1);
  const EntryId first = cluster.replies(0)[0].result->id;
  CHECK(cluster.replies(0)[1].result->id == first);
  CHECK(cluster.replies(0)[2].result->id == first);
  CHECK(cluster.replies(0)[2].result->repeated);
  CHECK(cluster.replies(0)[3].result.error().code == ErrorCode::conflict);
  CHECK(cluster.node(0).vector().entry_count() == 3);
}

TEST_CASE("a look-up that fails answers that nobody knows, and the next one finds it", "[node]") {
  Cluster cluster({.tills = 1});
  sold_before(cluster);
  cluster.fail_next_look_ups(0, 1);
  cluster.sell(0, "milk", 1, "key");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 2; }, seconds(1)));
  CHECK(cluster.replies(0)[1].result.error().code == ErrorCode::unknown_outcome);
  cluster.sell(0, "milk", 1, "key");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 3; }, seconds(1)));
  CHECK(cluster.replies(0)[2].result->repeated);
  CHECK(cluster.node(0).vector().entry_count() == 1);
}

TEST_CASE("a key that only shares its hash with one on the disk is recorded, once", "[node]") {
  Cluster cluster({.tills = 1});
  sold_before(cluster);
  cluster.disk(0).forget_key("key");  // as if the hash had been another key's
  for (int i = 0; i < 3; ++i) cluster.sell(0, "milk", 1, "key");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 4; }, seconds(1)));
  CHECK(cluster.look_ups(0) == 1);
  CHECK_FALSE(cluster.replies(0)[1].result->repeated);
  CHECK(cluster.replies(0)[2].result->repeated);
  CHECK(cluster.replies(0)[3].result->id == cluster.replies(0)[1].result->id);
  CHECK(cluster.node(0).vector().entry_count() == 2);
}

TEST_CASE("a disk that fails while a key is looked up: one answer each, no second sale", "[node]") {
  Cluster cluster({.tills = 1});
  const bool yet_is_there = GENERATE(true, false);
  const bool is_forgotten = GENERATE(true, false);
  sold_before(cluster);
  if (is_forgotten) cluster.disk(0).forget_key("key");
  cluster.fail_next_commit(0, yet_is_there);
  cluster.sell(0, "milk", 1, "doubtful");
  cluster.run_for(Duration(150));
  cluster.sell(0, "milk", 1, "key");  // looked up across the failure
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 3; }, seconds(1)));
  cluster.run_for(milliseconds(50));
  cluster.sell(0, "milk", 1, "key");
  cluster.sell(0, "milk", 1, "doubtful");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 5; }, seconds(1)));
  cluster.run_for(milliseconds(50));
  CHECK(cluster.replies(0).size() == 5);
  CHECK(acknowledged(cluster, 0) >= 3);
  CHECK(cluster.node(0).vector().entry_count() == (is_forgotten ? 3 : 2));
}

TEST_CASE("what is stored beside a damaged file is known there, and looked up when it is whole",
          "[node]") {
  Cluster cluster({.tills = 1});
  sold_before(cluster);
  cluster.damage(0);
  cluster.run_for(milliseconds(20));
  REQUIRE(cluster.node(0).disk_state() == DiskState::recovering);
  cluster.sell(0, "milk", 1, "beside");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 2; }, milliseconds(100)));
  CHECK(cluster.node(0).recorded_beside("beside"));
  cluster.disk(0).forget_key("beside");  // no reader of the damaged file finds it
  cluster.sell(0, "milk", 1, "beside");
  REQUIRE(cluster.replies(0).size() == 3);
  CHECK(cluster.replies(0)[2].result->repeated);
  CHECK(cluster.look_ups(0) == 0);
  REQUIRE(
      cluster.run_until([&] { return cluster.node(0).disk_state() == DiskState::ok; }, seconds(2)));
  CHECK_FALSE(cluster.node(0).recorded_beside("beside"));
  cluster.sell(0, "milk", 1, "key");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 4; }, seconds(1)));
  CHECK(cluster.replies(0)[3].result->repeated);
  CHECK(cluster.look_ups(0) == 1);
}

TEST_CASE("a key that the disk has dropped is a new sale, and its hash is free", "[node]") {
  Cluster cluster({.tills = 1});
  sold_before(cluster);
  CHECK(cluster.node(0).may_hold_key("key"));
  const std::uint64_t dropped[] = {hash_of_key("key")};
  cluster.disk(0).forget_key("key");
  cluster.node(0).on_keys_dropped({cluster.time(), {1'600'000'000'000}}, dropped);
  CHECK_FALSE(cluster.node(0).may_hold_key("key"));
  cluster.sell(0, "milk", 2, "key");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 2; }, seconds(1)));
  CHECK_FALSE(cluster.replies(0)[1].result->repeated);
  CHECK(cluster.look_ups(0) == 0);
  CHECK(cluster.node(0).may_hold_key("key"));
}
