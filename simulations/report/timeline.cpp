#include "simulations/report/timeline.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/overloaded.h"
#include "crdt/stock.h"

namespace titan::simulations {
namespace {

std::int64_t us(MonoTime at) {
  return at.since_start.count();
}

std::string milliseconds_text(Duration time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

// The connected components of "has a way to and from", numbered by their first member. The cloud,
// the last, joins nobody: two sides of a split LAN may both reach it.
std::vector<int> components_of(const Reachability& reaches) {
  const std::size_t terminals = reaches.empty() ? 0 : reaches.size() - 1;
  std::vector<int> component(terminals, -1);
  int next = 0;
  for (std::size_t start = 0; start < terminals; ++start) {
    if (component[start] != -1) continue;
    std::vector<std::size_t> open{start};
    component[start] = next;
    while (!open.empty()) {
      const std::size_t at = open.back();
      open.pop_back();
      for (const TerminalIndex other : reaches[at]) {
        if (other >= terminals || component[other] != -1) continue;
        component[other] = next;
        open.push_back(other);
      }
    }
    ++next;
  }
  return component;
}

// A value that changes now and then, as it stood at the end of each column.
template <class Value>
boost::json::array change_list(const std::vector<std::pair<MonoTime, Value>>& changes) {
  boost::json::array list;
  for (const auto& [at, value] : changes) list.push_back({us(at), value});
  return list;
}

}  // namespace

Timeline::Timeline(const Scenario& scenario) {
  for (const TerminalSpec& terminal : scenario.topology.terminals) names_.push_back(terminal.name);
  lanes_.resize(names_.size());
  end_ = MonoTime{scenario.lasts};
}

Timeline::Lane& Timeline::lane(TerminalIndex terminal) {
  // A clone runs beside the terminals of the scenario.
  while (lanes_.size() <= terminal) {
    names_.push_back("clone-" + std::to_string(lanes_.size() + 1));
    lanes_.emplace_back();
  }
  return lanes_[terminal];
}

// ---- gathering ---------------------------------------------------------------------------------

void Timeline::on_observed(const Observed& observed) {
  const MonoTime at = observed.at;
  end_ = std::max(end_, at);
  recent_.emplace_back(at, describe(observed.what));
  if (recent_.size() > timeline_trace_lines) recent_.pop_front();
  std::visit(Overloaded{
                 [&](const ProcessStarted& started) { on_started(started, at); },
                 [&](const ProcessEnded& ended) { on_ended(ended, at); },
                 [&](const DiskReplaced& disk) {
                   replaced_.push_back({at, disk.terminal, disk.held});
                 },
                 [&](const RequestSent& sent) {
                   ++requests_;
                   for (const crdt::StockEffect& effect : sent.stock_effects) {
                     ++product_uses_[effect.product];
                   }
                 },
                 [&](const RequestAnswered& answered) { on_answered(answered, at); },
                 [&](const EntryStored& stored) { on_stored(stored, at); },
                 [&](const AlarmRaised& alarm) {
                   if (alarms_.size() >= timeline_alarms_max) return;
                   alarms_.push_back({at, alarm.terminal, alarm.code, alarm.message});
                 },
                 [&](const MemberReported& reported) { on_member(reported, at); },
                 [&](const LeaderReported& reported) { on_leader(reported, at); },
                 [&](const FaultBegan& fault) {
                   faults_[fault.number] = {fault.what, {at}};
                   on_reach(fault.reaches, at);
                 },
                 [&](const FaultEnded& fault) {
                   const auto found = faults_.find(fault.number);
                   if (found != faults_.end()) found->second.span.to = at;
                   on_reach(fault.reaches, at);
                 },
                 [&](const SwitchedOn& later) { on_reach(later.reaches, at); },
                 [&](const AllHealed&) { healed_ = at; },
                 [&](const Reached& reached) { ++probes_[reached.probe]; },
                 [&](const TrafficCounted& counted) { traffic_ = counted; },
                 [](const auto&) {},
             },
             observed.what);
}

void Timeline::keep_trace() {
  if (trace_.empty()) trace_.assign(recent_.begin(), recent_.end());
}

void Timeline::on_started(const ProcessStarted& started, MonoTime at) {
  Lane& l = lane(started.terminal);
  l.lives.push_back({at});
  l.process = started.process;
  l.member_states.clear();
  l.views.emplace_back(at, 1);
  terminal_of_process_[started.process] = started.terminal;
}

void Timeline::on_ended(const ProcessEnded& ended, MonoTime at) {
  Lane& l = lane(ended.terminal);
  if (!l.lives.empty()) l.lives.back().to = at;
  if (!l.leads.empty() && l.leads.back().to == MonoTime::never()) l.leads.back().to = at;
  l.follows.emplace_back(at, -1);
  l.views.emplace_back(at, 0);
}

void Timeline::on_member(const MemberReported& reported, MonoTime at) {
  Lane& l = lane(reported.terminal);
  l.member_states[reported.about] = reported.state;
  const auto alive = std::count_if(
      l.member_states.begin(), l.member_states.end(),
      [&](const auto& member) { return member.first != l.process && member.second == "alive"; });
  l.views.emplace_back(at, static_cast<std::uint32_t>(alive) + 1);
}

void Timeline::on_leader(const LeaderReported& reported, MonoTime at) {
  Lane& l = lane(reported.terminal);
  int follows = -1;
  if (reported.leader) {
    const auto found = terminal_of_process_.find(reported.leader->process);
    if (found != terminal_of_process_.end()) follows = static_cast<int>(found->second);
    if (!newest_leader_ || *newest_leader_ < *reported.leader) {
      if (newest_leader_ && newest_leader_->process != reported.leader->process) ++successions_;
      newest_leader_ = reported.leader;
    }
  }
  if (reported.is_self && reported.leader && reported.leader->process != last_to_lead_) {
    takeovers_ += last_to_lead_.is_none() ? 0 : 1;
    last_to_lead_ = reported.leader->process;
  }
  l.follows.emplace_back(at, follows);
  const bool was_leading = !l.leads.empty() && l.leads.back().to == MonoTime::never();
  if (was_leading) l.leads.back().to = at;
  if (reported.is_self && reported.leader) {
    l.leads.push_back({at, MonoTime::never(), reported.leader->term});
  }
}

void Timeline::on_stored(const EntryStored& stored, MonoTime at) {
  if (stored_.size() < timeline_stored_max) stored_.push_back({at, stored.terminal, stored.entry});
  // The origin stores before it acknowledges, so this may come first.
  Spread& spread = spread_[{stored.entry->id, stored.entry->hash}];
  ++spread.terminals;
  spread.last = at;
}

void Timeline::on_answered(const RequestAnswered& answered, MonoTime at) {
  using Outcome = RequestAnswered::Outcome;
  if (answered.outcome == Outcome::repeated) ++repeats_;
  if (answered.outcome == Outcome::refused) ++refused_;
  if (answered.outcome != Outcome::recorded) return;
  lane(answered.terminal).sales.push_back(at);
  if (!answered.entry || !answered.hash) return;
  Spread& spread = spread_[{*answered.entry, *answered.hash}];
  spread.acknowledged = at;
  spread.origin = answered.terminal;
}

void Timeline::on_reach(const Reachability& reaches, MonoTime at) {
  partitions_.emplace_back(at, components_of(reaches));
}

// ---- figures -----------------------------------------------------------------------------------

std::size_t Timeline::column_of(MonoTime at) const {
  const auto whole = std::max<std::int64_t>(us(end_), 1);
  const auto column = us(at) * static_cast<std::int64_t>(timeline_columns) / whole;
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(column, 0, static_cast<std::int64_t>(timeline_columns) - 1));
}

std::vector<Duration> Timeline::lags() const {
  std::vector<Duration> lags;
  for (const auto& [identity, spread] : spread_) {
    if (spread.acknowledged == MonoTime{} || spread.terminals < lanes_.size()) continue;
    lags.push_back(std::max(Duration{}, spread.last - spread.acknowledged));
  }
  std::sort(lags.begin(), lags.end());
  return lags;
}

// From the end of the last fault until what had been acknowledged by then was everywhere.
std::optional<Duration> Timeline::heal_time() const {
  std::optional<MonoTime> heal;
  for (const auto& [number, fault] : faults_) {
    if (fault.span.to != MonoTime::never() && (!heal || *heal < fault.span.to)) {
      heal = fault.span.to;
    }
  }
  if (!heal) return std::nullopt;
  Duration longest{};
  for (const auto& [identity, spread] : spread_) {
    if (spread.acknowledged == MonoTime{} || spread.acknowledged > *heal) continue;
    if (spread.terminals < lanes_.size()) return std::nullopt;
    longest = std::max(longest, spread.last - *heal);
  }
  return longest;
}

std::vector<Figure> Timeline::figures() const {
  std::uint64_t sales = 0;
  for (const Lane& l : lanes_) sales += l.sales.size();
  std::vector<Figure> figures{
      {"terminals", grouped(lanes_.size()), ""},  {"requests", grouped(requests_), ""},
      {"acknowledged", grouped(sales), ""},       {"repeats answered alike", grouped(repeats_), ""},
      {"refused", grouped(refused_), ""},         {"takeovers", grouped(takeovers_), ""},
      {"successions", grouped(successions_), ""}, {"alarms", grouped(alarms_.size()), ""},
  };
  if (const auto all = lags(); !all.empty()) {
    figures.push_back({"on every terminal, p50", milliseconds_text(all[all.size() / 2]), "ms"});
    figures.push_back(
        {"on every terminal, p99", milliseconds_text(all[all.size() * 99 / 100]), "ms"});
  }
  if (const auto heal = heal_time()) {
    figures.push_back({"healed, everything everywhere after", milliseconds_text(*heal), "ms"});
  }
  if (traffic_.bytes > 0) {
    figures.push_back({"sent", grouped(traffic_.bytes / 1000), "kB"});
  }
  if (traffic_.entry_bytes > 0) {  // weighed only where the scenario bounds it
    figures.push_back({"of it entries", grouped(traffic_.entry_bytes / 1000), "kB"});
  }
  return figures;
}

// ---- the page's data ---------------------------------------------------------------------------

boost::json::object Timeline::lane_json(const Lane& l) const {
  const auto spans = [this](const std::vector<Span>& list) {
    boost::json::array array;
    for (const Span& span : list) {
      array.push_back({us(span.from), us(std::min(span.to, end_)), span.term});
    }
    return array;
  };
  std::map<std::size_t, std::uint32_t> sales;
  for (const MonoTime at : l.sales) ++sales[column_of(at)];
  boost::json::array sales_columns;
  for (const auto& [column, count] : sales) sales_columns.push_back({column, count});
  return {{"lives", spans(l.lives)},           {"leads", spans(l.leads)},
          {"follows", change_list(l.follows)}, {"views", change_list(l.views)},
          {"sales", std::move(sales_columns)}, {"acknowledged", l.sales.size()}};
}

// Per column of acknowledgement: entries, p50 and greatest lag, and how many never got everywhere.
boost::json::array Timeline::lag_json() const {
  std::map<std::size_t, std::vector<std::int64_t>> columns;
  std::map<std::size_t, std::uint32_t> incomplete;
  for (const auto& [identity, spread] : spread_) {
    if (spread.acknowledged == MonoTime{}) continue;
    const std::size_t column = column_of(spread.acknowledged);
    if (spread.terminals < lanes_.size()) {
      ++incomplete[column];
      columns[column];
    } else {
      columns[column].push_back(
          std::max<std::int64_t>(0, (spread.last - spread.acknowledged).count()));
    }
  }
  boost::json::array list;
  for (auto& [column, lags] : columns) {
    std::sort(lags.begin(), lags.end());
    list.push_back({column, lags.empty() ? 0 : lags[lags.size() / 2],
                    lags.empty() ? 0 : lags.back(), incomplete[column]});
  }
  return list;
}

std::string Timeline::busiest_product() const {
  const auto busiest = std::max_element(
      product_uses_.begin(), product_uses_.end(),
      [](const auto& left, const auto& right) { return left.second < right.second; });
  return busiest == product_uses_.end() ? "" : busiest->first;
}

boost::json::object Timeline::stock_of(const std::string& product) const {
  std::map<Identity, std::shared_ptr<const EntryFacts>> facts;
  std::vector<crdt::Stock> stocks(lanes_.size());
  std::vector<std::set<Identity>> held(lanes_.size());
  std::vector<std::vector<std::pair<MonoTime, std::int64_t>>> series(lanes_.size());
  std::size_t next_replaced = 0;
  const auto store = [&](TerminalIndex terminal, const EntryFacts& entry) {
    if (held[terminal].insert({entry.id, entry.hash}).second) {
      stocks[terminal].apply(entry.hash, entry.claim, entry.stock_effects);
    }
  };
  const auto note = [&](TerminalIndex terminal, MonoTime at) {
    const std::int64_t on_hand = stocks[terminal].on_hand(product);
    auto& points = series[terminal];
    if (!points.empty() && points.back().second == on_hand) return;
    if (!points.empty() && column_of(points.back().first) == column_of(at)) {
      points.back().second = on_hand;  // one point a column is all that can be seen
    } else {
      points.emplace_back(at, on_hand);
    }
  };
  const auto replace_until = [&](MonoTime at) {
    for (; next_replaced < replaced_.size() && replaced_[next_replaced].at <= at; ++next_replaced) {
      const Replaced& replaced = replaced_[next_replaced];
      if (replaced.terminal >= lanes_.size()) continue;
      stocks[replaced.terminal] = {};
      held[replaced.terminal].clear();
      for (const Identity& identity : replaced.held) {
        const auto found = facts.find(identity);
        if (found != facts.end()) store(replaced.terminal, *found->second);
      }
      note(replaced.terminal, replaced.at);
    }
  };
  for (const Stored& stored : stored_) {
    replace_until(stored.at);
    const auto& effects = stored.entry->stock_effects;
    if (std::none_of(effects.begin(), effects.end(),
                     [&](const auto& effect) { return effect.product == product; })) {
      continue;
    }
    facts.emplace(Identity{stored.entry->id, stored.entry->hash}, stored.entry);
    if (stored.terminal >= lanes_.size()) continue;
    store(stored.terminal, *stored.entry);
    note(stored.terminal, stored.at);
  }
  replace_until(end_);
  boost::json::array lines;
  for (const auto& points : series) lines.push_back(change_list(points));
  return {{"product", product},
          {"units_per_piece", crdt::stock_units_per_piece},
          {"is_cut_short", stored_.size() >= timeline_stored_max},
          {"series", std::move(lines)}};
}

boost::json::object Timeline::to_json() const {
  boost::json::array lanes, partitions, faults, alarms, trace, names;
  for (const std::string& name : names_) names.emplace_back(name);
  for (const Lane& l : lanes_) lanes.push_back(lane_json(l));
  for (const auto& [at, components] : partitions_) {
    partitions.push_back({us(at), boost::json::value_from(components)});
  }
  for (const auto& [number, fault] : faults_) {
    faults.push_back({{"what", fault.what},
                      {"from", us(fault.span.from)},
                      {"to", us(std::min(fault.span.to, end_))}});
  }
  for (const Alarmed& alarm : alarms_) {
    alarms.push_back({us(alarm.at), alarm.terminal, alarm.code, alarm.message});
  }
  const auto& lines = trace_;
  for (const auto& [at, line] : lines) trace.push_back({us(at), line});
  boost::json::object probes;
  for (const auto& [probe, times] : probes_) probes[probe] = times;
  boost::json::object data{{"terminals", std::move(names)},
                           {"end", us(end_)},
                           {"columns", timeline_columns},
                           {"lanes", std::move(lanes)},
                           {"partitions", std::move(partitions)},
                           {"faults", std::move(faults)},
                           {"alarms", std::move(alarms)},
                           {"lag", lag_json()},
                           {"stock", stock_of(busiest_product())},
                           {"probes", std::move(probes)},
                           {"trace", std::move(trace)}};
  if (healed_) data["healed"] = us(*healed_);
  return data;
}

}  // namespace titan::simulations
