// Bad pages in a terminal's database: what was in them is lost on this disk, what was not is kept,
// and the others give back what they hold.
#include <catch2/catch.hpp>

#include <set>

#include "simulations/run.h"

namespace titan::simulations {
namespace {

constexpr TerminalIndex damaged = 1;

struct Disk : Observer {
  void on_observed(const Observed& observed) override {
    const auto* stored = std::get_if<EntryStored>(&observed.what);
    if (stored && stored->terminal == damaged) held.insert(stored->entry->id);
    const auto* replaced = std::get_if<DiskReplaced>(&observed.what);
    if (replaced && replaced->terminal == damaged) {
      ++replacements;
      before = held.size();
      saved = replaced->held.size();
      is_part = true;
      for (const auto& [id, hash] : replaced->held) is_part = is_part && held.contains(id);
    }
    const auto* listed = std::get_if<JournalListed>(&observed.what);
    if (listed && listed->terminal == damaged) at_end = listed->held.size();
    const auto* alarm = std::get_if<AlarmRaised>(&observed.what);
    if (alarm && alarm->code == "database_damaged") ++alarms;
  }
  std::set<mesh::EntryId> held;
  std::size_t replacements = 0, before = 0, saved = 0, at_end = 0, alarms = 0;
  bool is_part = false;
};

Scenario store_with_bad_pages(std::uint32_t pages) {
  Scenario scenario;
  scenario.name = "bad-pages";
  scenario.purpose = "pages of one till's database go bad";
  for (int i = 1; i <= 3; ++i) {
    TerminalSpec spec;
    spec.name = "till-" + std::to_string(i);
    scenario.topology.terminals.push_back(spec);
  }
  scenario.workload.sales_per_second = {30, 1};
  scenario.lasts = seconds(20);
  Fault damage;
  damage.kind = FaultKind::damage_disk;
  damage.at = seconds(10);
  damage.targets = {{Target::Role::named, "till-2"}};
  damage.pages = pages;
  Fault crash;
  crash.kind = FaultKind::crash;
  crash.at = seconds(11);
  crash.lasts = seconds(2);
  crash.targets = damage.targets;
  scenario.faults = {damage, crash};
  return scenario;
}

TEST_CASE("what bad pages leave over is saved, and the rest comes back from the others") {
  for (const std::uint32_t pages : {2U, 1000U}) {
    CAPTURE(pages);
    Disk disk;
    RunOptions options;
    options.observers = {&disk};
    const auto result = run(store_with_bad_pages(pages), options);
    REQUIRE(result.has_value());
    INFO(result->at_end);
    CHECK(result->rested_after.has_value());
    CHECK(disk.replacements == 1);
    CHECK(disk.alarms == 1);
    CHECK(disk.before > 200);
    CHECK(disk.saved < disk.before);
    // With all its pages gone nothing is left; of two pages most entries are elsewhere.
    if (pages == 2) CHECK(disk.saved > disk.before / 2);
    CHECK(disk.is_part);
    CHECK(disk.at_end > disk.before);
    const auto again = run(store_with_bad_pages(pages), {});
    REQUIRE(again.has_value());
    CHECK(again->trace_hash == result->trace_hash);
  }
}

}  // namespace
}  // namespace titan::simulations
