#include "simulations/checkers/quiet_parts.h"

#include <algorithm>

namespace titan::simulations {

namespace {
// A vote waits for its promise on disk: where a commit takes longer, no election can be in time.
constexpr Duration commit_for_votes_max = milliseconds(250);
}  // namespace

bool QuietParts::may_lead(TerminalIndex terminal) const {
  const auto& terminals = scenario_.topology.terminals;
  return terminal >= terminals.size() || terminals[terminal].may_lead;
}

bool QuietParts::stops_votes(const StoreWatch& watch) const {
  for (const auto number : watch.active_faults()) {
    if (number >= scenario_.faults.size()) continue;
    const Fault& fault = scenario_.faults[number];
    if (fault.kind == FaultKind::disk_full) return true;
    if (fault.kind == FaultKind::slow_disk && fault.delay > commit_for_votes_max) return true;
  }
  return false;
}

// A copied running process: each side takes the other for itself; the alarm device_twice tells of
// it.
bool QuietParts::has_process_twice(const StoreWatch::Members& members, const StoreWatch& watch) {
  std::set<ProcessId> processes;
  return std::any_of(members.begin(), members.end(), [&](TerminalIndex member) {
    const auto* process = watch.process_at(member);
    return process != nullptr && !processes.insert(process->id).second;
  });
}

bool QuietParts::on_observed(const Observed& observed, const StoreWatch& watch) {
  const bool is_process = std::holds_alternative<ProcessStarted>(observed.what) ||
                          std::holds_alternative<ProcessEnded>(observed.what);
  const bool is_fault = std::holds_alternative<FaultBegan>(observed.what) ||
                        std::holds_alternative<FaultEnded>(observed.what) ||
                        std::holds_alternative<SwitchedOn>(observed.what) ||
                        std::holds_alternative<AllHealed>(observed.what);
  if (!is_process && !is_fault) return false;
  const bool stops = stops_votes(watch);
  std::vector<Part> parts;
  for (auto& members : watch.components()) {
    Part part;
    part.alone_since = observed.at;
    const auto same = std::find_if(parts_.begin(), parts_.end(), [&members](const Part& before) {
      return before.members == members;
    });
    if (is_process && same != parts_.end()) part.alone_since = same->alone_since;
    part.is_judged = !stops && !has_process_twice(members, watch) &&
                     watch.is_within_one_relay(members) &&
                     std::any_of(members.begin(), members.end(),
                                 [this](TerminalIndex member) { return may_lead(member); });
    part.members = std::move(members);
    parts.push_back(std::move(part));
  }
  // A restart that was over at once leaves the same members behind, but another process.
  if (const auto* started = std::get_if<ProcessStarted>(&observed.what)) {
    for (auto& part : parts) {
      if (std::count(part.members.begin(), part.members.end(), started->terminal) != 0) {
        part.alone_since = observed.at;
      }
    }
  }
  parts_ = std::move(parts);
  return true;
}

const Part* QuietParts::part_of(TerminalIndex terminal) const {
  for (const auto& part : parts_) {
    if (std::binary_search(part.members.begin(), part.members.end(), terminal)) return &part;
  }
  return nullptr;
}

}  // namespace titan::simulations
