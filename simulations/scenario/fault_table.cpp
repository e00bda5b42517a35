// Every fault that a scenario may have, by what it breaks: its name in a scenario file, whether it
// lasts, whether real processes can show it, its keys, and what it does. What the simulator does
// for each stands in model/faults.cpp, under the same headings; what real processes do in
// qa/live/faults.py.
#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "simulations/scenario/scenario.h"

namespace titan::simulations {

namespace {

using Kind = FaultKind;

constexpr FaultField targets{"targets"};
constexpr FaultField others{"others"};
constexpr FaultField others_or_all{"others", false};
constexpr FaultField delay{"delay"};
constexpr FaultField place{"place"};

constexpr bool lasting = true;
constexpr bool at_once = false;
constexpr bool in_both = true;
constexpr bool simulator_only = false;

FaultRow row(FaultKind kind, std::string_view name, bool may_last, bool runs_in_lab,
             std::vector<FaultField> fields, std::string_view what) {
  return {kind, name, what, std::move(fields), may_last, runs_in_lab};
}

std::vector<FaultRow> network_faults() {
  return {
      row(Kind::cut, "cut", lasting, in_both, {{"groups"}},
          "Each group reaches only itself; what no group names is one more group. The cloud may "
          "be a member of a group; one that no group names stays in reach of all."),
      row(Kind::cut_one_way, "cut_one_way", lasting, in_both, {targets, others},
          "Nothing from the targets reaches the others; connections between them die on both "
          "ends."),
      row(Kind::deaf, "deaf", lasting, in_both, {targets},
          "The targets send but hear nothing; their connections stay up."),
      row(Kind::reset, "reset", at_once, in_both, {targets, others_or_all},
          "Every connection between the targets and the others (all, if none are named) is reset "
          "once."),
      row(Kind::freeze, "freeze", lasting, in_both, {targets, others_or_all},
          "Connections between the targets and the others (all, if none are named) pass nothing "
          "and are not closed; what was sent arrives later."),
      row(Kind::degrade, "degrade", lasting, in_both, {targets, {"quality"}},
          "The targets' own lines get another quality."),
      row(Kind::flap, "flap", lasting, in_both, {targets, {"period"}},
          "The targets are cut off from everybody for one period and back for the next, in turn."),
      row(Kind::star, "star", lasting, in_both, {targets},
          "Everybody reaches the targets, and nobody anybody else."),
      row(Kind::switch_reboot, "switch_reboot", lasting, in_both, {place},
          "Nothing passes the switch that `place` names."),
      row(Kind::no_multicast, "no_multicast", lasting, in_both, {}, "mDNS is filtered everywhere."),
      row(Kind::change_address, "change_address", lasting, in_both, {targets},
          "The targets' cards lose their address, and have another one after `lasts`; without it "
          "at once."),
  };
}

std::vector<FaultRow> process_faults() {
  return {
      row(Kind::crash, "crash", lasting, in_both, {targets},
          "kill -9. Back after `lasts`, with the disk as it was committed."),
      row(Kind::leave, "leave", lasting, in_both, {targets}, "A polite stop. Back after `lasts`."),
      row(Kind::stall, "stall", lasting, in_both, {targets},
          "The process does not run; its sockets stay open."),
      row(Kind::clone, "clone", lasting, simulator_only, {targets},
          "A snapshot of the running process is resumed beside it."),
  };
}

std::vector<FaultRow> disk_faults() {
  return {
      row(Kind::slow_disk, "slow_disk", lasting, in_both, {targets, delay},
          "Each commit takes `delay`."),
      row(Kind::disk_full, "disk_full", lasting, in_both, {targets},
          "Every commit fails; nothing of it is on the disk."),
      row(Kind::failed_commit, "failed_commit", at_once, in_both, {targets},
          "The next commit fails, and is not on the disk."),
      row(Kind::doubtful_commit, "doubtful_commit", at_once, in_both, {targets},
          "The next commit fails, and is there after a restart."),
      row(Kind::restore_disk, "restore_disk", lasting, in_both, {targets, {"age"}},
          "A crash; the terminal starts, after `lasts`, with its disk as it was `age` ago."),
      row(Kind::clone_disk, "clone_disk", lasting, in_both, {targets, others},
          "A crash of the others, which start, after `lasts`, with a copy of the target's disk."),
      row(Kind::damage_disk, "damage_disk", at_once, in_both, {targets, {"pages"}},
          "So many `pages` of the terminal's database that lie behind one another are "
          "overwritten. It finds them when it reads them, at the latest when it starts, and saves "
          "what it can."),
      row(Kind::lose_disk, "lose_disk", lasting, in_both, {targets},
          "A crash; the terminal starts, after `lasts`, with an empty disk and a new device key."),
      row(Kind::lose_journal, "lose_journal", lasting, simulator_only, {targets},
          "A crash; the terminal starts, after `lasts`, without its journal's file. Its device "
          "key and its private store database are still there."),
  };
}

std::vector<FaultRow> clock_faults() {
  return {
      row(Kind::skew, "skew", lasting, in_both, {targets, delay},
          "The wall clock is off by `delay`, which may be negative."),
      row(Kind::drift, "drift", lasting, in_both, {targets, {"parts_per_million"}},
          "The wall clock runs `parts_per_million` too fast."),
      row(Kind::dead_clock, "dead_clock", lasting, in_both, {targets},
          "A crash; the terminal starts, after `lasts`, in 1970."),
  };
}

std::vector<FaultRow> cloud_faults() {
  return {
      row(Kind::cloud_away, "cloud_away", lasting, in_both, {}, "Connections to the cloud hang."),
      row(Kind::cloud_refuses, "cloud_refuses", lasting, in_both, {},
          "The cloud refuses connections."),
      row(Kind::cloud_slow, "cloud_slow", lasting, in_both, {delay},
          "Every answer of the cloud takes `delay`."),
      row(Kind::cloud_restart, "cloud_restart", lasting, in_both, {},
          "Connections to the cloud are reset; nothing that was committed is lost."),
      row(Kind::cloud_answer_lost, "cloud_answer_lost", at_once, in_both, {},
          "The next batch is committed, but its acknowledgement is not sent."),
      row(Kind::lease_reset, "lease_reset", at_once, simulator_only, {},
          "Head office resets the store's lease: the cloud forgets the token and opens a new "
          "epoch."),
      row(Kind::gateway_stall, "gateway_stall", lasting, in_both, {},
          "One gateway holds what it has received and goes on later."),
  };
}

std::vector<FaultRow> store_database_faults() {
  return {
      row(Kind::database_away, "database_away", lasting, in_both, {},
          "The store database cannot be reached."),
      row(Kind::database_slow, "database_slow", lasting, in_both, {delay},
          "Each commit of the store database takes `delay`."),
      row(Kind::database_killed, "database_killed", at_once, in_both, {},
          "The store database is killed in its next commit."),
  };
}

std::vector<FaultRow> member_faults() {
  return {
      row(Kind::false_leave, "false_leave", at_once, simulator_only, {targets, others},
          "The targets tell everybody that the others, who live, have left; as gossip, and as a "
          "goodbye that they pretend to relay."),
      row(Kind::stolen_journal, "stolen_journal", at_once, simulator_only, {targets, others},
          "The targets sign entries of their own under the names of those journals of the others "
          "that they hold, and mail them to everybody."),
      row(Kind::absurd_term, "absurd_term", at_once, simulator_only, {targets},
          "The targets tell everybody, and the cloud on a connection of their own, of a term of "
          "2^62."),
  };
}

std::vector<FaultRow> all_rows() {
  std::vector<FaultRow> all;
  const auto add = [&all](FaultArea area, std::vector<FaultRow> faults) {
    for (FaultRow& fault : faults) {
      fault.area = area;
      all.push_back(std::move(fault));
    }
  };
  add(FaultArea::network, network_faults());
  add(FaultArea::processes, process_faults());
  add(FaultArea::disks, disk_faults());
  add(FaultArea::clocks, clock_faults());
  add(FaultArea::cloud, cloud_faults());
  add(FaultArea::store_database, store_database_faults());
  add(FaultArea::members, member_faults());
  return all;
}

}  // namespace

const std::vector<FaultRow>& fault_table() {
  static const std::vector<FaultRow> table = all_rows();
  return table;
}

const FaultRow& row_of(FaultKind kind) {
  const auto& table = fault_table();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [kind](const FaultRow& row) { return row.kind == kind; });
  if (found == table.end()) throw std::logic_error("a fault kind without a row in the table");
  return *found;
}

bool has_fault(const Scenario& scenario, FaultKind kind) {
  return std::any_of(scenario.faults.begin(), scenario.faults.end(),
                     [kind](const Fault& fault) { return fault.kind == kind; });
}

}  // namespace titan::simulations
