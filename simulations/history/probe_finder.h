// Finds in what was observed the rare paths of probe_table(), so that a scenario can prove that it
// took the path it is about, in either executor.
#pragma once

#include <map>
#include <set>
#include <string>

#include "simulations/history/observation.h"
#include "simulations/history/store_watch.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

class ProbeFinder : public Observer {
 public:
  explicit ProbeFinder(const Scenario& scenario);
  void on_observed(const Observed& observed) override;
  const std::set<std::string>& found() const { return found_; }

 private:
  void find(const char* probe) { found_.insert(probe); }
  void on_reached(const Reached& reached);
  void on_answer(const RequestAnswered& answer);
  void on_leader(MonoTime at, const LeaderReported& report);
  void on_ended(MonoTime at, const ProcessEnded& ended);
  void on_member(const MemberReported& report);
  void on_stored(const EntryStored& stored);
  void on_end();

  const bool has_cloud_;
  const std::size_t terminals_;
  StoreWatch watch_;
  std::set<std::string> found_;
  std::optional<election::Token> last_leader_;
  std::pair<ProcessId, MonoTime> leader_before_;  // until when
  std::optional<election::Token> last_lease_;
  std::set<std::pair<TerminalIndex, ProcessId>> dead_;
  std::map<DeviceId, std::set<JournalId>> journals_;
  std::map<std::pair<std::string, std::uint64_t>, JournalId> receipts_;
  std::map<Hash, Hash> claims_;  // -> the first entry with it
  std::map<std::tuple<DeviceId, std::string, Hash>, Hash> requests_;
  std::map<std::pair<TerminalIndex, std::string>, std::set<Hash>> baskets_of_key_;
  std::map<std::pair<DeviceId, std::string>, Hash> keys_;  // -> the first basket recorded
  std::map<std::pair<TerminalIndex, JournalId>, std::uint64_t> highest_;
  std::map<TerminalIndex, std::set<DeviceId>> replaced_;  // disks, with the device on them
  std::set<Hash> at_author_;
  std::set<Hash> in_cloud_;
  std::set<Hash> of_terminals_;
  std::map<TerminalIndex, std::uint64_t> database_fill_;
};

}  // namespace titan::simulations
