#include <algorithm>
#include <cassert>
#include <stdexcept>

#include "simulations/scenario/scenario.h"

namespace titan::simulations {

namespace {

constexpr FaultField targets{"targets"};
constexpr FaultField others{"others"};
constexpr FaultField others_or_all{"others", false};
constexpr FaultField delay{"delay"};
constexpr FaultField place{"place"};

constexpr bool lasting = true;
constexpr bool at_once = false;
constexpr bool in_both = true;
constexpr bool simulator_only = false;

std::vector<FaultRow> rows() {
  using K = FaultKind;
  return {
      {K::cut,
       "cut",
       "Each group reaches only itself; what no group names is one more group. The cloud may be a "
       "member of a group; one that no group names stays in reach of all.",
       {{"groups"}},
       lasting,
       in_both},
      {K::cut_one_way,
       "cut_one_way",
       "Nothing from the targets reaches the others; connections between them die on both ends.",
       {targets, others},
       lasting,
       in_both},
      {K::deaf,
       "deaf",
       "The targets send but hear nothing; their connections stay up.",
       {targets},
       lasting,
       in_both},
      {K::reset,
       "reset",
       "Every connection between the targets and the others (all, if none are named) is reset "
       "once.",
       {targets, others_or_all},
       at_once,
       in_both},
      {K::freeze,
       "freeze",
       "Connections between the targets and the others (all, if none are named) pass nothing and "
       "are not closed; what was sent arrives later.",
       {targets, others_or_all},
       lasting,
       in_both},
      {K::degrade,
       "degrade",
       "The targets' own lines get another quality.",
       {targets, {"quality"}},
       lasting,
       in_both},
      {K::flap,
       "flap",
       "The targets are cut off from everybody for one period and back for the next, in turn.",
       {targets, {"period"}},
       lasting,
       in_both},
      {K::star,
       "star",
       "Everybody reaches the targets, and nobody anybody else.",
       {targets},
       lasting,
       in_both},
      {K::switch_reboot,
       "switch_reboot",
       "Nothing passes the switch that `place` names.",
       {place},
       lasting,
       in_both},
      {K::no_multicast, "no_multicast", "mDNS is filtered everywhere.", {}, lasting, in_both},
      {K::crash,
       "crash",
       "kill -9. Back after `lasts`, with the disk as it was committed.",
       {targets},
       lasting,
       in_both},
      {K::leave, "leave", "A polite stop. Back after `lasts`.", {targets}, lasting, in_both},
      {K::stall,
       "stall",
       "The process does not run; its sockets stay open.",
       {targets},
       lasting,
       in_both},
      {K::clone,
       "clone",
       "A snapshot of the running process is resumed beside it.",
       {targets},
       lasting,
       simulator_only},
      {K::slow_disk, "slow_disk", "Each commit takes `delay`.", {targets, delay}, lasting, in_both},
      {K::disk_full,
       "disk_full",
       "Every commit fails; nothing of it is on the disk.",
       {targets},
       lasting,
       in_both},
      {K::failed_commit,
       "failed_commit",
       "The next commit fails, and is not on the disk.",
       {targets},
       at_once,
       in_both},
      {K::doubtful_commit,
       "doubtful_commit",
       "The next commit fails, and is there after a restart.",
       {targets},
       at_once,
       in_both},
      {K::restore_disk,
       "restore_disk",
       "A crash; the terminal starts, after `lasts`, with its disk as it was `age` ago.",
       {targets, {"age"}},
       lasting,
       in_both},
      {K::clone_disk,
       "clone_disk",
       "A crash of the others, which start, after `lasts`, with a copy of the target's disk.",
       {targets, others},
       lasting,
       in_both},
      {K::damage_disk,
       "damage_disk",
       "So many `pages` of the terminal's database that lie behind one another are overwritten. It "
       "finds them when it reads them, at the latest when it starts, and saves what it can.",
       {targets, {"pages"}},
       at_once,
       in_both},
      {K::lose_disk,
       "lose_disk",
       "A crash; the terminal starts, after `lasts`, with an empty disk and a new device key.",
       {targets},
       lasting,
       in_both},
      {K::lose_journal,
       "lose_journal",
       "A crash; the terminal starts, after `lasts`, without its journal's file. Its device key "
       "and "
       "its private store database are still there.",
       {targets},
       lasting,
       simulator_only},
      {K::skew,
       "skew",
       "The wall clock is off by `delay`, which may be negative.",
       {targets, delay},
       lasting,
       in_both},
      {K::drift,
       "drift",
       "The wall clock runs `parts_per_million` too fast.",
       {targets, {"parts_per_million"}},
       lasting,
       in_both},
      {K::dead_clock,
       "dead_clock",
       "A crash; the terminal starts, after `lasts`, in 1970.",
       {targets},
       lasting,
       in_both},
      {K::cloud_away, "cloud_away", "Connections to the cloud hang.", {}, lasting, in_both},
      {K::cloud_refuses, "cloud_refuses", "The cloud refuses connections.", {}, lasting, in_both},
      {K::cloud_slow,
       "cloud_slow",
       "Every answer of the cloud takes `delay`.",
       {delay},
       lasting,
       in_both},
      {K::cloud_restart,
       "cloud_restart",
       "Connections to the cloud are reset; nothing that was committed is lost.",
       {},
       lasting,
       in_both},
      {K::cloud_answer_lost,
       "cloud_answer_lost",
       "The next batch is committed, but its acknowledgement is not sent.",
       {},
       at_once,
       in_both},
      {K::gateway_stall,
       "gateway_stall",
       "One gateway holds what it has received and goes on later.",
       {},
       lasting,
       in_both},
      {K::database_away,
       "database_away",
       "The store database cannot be reached.",
       {},
       lasting,
       in_both},
      {K::database_slow,
       "database_slow",
       "Each commit of the store database takes `delay`.",
       {delay},
       lasting,
       in_both},
      {K::database_killed,
       "database_killed",
       "The store database is killed in its next commit.",
       {},
       at_once,
       in_both},
  };
}

}  // namespace

const std::vector<FaultRow>& fault_table() {
  static const std::vector<FaultRow> table = rows();
  return table;
}

const FaultRow& row_of(FaultKind kind) {
  const auto& table = fault_table();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [kind](const FaultRow& row) { return row.kind == kind; });
  if (found == table.end()) throw std::logic_error("a fault kind without a row in the table");
  return *found;
}

}  // namespace titan::simulations
