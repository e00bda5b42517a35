// Seeded faults of all kinds, then a heal: what must hold whatever happened.
#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "tests/mesh/node/cluster_checks.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

// False: this number stands for none of the faults that both tests below make.
bool meets_fault(Cluster& cluster, Random& random, std::size_t till, std::size_t tills,
                 std::uint64_t fault) {
  switch (fault) {
    case 0:
      cluster.crash(till);
      return true;
    case 2:
      cluster.cut({{till}});
      return true;
    case 3:
      cluster.cut_one_way(till, (till + 1) % tills);
      return true;
    case 4:
      cluster.heal();
      return true;
    case 5:
      cluster.stall(till, milliseconds(static_cast<int>(random.below(1500))));
      return true;
    case 6:
      if (cluster.is_up(till)) cluster.fail_next_commit(till, random.chance({1, 2}));
      return true;
    default:
      return false;
  }
}

}  // namespace

TEST_CASE("seeded faults, then a heal: every acknowledged sale is on every till", "[node]") {
  const std::uint64_t seed = GENERATE(range(1, 301));
  Random random(seed);
  const std::size_t tills = 2 + random.below(5);
  Cluster cluster(
      {.tills = tills, .seed = seed, .loss = {random.below(10), 100}, .check_every_step = false});
  for (int step = 0; step < 60; ++step) {
    const std::size_t till = random.below(tills);
    const std::uint64_t what = random.below(12);
    if (what == 1) {
      cluster.start(till);
    } else if (!meets_fault(cluster, random, till, tills, what) && cluster.is_up(till)) {
      cluster.sell(till, "milk", 1);
    }
    cluster.run_for(milliseconds(static_cast<int>(random.below(300))));
  }
  cluster.heal();
  for (std::size_t i = 0; i < tills; ++i) cluster.start(i);
  INFO("seed " << seed);
  const bool agreed =
      cluster.run_until([&] { return cluster.agrees() && cluster.has_one_leader(); }, seconds(30));
  INFO(cluster.describe());
  REQUIRE(agreed);
  std::set<EntryId> sold;
  for (std::size_t i = 0; i < tills; ++i) {
    cluster.node(i).check_invariants();
    for (const AppendReply& reply : cluster.replies(i)) {
      if (!reply.result) continue;
      sold.insert(reply.result->id);
      for (std::size_t j = 0; j < tills; ++j) {
        CHECK(cluster.node(j).vector().contains(reply.result->id.journal, reply.result->id.number));
      }
    }
    CHECK_FALSE(has_alarm(cluster, i, "divergence"));
    CHECK_FALSE(has_alarm(cluster, i, "bad_signature"));
  }
  CHECK(cluster.node(0).vector().entry_count() >= sold.size());
}

TEST_CASE("seeded faults with restored disks and repeated keys: each key counts once", "[node]") {
  const std::uint64_t seed = GENERATE(range(1, 201));
  Random random(seed * 7919);
  const std::size_t tills = 2 + random.below(4);
  Cluster cluster(
      {.tills = tills, .seed = seed, .loss = {random.below(8), 100}, .check_every_step = false});
  for (int step = 0; step < 70; ++step) {
    const std::size_t till = random.below(tills);
    const std::uint64_t what = random.below(12);
    if (what == 1) {
      cluster.crash(till);
      cluster.roll_back(till, random.below(cluster.disk(till).commits() + 1));
      cluster.start(till);
    } else if (what == 7) {
      cluster.start(till);
    } else if (!meets_fault(cluster, random, till, tills, what) && cluster.is_up(till)) {
      // A till screen that got no answer repeats; a few keys are in use at a time.
      cluster.sell(till, "milk", 1, "key-" + std::to_string(step / 20 * 3 + random.below(3)));
    }
    cluster.run_for(milliseconds(static_cast<int>(random.below(300))));
  }
  cluster.heal();
  for (std::size_t i = 0; i < tills; ++i) cluster.start(i);
  INFO("seed " << seed);
  REQUIRE(
      cluster.run_until([&] { return cluster.agrees() && cluster.has_one_leader(); }, seconds(30)));
  cluster.run_for(seconds(1));
  INFO(cluster.describe());
  // A sale that waited for its till's disk may have come since, and its mail have been lost.
  CHECK(cluster.run_until([&] { return cluster.agrees(); }, seconds(5)));
  std::map<std::pair<DeviceId, std::string>, std::vector<Hash>> sales;
  for (const auto& [identity, entry] : cluster.disk(0).entries()) {
    const Envelope& envelope = entry->envelope;
    CHECK(envelope.kind == Kind::sale);  // no void is needed
    sales[{envelope.device, envelope.idempotency_key}].push_back(entry->hash);
  }
  CHECK(cluster.node(0).shown_stock().on_hand("milk") ==
        -static_cast<std::int64_t>(sales.size()) * piece);
  for (std::size_t i = 0; i < tills; ++i) {
    cluster.node(i).check_invariants();
    CHECK_FALSE(has_alarm(cluster, i, "divergence"));
    CHECK_FALSE(has_alarm(cluster, i, "bad_signature"));
    CHECK_FALSE(has_alarm(cluster, i, "journal_copied"));
    CHECK_FALSE(has_alarm(cluster, i, "journal_forked"));
  }
}
