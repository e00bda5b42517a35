#include <cstdio>

#include "simulations/checkers/checkers.h"
#include "simulations/scenario/tables.h"

namespace titan::simulations {

void Checker::violate(MonoTime at, std::string message) {
  ++in_all_;
  if (violations_.size() == violations_kept_max) return;
  violations_.push_back({std::string(name()), at, std::move(message)});
}

std::string_view Checker::what() const {
  for (const auto& row : checker_table()) {
    if (row.name == name()) return row.what;
  }
  return {};
}

std::vector<std::unique_ptr<Checker>> all_checkers(const Scenario& scenario) {
  std::vector<std::unique_ptr<Checker>> checkers;
  for (auto* make :
       {make_tokens_unique, make_lease_only_up, make_one_leader, make_nothing_lost,
        make_convergence, make_durable_first, make_stock_is_fold, make_receipts, make_queues,
        make_elections, make_failover, make_traffic, make_alarms, make_probes, make_progress}) {
    checkers.push_back(make(scenario));
  }
  return checkers;
}

Duration leader_bound(const Scenario& scenario) {
  if (scenario.bounds.leader_within) return *scenario.bounds.leader_within;
  return scenario.topology.timing == Timing::wireless ? seconds(30) : seconds(5);
}

std::string text_of(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", static_cast<double>(duration.count()) / 1e6);
  return text;
}

std::string text_of(const election::Token& token) {
  return std::to_string(token.term) + "." + token.process.hex().substr(0, 8);
}

}  // namespace titan::simulations
