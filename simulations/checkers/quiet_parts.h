// The connected parts of the store, and since when each has been left alone: no fault began or
// ended and no process in it started or ended. M3 and the fail-over checker both ask.
#pragma once

#include <map>
#include <vector>

#include "simulations/history/store_watch.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

struct Part {
  StoreWatch::Members members;
  MonoTime alone_since;
  bool is_judged = false;  // somebody may lead, one relay is enough between any two,
                           // and no process is in it twice
};

class QuietParts {
 public:
  explicit QuietParts(const Scenario& scenario) : scenario_(scenario) {}

  // After `watch` has taken it. True if the parts changed, or their time began anew.
  bool on_observed(const Observed& observed, const StoreWatch& watch);
  const std::vector<Part>& parts() const { return parts_; }
  const Part* part_of(TerminalIndex terminal) const;

 private:
  bool may_lead(TerminalIndex terminal) const;
  static bool has_process_twice(const StoreWatch::Members& members, const StoreWatch& watch);
  bool stops_votes(const StoreWatch& watch) const;

  const Scenario& scenario_;
  std::vector<Part> parts_;
};

}  // namespace titan::simulations
