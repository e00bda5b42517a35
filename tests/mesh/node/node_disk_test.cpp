// A till whose disk fails, or whose file is damaged: sales go on, and nothing is told or counted
// twice.
#include <catch2/catch.hpp>

#include "tests/mesh/node/cluster_checks.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

TEST_CASE("a commit that fails and yet is there: one sale after the repeat, in a new journal",
          "[node]") {
  const bool yet_is_there = GENERATE(true, false);
  Cluster cluster({.tills = 2});
  cluster.run_for(seconds(2));
  cluster.sell(0, "milk", 1, "before");
  cluster.run_for(milliseconds(50));
  cluster.fail_next_commit(0, yet_is_there);
  cluster.sell(0, "milk", 1, "doubtful");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 2; }, seconds(1)));
  REQUIRE_FALSE(cluster.replies(0)[1].result.has_value());
  CHECK(cluster.replies(0)[1].result.error().code == ErrorCode::unknown_outcome);
  cluster.run_for(milliseconds(50));
  cluster.sell(0, "milk", 1, "doubtful");
  REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() == 3; }, seconds(1)));
  REQUIRE(cluster.replies(0)[2].result.has_value());
  CHECK(cluster.replies(0)[2].result->repeated == yet_is_there);
  cluster.sell(0, "milk", 1, "after");
  REQUIRE(cluster.run_until(
      [&] { return cluster.agrees() && cluster.node(1).vector().entry_count() == 3; }, seconds(3)));
  CHECK(cluster.node(1).shown_stock().on_hand("milk") == -3 * piece);
  const auto& last = cluster.replies(0).back().result;
  CHECK(last->entry->envelope.id.journal != cluster.replies(0)[0].result->id.journal);
  CHECK(last->entry->envelope.receipt->number == 3);
}

TEST_CASE("sales go on while a damaged file is recovered, also across its end", "[node]") {
  Cluster cluster({.tills = 2, .seed = 6, .commit = milliseconds(7)});
  cluster.run_for(seconds(2));
  cluster.sell(0, "milk", 1);
  cluster.run_for(milliseconds(30));
  const bool with_failure = GENERATE(true, false);
  if (with_failure) {  // the commit under way meets the damage, too
    cluster.fail_next_commit(0, false);
    cluster.sell(0, "milk", 1);
    cluster.run_for(milliseconds(1));
  }
  cluster.damage(0);
  cluster.damage(0);  // a second reader meets it
  CHECK(cluster.node(0).disk_state() == DiskState::recovering);
  // Whatever moment the recovery ends at, some sale is on its way to the disk.
  for (int i = 0; i < 300; ++i) {
    cluster.sell(0, "milk", 1);
    if (i % 10 == 0) cluster.sell(1, "tea", 1);
    cluster.run_for(milliseconds(2));
  }
  CHECK(cluster.node(0).disk_state() == DiskState::ok);
  REQUIRE(cluster.run_until([&] { return cluster.agrees(); }, seconds(3)));
  std::int64_t sold = 0;
  std::size_t refused = 0;
  for (const AppendReply& reply : cluster.replies(0)) {
    if (reply.result) {
      ++sold;
    } else {
      ++refused;
    }
  }
  CHECK(cluster.replies(0).size() == (with_failure ? 302 : 301));
  CHECK(refused <= (with_failure ? 10 : 0));
  CHECK(cluster.node(1).shown_stock().on_hand("milk") == -sold * piece);
  for (const std::size_t till : {0, 1}) {
    std::map<Hash, int> seen;
    for (const Event& event : cluster.events(till)) {
      if (const auto* entry = std::get_if<EntrySeen>(&event)) ++seen[entry->entry->hash];
    }
    for (const auto& [hash, times] : seen) CHECK(times == 1);
  }
}

TEST_CASE("a report too many of a disk that works again changes nothing", "[node]") {
  Cluster cluster({.tills = 1});
  cluster.run_for(seconds(2));
  cluster.damage(0);
  cluster.fail_next_commit(0, false);
  cluster.sell(0, "milk", 1);
  cluster.run_for(seconds(1));
  CHECK(cluster.node(0).disk_state() == DiskState::ok);
  cluster.sell(0, "milk", 1);
  cluster.run_for(milliseconds(50));
  const auto entries = cluster.node(0).vector().entry_count();
  cluster.open_again_unasked(0);  // what came a second after the repair used to end the process
  CHECK(cluster.node(0).vector().entry_count() == entries);
  cluster.sell(0, "milk", 1);
  cluster.run_for(milliseconds(50));
  CHECK(cluster.node(0).vector().entry_count() == entries + 1);
}

TEST_CASE("screens are told of a sale once, also where commits fail", "[node]") {
  const bool yet_is_there = GENERATE(true, false);
  Cluster cluster({.tills = 2, .seed = 9});
  cluster.run_for(seconds(2));
  for (int i = 0; i < 20; ++i) {
    if (i % 5 == 2) cluster.fail_next_commit(1, yet_is_there);
    if (i % 7 == 3) cluster.fail_next_commit(0, yet_is_there);
    cluster.sell(0, "milk", 1);
    cluster.sell(1, "tea", 1);
    cluster.run_for(milliseconds(40));
  }
  REQUIRE(cluster.run_until([&] { return cluster.agrees(); }, seconds(3)));
  for (const std::size_t till : {0, 1}) {
    const auto seen = seen_at(cluster, till);
    for (const auto& [hash, times] : seen) CHECK(times == 1);
    CHECK(seen.size() == cluster.node(till).vector().entry_count());
    std::map<std::string, std::int64_t> shown;
    for (const Event& event : cluster.events(till)) {
      const auto* changed = std::get_if<StockChanged>(&event);
      if (changed == nullptr) continue;
      for (const auto& change : changed->changes) shown[change.product] = change.after;
    }
    CHECK(shown["milk"] == cluster.node(till).shown_stock().on_hand("milk"));
    CHECK(shown["tea"] == cluster.node(till).shown_stock().on_hand("tea"));
  }
}
