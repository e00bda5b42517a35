// Gathers what was observed into what a page can draw: a lane per terminal, partitions, faults, the
// lag until everybody knew a sale, and one product's stock on every terminal.
//
// An Observer; use it for one run. Its answer has a fixed number of columns of time, so the size of
// a page depends on the terminals and not on the length of the run.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulations/history/observation.h"
#include "simulations/report/verdict.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

inline constexpr std::size_t timeline_columns = 600;
// Entries stored, summed over terminals, beyond which the stock chart ends (the page says so).
inline constexpr std::size_t timeline_stored_max = 4'000'000;
inline constexpr std::size_t timeline_alarms_max = 500;
// Lines of the trace shown before the failing moment.
inline constexpr std::size_t timeline_trace_lines = 400;

class Timeline : public Observer {
 public:
  explicit Timeline(const Scenario& scenario);
  void on_observed(const Observed& observed) override;

  // A violation was seen just now: the trace shown is the one that leads to it.
  void keep_trace();

  std::vector<Figure> figures() const;
  boost::json::object to_json() const;  // the page's data, without the verdict

 private:
  using Identity = std::pair<mesh::EntryId, Hash>;
  struct Span {
    MonoTime from;
    MonoTime to = MonoTime::never();
    std::uint64_t term = 0;
  };
  struct Lane {
    std::vector<Span> lives;
    std::vector<Span> leads;
    std::vector<std::pair<MonoTime, int>> follows;  // a terminal's index, -1: none
    std::vector<std::pair<MonoTime, std::uint32_t>> views;
    std::map<ProcessId, std::string> member_states;
    std::vector<MonoTime> sales;
    ProcessId process;
  };
  struct Spread {  // of one acknowledged entry
    MonoTime acknowledged;
    TerminalIndex origin = 0;
    std::uint32_t terminals = 0;
    MonoTime last;
  };
  struct Stored {
    MonoTime at;
    TerminalIndex terminal;
    std::shared_ptr<const EntryFacts> entry;
  };
  struct Replaced {
    MonoTime at;
    TerminalIndex terminal;
    std::vector<Identity> held;
  };
  struct FaultSpan {
    std::string what;
    Span span;
  };
  struct Alarmed {
    MonoTime at;
    TerminalIndex terminal;
    std::string code;
    std::string message;
  };

  void on_started(const ProcessStarted& started, MonoTime at);
  void on_ended(const ProcessEnded& ended, MonoTime at);
  void on_member(const MemberReported& reported, MonoTime at);
  void on_leader(const LeaderReported& reported, MonoTime at);
  void on_stored(const EntryStored& stored, MonoTime at);
  void on_answered(const RequestAnswered& answered, MonoTime at);
  void on_reach(const Reachability& reaches, MonoTime at);
  Lane& lane(TerminalIndex terminal);
  std::size_t column_of(MonoTime at) const;
  std::vector<Duration> lags() const;
  std::optional<Duration> heal_time() const;
  std::string busiest_product() const;
  boost::json::object stock_of(const std::string& product) const;
  boost::json::object lane_json(const Lane& lane) const;
  boost::json::array lag_json() const;

  std::vector<std::string> names_;
  std::vector<Lane> lanes_;
  std::map<ProcessId, TerminalIndex> terminal_of_process_;
  std::map<std::uint32_t, FaultSpan> faults_;
  std::vector<std::pair<MonoTime, std::vector<int>>> partitions_;  // component of each place
  std::map<Identity, Spread> spread_;
  std::vector<Stored> stored_;
  std::vector<Replaced> replaced_;
  std::map<std::string, std::uint64_t> product_uses_;
  std::vector<Alarmed> alarms_;
  std::uint64_t requests_ = 0;
  std::uint64_t repeats_ = 0;
  std::uint64_t refused_ = 0;
  // Times that a terminal said it leads and another was the last to say so: what takeovers_max
  // bounds. In a cut each side's leader counts.
  std::uint64_t takeovers_ = 0;
  ProcessId last_to_lead_;
  // Times that the leader of the newest term heard of anywhere was another than before: how often
  // the store as a whole got a new leader.
  std::uint64_t successions_ = 0;
  std::optional<election::Token> newest_leader_;
  TrafficCounted traffic_;
  std::map<std::string, std::uint64_t> probes_;
  std::optional<MonoTime> healed_;
  MonoTime end_;
  std::deque<std::pair<MonoTime, std::string>> recent_;
  std::vector<std::pair<MonoTime, std::string>> trace_;
};

}  // namespace titan::simulations
