#include "simulations/history/store_watch.h"

#include "base/overloaded.h"

namespace titan::simulations {

void StoreWatch::on_observed(const Observed& observed) {
  std::visit(Overloaded{[&](const RunBegan& run) { run_ = run; },
                        [&](const ProcessStarted& started) {
                          running_[started.terminal] = {started.process, started.device, ++lives_,
                                                        observed.at, started.is_clone};
                          devices_[started.terminal] = started.device;
                          terminals_of_[started.device].insert(started.terminal);
                          following_.erase(started.terminal);
                        },
                        [&](const ProcessEnded& ended) {
                          running_.erase(ended.terminal);
                          following_.erase(ended.terminal);
                        },
                        [&](const LeaderReported& report) {
                          following_[report.terminal] = {report.leader, report.is_self};
                        },
                        [&](const FaultBegan& fault) {
                          active_.insert(fault.number);
                          on_reachability(fault.reaches);
                        },
                        [&](const FaultEnded& fault) {
                          active_.erase(fault.number);
                          on_reachability(fault.reaches);
                        },
                        [&](const SwitchedOn& later) { on_reachability(later.reaches); },
                        [&](const AllHealed&) {
                          healed_at_ = observed.at;
                          active_.clear();
                        },
                        [](const auto&) {}},
             observed.what);
}

void StoreWatch::on_reachability(const Reachability& reaches) {
  reaches_all_ = reaches.empty();
  reaches_.clear();
  for (const auto& row : reaches) reaches_.emplace_back(row.begin(), row.end());
}

const StoreWatch::Process* StoreWatch::process_at(TerminalIndex terminal) const {
  const auto found = running_.find(terminal);
  return found == running_.end() ? nullptr : &found->second;
}

DeviceId StoreWatch::device_at(TerminalIndex terminal) const {
  const auto found = devices_.find(terminal);
  return found == devices_.end() ? DeviceId{} : found->second;
}

std::set<TerminalIndex> StoreWatch::terminals_of(const DeviceId& device) const {
  const auto found = terminals_of_.find(device);
  return found == terminals_of_.end() ? std::set<TerminalIndex>{} : found->second;
}

bool StoreWatch::is_linked(TerminalIndex from, TerminalIndex to) const {
  return reaches_all_ || (from < reaches_.size() && reaches_[from].contains(to));
}

bool StoreWatch::hears(TerminalIndex terminal) const {
  return running_.contains(terminal) && is_linked(terminal, terminal);
}

bool StoreWatch::reaches(TerminalIndex a, TerminalIndex b) const {
  return hears(a) && hears(b) && is_linked(a, b);
}

bool StoreWatch::reaches_cloud(TerminalIndex terminal) const {
  if (!hears(terminal)) return false;
  return reaches_all_ ||
         reaches_[terminal].contains(static_cast<TerminalIndex>(reaches_.size() - 1));
}

std::vector<StoreWatch::Members> StoreWatch::components() const {
  std::vector<Members> components;
  std::set<TerminalIndex> seen;
  for (const auto& [first, process] : running_) {
    if (!hears(first) || seen.contains(first)) continue;
    std::set<TerminalIndex> members = {first};
    std::vector<TerminalIndex> next = {first};
    while (!next.empty()) {
      const TerminalIndex from = next.back();
      next.pop_back();
      for (const auto& [to, other] : running_) {
        if (reaches(from, to) && members.insert(to).second) next.push_back(to);
      }
    }
    seen.insert(members.begin(), members.end());
    components.emplace_back(members.begin(), members.end());
  }
  return components;
}

bool StoreWatch::is_within_one_relay(const Members& members) const {
  for (const auto a : members) {
    for (const auto b : members) {
      if (a >= b || reaches(a, b)) continue;
      bool has_relay = false;
      for (const auto between : members) {
        has_relay = has_relay || (reaches(a, between) && reaches(between, b));
      }
      if (!has_relay) return false;
    }
  }
  return true;
}

const StoreWatch::Following& StoreWatch::following(TerminalIndex terminal) const {
  static const Following nobody;
  const auto found = following_.find(terminal);
  return found == following_.end() ? nobody : found->second;
}

std::string StoreWatch::name(TerminalIndex terminal) const {
  return terminal < run_.terminals.size() ? run_.terminals[terminal]
                                          : "terminal " + std::to_string(terminal);
}

std::string StoreWatch::names(const Members& members) const {
  std::string text;
  for (const auto terminal : members) text += (text.empty() ? "" : ", ") + name(terminal);
  return text;
}

}  // namespace titan::simulations
