// Random faults, then a heal, then one leader within the bound: many seeds of it.
//
// M1 (and that votes are on disk before they leave, and are cast once per term) is checked by the
// lab after every step; M3 after the heal. A failing seed prints its trace.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <string>

#include "tests/election/lab.h"

namespace titan::election::lab {
namespace {

// How often the rare paths were taken, over all seeds.
struct Reached {
  std::uint64_t elections = 0;
  std::uint64_t step_downs = 0;
  std::uint64_t lease_moves = 0;
  std::map<std::string, std::uint64_t> events;
};

struct Plan {
  std::size_t terminals = 5;
  std::size_t faults = 20;
  bool wireless = false;
  bool stays_cut = false;     // after the heal many pairs reach each other only through a third
  bool disks_forget = false;  // a planted fault
};

LabConfig config_for(std::uint64_t seed, const Plan& plan, Random& random) {
  LabConfig config;
  config.seed = seed;
  config.draw_process_ids = true;
  config.disks_forget = plan.disks_forget;
  static constexpr std::int64_t disk_ms[] = {1, 1, 5, 20, 60, 200};
  config.disk_delay = milliseconds(disk_ms[random.below(6)]);
  if (random.chance({1, 4})) config.delay_spread = milliseconds(10);
  if (plan.wireless) {
    config.election = Config::wireless();
    config.delay_spread = milliseconds(40);
    config.probe_interval = milliseconds(1000);
    config.suspect_after = seconds(2);
    config.dead_after = seconds(8);
  }
  return config;
}

void break_something(Lab& lab, Random& random) {
  const std::size_t count = lab.size();
  const std::size_t one = random.below(count);
  const std::size_t other = random.below(count);
  switch (random.below(14)) {
    case 0:
      lab.kill(one);
      break;
    case 1:
    case 2:
      if (lab.is_up(one)) lab.kill(one);
      lab.start(one);
      break;
    case 3:
      if (one != other) lab.set_link(one, other, false);
      break;
    case 4:
      if (one != other) lab.set_one_way(one, other, false);
      break;
    case 5:
      lab.heal();
      break;
    case 6:
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = i + 1; j < count; ++j) {
          if ((i < one) != (j < one)) lab.set_link(i, j, false);
        }
      }
      break;
    case 7:
      lab.stall(one, milliseconds(100 + random.below(1500)));
      break;
    case 8:
      lab.leave(one);
      break;
    case 9:
      lab.set_loss({random.below(30), 100});
      break;
    case 10:
      lab.set_cloud(one, random.chance({1, 2}));
      break;
    case 11:
      for (std::size_t i = 0; i < count; ++i) {
        if (i != one) lab.set_one_way(i, one, false);
      }
      break;
    case 12:
      for (const std::size_t leader : lab.leaders()) lab.kill(leader);
      break;
    case 13:
      if (lab.is_up(one)) lab.hint_leader_gone(one);
      break;
  }
}

void cut_what_relays_can_bridge(Lab& lab, Random& random) {
  for (std::size_t attempt = 0; attempt < lab.size() * lab.size(); ++attempt) {
    const std::size_t one = random.below(lab.size());
    const std::size_t other = random.below(lab.size());
    if (one == other) continue;
    lab.set_link(one, other, false);
    if (!lab.is_one_component()) lab.set_link(one, other, true);
  }
}

std::string tail(const std::vector<std::string>& lines) {
  std::string text;
  const std::size_t shown = 120;
  for (std::size_t i = lines.size() > shown ? lines.size() - shown : 0; i < lines.size(); ++i) {
    text += lines[i] + "\n";
  }
  return text;
}

// Empty, or what went wrong.
std::string explore(std::uint64_t seed, const Plan& plan, Reached& reached) {
  Random random(seed);
  Lab lab(config_for(seed, plan, random));
  for (std::size_t i = 0; i < plan.terminals; ++i) {
    TerminalOptions options;
    // The first may always lead, so that every heal has somebody eligible.
    options.may_lead = i == 0 || !random.chance({1, 6});
    options.priority = static_cast<std::uint32_t>(random.below(3));
    lab.add("T" + std::to_string(i), options);
  }
  for (std::size_t i = 0; i < plan.terminals; ++i) {
    if (random.chance({3, 4})) lab.start(i);
  }
  const std::uint64_t pause_ms = plan.wireless ? 4000 : 800;
  for (std::size_t fault = 0; fault < plan.faults; ++fault) {
    lab.run(milliseconds(random.below(pause_ms)));
    break_something(lab, random);
  }

  lab.heal();
  lab.run(milliseconds(1600));  // the longest stall is over: from here it is left alone
  for (std::size_t i = 0; i < plan.terminals; ++i) {
    const bool has_left = lab.is_up(i) && lab.election(i)->has_left();
    if (has_left) lab.kill(i);
    if (i == 0 || has_left || random.chance({1, 2})) lab.start(i);
    // With the cloud back for all, nobody hands over for its sake in the quiet time.
    lab.set_cloud(i, true);
  }
  if (plan.stays_cut) cut_what_relays_can_bridge(lab, random);
  const Duration bound = plan.wireless ? seconds(30) : seconds(5);
  const bool agreed = lab.run_until([&lab] { return lab.disagreement().empty(); }, bound);
  std::string wrong;
  if (!agreed) {
    wrong = "no agreement within the bound after the heal\n" + lab.state_text();
  } else {
    const std::uint64_t elections = lab.elections_won();
    lab.run(plan.wireless ? seconds(30) : seconds(6));
    if (!lab.disagreement().empty()) wrong = "agreement did not last\n" + lab.state_text();
    if (lab.elections_won() != elections) wrong += "an election after the agreement\n";
  }
  for (const std::string& complaint : lab.complaints()) wrong += complaint + "\n";

  reached.elections += lab.elections_won();
  reached.step_downs += lab.step_downs();
  reached.lease_moves += lab.lease_moves();
  for (const std::string& line : lab.whole_trace()) {
    for (const char* event :
         {"goes on under", "is vetoed by", "gives up the round", "met a better leader",
          "hears nobody", "stalled longer", "handed over", "hands over to"}) {
      if (line.find(event) != std::string::npos) ++reached.events[event];
    }
  }
  if (wrong.empty()) return {};
  return "seed " + std::to_string(seed) + ": " + wrong + tail(lab.whole_trace());
}

// TITAN_ELECTION_SEEDS: how many seeds instead of the usual number; TITAN_ELECTION_FIRST: the
// first.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void explore_many(std::uint64_t seeds, std::uint64_t first,
                  const std::function<Plan(std::uint64_t)>& plan_for, Reached& reached) {
  seeds = from_environment("TITAN_ELECTION_SEEDS", seeds);
  first = from_environment("TITAN_ELECTION_FIRST", first);
  std::uint64_t failed = 0;
  std::string first_failure;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const std::string wrong = explore(seed, plan_for(seed), reached);
    if (wrong.empty()) continue;
    ++failed;
    if (first_failure.empty()) first_failure = wrong;
  }
  INFO("failed seeds: " << failed << " of " << seeds << "\n" << first_failure);
  CHECK(failed == 0);
}

}  // namespace

TEST_CASE("random faults, then a heal: one leader within 5 s, never one token twice") {
  Reached reached;
  explore_many(
      300, 1,
      [](std::uint64_t seed) {
        return Plan{2 + seed % 7, 10 + seed % 25, false};
      },
      reached);
  std::string counts;
  for (const auto& [event, count] : reached.events) {
    counts += event + ": " + std::to_string(count) + "\n";
  }
  INFO("elections " << reached.elections << ", step-downs " << reached.step_downs
                    << ", lease moves " << reached.lease_moves << "\n"
                    << counts);
  // The rare paths were really taken.
  CHECK(reached.elections > 500);
  CHECK(reached.lease_moves > 20);
  for (const char* event :
       {"goes on under", "is vetoed by", "gives up the round", "met a better leader",
        "hears nobody", "stalled longer", "handed over"}) {
    CHECK(reached.events[event] > 0);
  }
}

TEST_CASE("random faults, then many pairs only through a third: one leader within 5 s") {
  Reached reached;
  explore_many(
      150, 2000,
      [](std::uint64_t seed) {
        Plan plan{3 + seed % 8, 10 + seed % 25, false};
        plan.stays_cut = true;
        return plan;
      },
      reached);
  CHECK(reached.elections > 150);
}

// The lab must notice what it is there to notice.
TEST_CASE("disks that forget promises are found out") {
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Reached reached;
    Plan plan{4, 40, false};
    plan.disks_forget = true;
    if (explore(seed, plan, reached).find("voted twice in term") != std::string::npos) ++found;
  }
  CHECK(found > 0);
}

TEST_CASE("random faults among 30 tills") {
  Reached reached;
  explore_many(
      4, 5000,
      [](std::uint64_t) {
        return Plan{30, 40, false};
      },
      reached);
  CHECK(reached.elections > 4);
}

TEST_CASE("random faults with the wireless timings: one leader within 30 s") {
  Reached reached;
  explore_many(
      60, 9000,
      [](std::uint64_t seed) {
        return Plan{2 + seed % 5, 15, true};
      },
      reached);
  CHECK(reached.elections > 60);
}

}  // namespace titan::election::lab
