// What tests of whole stores look for in the replies and events of their tills.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/mesh/node/cluster.h"

namespace titan::mesh::testing {

inline constexpr std::int64_t piece = crdt::stock_units_per_piece;

inline std::size_t acknowledged(const Cluster& cluster, std::size_t till) {
  return static_cast<std::size_t>(
      std::count_if(cluster.replies(till).begin(), cluster.replies(till).end(),
                    [](const AppendReply& reply) { return reply.result.has_value(); }));
}

inline bool has_alarm(const Cluster& cluster, std::size_t till, const std::string& code) {
  return std::any_of(cluster.events(till).begin(), cluster.events(till).end(),
                     [&](const Event& event) {
                       const auto* alarm = std::get_if<Alarm>(&event);
                       return alarm != nullptr && alarm->code == code;
                     });
}

inline std::size_t duplicates_found(const Cluster& cluster, std::size_t till) {
  return static_cast<std::size_t>(std::count_if(
      cluster.events(till).begin(), cluster.events(till).end(),
      [](const Event& event) { return std::holds_alternative<DuplicateFound>(event); }));
}

inline void expect_no_alarms(const Cluster& cluster, std::size_t tills) {
  for (std::size_t i = 0; i < tills; ++i) {
    for (const Event& event : cluster.events(i)) {
      if (const auto* alarm = std::get_if<Alarm>(&event)) {
        FAIL("till-" << i + 1 << " raised " << alarm->code << ": " << alarm->message);
      }
    }
  }
}

inline  // A sale of the first till that both of two hold.
    EntryId
    sold_and_copied(Cluster& cluster) {
  cluster.run_for(seconds(2));
  cluster.sell(0, "milk", 1);
  REQUIRE(cluster.run_until([&] { return acknowledged(cluster, 0) == 1; }, seconds(1)));
  const EntryId id = cluster.replies(0).front().result->id;
  const auto copied = [&] { return cluster.node(0).copies(id) == Copies{2, 0}; };
  REQUIRE(cluster.run_until(copied, seconds(1)));
  return id;
}

inline  // Each entry that this process was told of, and how often.
    std::map<Hash, int>
    seen_at(const Cluster& cluster, std::size_t till) {
  std::map<Hash, int> seen;
  for (const Event& event : cluster.events(till)) {
    if (const auto* entry = std::get_if<EntrySeen>(&event)) ++seen[entry->entry->hash];
  }
  return seen;
}

}  // namespace titan::mesh::testing
