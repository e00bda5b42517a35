// A node whose wall clock is set: what its entries say of time and date, and in which journal.
#include <catch2/catch.hpp>

#include "tests/mesh/node/cluster.h"

using namespace titan;
using namespace titan::mesh;
using testing::Cluster;

namespace {

constexpr std::int64_t noon = 1'793'016'000'000;  // 2026-10-26T12:00:00Z
constexpr std::int64_t day = 86'400'000;

struct Till {
  Till() { cluster.set_wall(noon); }

  Envelope sell(ClockQuality quality = ClockQuality::synchronised, std::uint32_t date = 20261026) {
    EntryDraft draft;
    draft.kind = Kind::sale;
    draft.time = wall();
    draft.business_date = date;
    draft.clock_quality = quality;
    draft.wants_receipt = true;
    const std::size_t before = cluster.replies(0).size();
    cluster.append(0, draft);
    REQUIRE(cluster.run_until([&] { return cluster.replies(0).size() > before; }, seconds(1)));
    const auto& result = cluster.replies(0).back().result;
    REQUIRE(result.has_value());
    return result->entry->envelope;
  }
  WallTime wall() const { return {shown_ms + (cluster.time() - shown_at) / milliseconds(1)}; }
  void set_wall(std::int64_t utc_ms) {
    shown_ms = utc_ms;
    shown_at = cluster.time();
    cluster.set_wall(utc_ms);
  }
  std::vector<std::string> alarms() const {
    std::vector<std::string> codes;
    for (const Event& event : cluster.events(0)) {
      if (const auto* alarm = std::get_if<Alarm>(&event)) codes.push_back(alarm->code);
    }
    return codes;
  }

  Cluster cluster{{.tills = 1}};
  std::int64_t shown_ms = noon;
  MonoTime shown_at;
};

}  // namespace

TEST_CASE("a clock years ahead and put back: the node goes on in a new journal", "[node]") {
  Till till;
  till.set_wall(noon);
  const Envelope first = till.sell();
  till.set_wall(noon + 3000 * day);
  const Envelope ahead = till.sell(ClockQuality::synchronised, 20350112);
  CHECK(ahead.id.journal == first.id.journal);
  till.set_wall(noon + 60'000);
  const Envelope after = till.sell();
  CHECK(after.id.journal != ahead.id.journal);
  CHECK(after.opening->predecessor == ahead.id.journal);
  CHECK(after.time.utc_ms < noon + day);
  CHECK(after.business_date == 20261026);
  CHECK(after.clock_quality == ClockQuality::synchronised);
  CHECK(after.receipt->number == 3);
  CHECK(after.logical_clock > ahead.logical_clock);
  CHECK(till.alarms() == std::vector<std::string>{"clock_ahead"});
}

TEST_CASE("a clock that went back is held by the node, and told without a sale", "[node]") {
  Till till;
  till.set_wall(noon);
  const Envelope first = till.sell();
  till.set_wall(noon - 10 * 60'000);
  till.cluster.run_for(seconds(2));
  CHECK(till.alarms() == std::vector<std::string>{"clock_back"});
  const Envelope held = till.sell(ClockQuality::synchronised, 20261025);
  CHECK(held.time == first.time);
  CHECK(held.business_date == 20261026);
  CHECK(held.clock_quality == ClockQuality::held);
}

TEST_CASE("a clock in the year 10000 takes the day of the last entries, too", "[node]") {
  Till till;
  till.set_wall(noon);
  till.sell();
  till.set_wall(253'402'300'800'000);
  const Envelope wild = till.sell(ClockQuality::implausible, 19700101);
  CHECK(wild.business_date == 20261026);
  CHECK(wild.clock_quality == ClockQuality::implausible);
  till.set_wall(noon + day);
  const Envelope right = till.sell(ClockQuality::synchronised, 20261027);
  CHECK(right.id.journal != wild.id.journal);
  CHECK(right.time.utc_ms == noon + day);
  CHECK(right.business_date == 20261027);
}

TEST_CASE("a dead clock takes the day of the last entries, and a living one ends it", "[node]") {
  Till till;
  till.set_wall(noon);
  till.sell();
  till.cluster.crash(0);
  till.set_wall(5000);
  till.cluster.start(0);
  const Envelope dead = till.sell(ClockQuality::implausible, 19700101);
  CHECK(dead.business_date == 20261026);
  CHECK(dead.time.utc_ms < day);
  till.set_wall(noon + day);
  const Envelope alive = till.sell(ClockQuality::synchronised, 20261027);
  CHECK(alive.id.journal != dead.id.journal);
  CHECK(alive.business_date == 20261027);
}
