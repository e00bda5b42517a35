// Keeps, from what was observed, the present state of the store that several checkers ask for:
// which processes run, who reaches whom, whom each terminal follows.
//
// Plain bookkeeping: it judges nothing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulations/history/observation.h"

namespace titan::simulations {

class StoreWatch {
 public:
  struct Process {
    ProcessId id;
    DeviceId device;
    std::uint64_t life = 0;  // 1 of the first start that was observed, and so on
    MonoTime started;
    bool is_clone = false;
  };
  struct Following {
    std::optional<election::Token> leader;
    bool is_self = false;
  };
  using Members = std::vector<TerminalIndex>;

  void on_observed(const Observed& observed);

  const RunBegan& run() const { return run_; }
  const std::map<TerminalIndex, Process>& running() const { return running_; }
  const Process* process_at(TerminalIndex terminal) const;
  // Of the process that runs or ran last.
  DeviceId device_at(TerminalIndex terminal) const;
  std::set<TerminalIndex> terminals_of(const DeviceId& device) const;
  bool is_device(const DeviceId& device) const { return terminals_of_.contains(device); }

  // Both run, and exchange frames without help.
  bool reaches(TerminalIndex a, TerminalIndex b) const;
  bool reaches_cloud(TerminalIndex terminal) const;
  // The running, hearing terminals in groups between which nothing passes; each group sorted.
  std::vector<Members> components() const;
  // Every two reach each other directly or through one other member.
  bool is_within_one_relay(const Members& members) const;

  const Following& following(TerminalIndex terminal) const;
  bool leads(TerminalIndex terminal) const { return following(terminal).is_self; }

  std::uint32_t faults_active() const { return static_cast<std::uint32_t>(active_.size()); }
  const std::set<std::uint32_t>& active_faults() const { return active_; }
  std::optional<MonoTime> healed_at() const { return healed_at_; }
  std::string name(TerminalIndex terminal) const;
  std::string names(const Members& members) const;

 private:
  bool hears(TerminalIndex terminal) const;
  bool is_linked(TerminalIndex from, TerminalIndex to) const;
  void on_reachability(const Reachability& reaches);

  RunBegan run_;
  std::map<TerminalIndex, Process> running_;
  std::map<TerminalIndex, DeviceId> devices_;
  std::map<DeviceId, std::set<TerminalIndex>> terminals_of_;
  std::uint64_t lives_ = 0;
  bool reaches_all_ = true;
  std::vector<std::set<TerminalIndex>> reaches_;
  std::map<TerminalIndex, Following> following_;
  std::set<std::uint32_t> active_;
  std::optional<MonoTime> healed_at_;
};

}  // namespace titan::simulations
