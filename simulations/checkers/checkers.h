// One maker per checker; all_checkers() lists them.
#pragma once

#include <memory>

#include "simulations/checkers/checker.h"

namespace titan::simulations {

// M1 tokens_unique.cpp, M2 lease_only_up.cpp, M3 one_leader.cpp, M4 nothing_lost.cpp,
// M5 convergence.cpp, M6 durable_first.cpp, M7 stock_is_fold.cpp, M8 receipts.cpp
std::unique_ptr<Checker> make_tokens_unique(const Scenario& scenario);
std::unique_ptr<Checker> make_lease_only_up(const Scenario& scenario);
std::unique_ptr<Checker> make_one_leader(const Scenario& scenario);
std::unique_ptr<Checker> make_nothing_lost(const Scenario& scenario);
std::unique_ptr<Checker> make_convergence(const Scenario& scenario);
std::unique_ptr<Checker> make_durable_first(const Scenario& scenario);
std::unique_ptr<Checker> make_stock_is_fold(const Scenario& scenario);
std::unique_ptr<Checker> make_receipts(const Scenario& scenario);

std::unique_ptr<Checker> make_queues(const Scenario& scenario);
std::unique_ptr<Checker> make_elections(const Scenario& scenario);
std::unique_ptr<Checker> make_failover(const Scenario& scenario);
std::unique_ptr<Checker> make_traffic(const Scenario& scenario);
std::unique_ptr<Checker> make_alarms(const Scenario& scenario);
std::unique_ptr<Checker> make_probes(const Scenario& scenario);
std::unique_ptr<Checker> make_progress(const Scenario& scenario);

// The bound of M3: the scenario's, or the design's for its timing profile.
Duration leader_bound(const Scenario& scenario);

// "3.450 s"
std::string text_of(Duration duration);
// "7.3f2a11c0": term and the start of the process id
std::string text_of(const election::Token& token);

}  // namespace titan::simulations
