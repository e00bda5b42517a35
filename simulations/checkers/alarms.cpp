// Only the alarms that the scenario allows are raised: a false alarm is a failure.
//
// Planted bugs that it catches (simulations/negative): told-again.
#include <algorithm>

#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

class Alarms : public Checker {
 public:
  explicit Alarms(const Scenario& scenario) : allowed_(scenario.bounds.alarms_allowed) {}
  std::string_view name() const override { return "alarms"; }

  void on_observed(const Observed& observed) override {
    if (std::holds_alternative<RunBegan>(observed.what)) watch_.on_observed(observed);
    const auto* alarm = std::get_if<AlarmRaised>(&observed.what);
    if (!alarm || std::count(allowed_.begin(), allowed_.end(), alarm->code) != 0) return;
    violate(observed.at, watch_.name(alarm->terminal) + " raised the alarm " + alarm->code + ": " +
                             alarm->message);
  }

 private:
  const std::vector<std::string> allowed_;
  StoreWatch watch_;
};

}  // namespace

std::unique_ptr<Checker> make_alarms(const Scenario& scenario) {
  return std::make_unique<Alarms>(scenario);
}

}  // namespace titan::simulations
