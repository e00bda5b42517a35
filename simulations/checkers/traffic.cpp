// The bytes sent for entries are at most so many times those that were missing.
#include "base/random.h"
#include "simulations/checkers/checkers.h"

namespace titan::simulations {

namespace {

class Traffic : public Checker {
 public:
  explicit Traffic(const Scenario& scenario) : bound_(scenario.bounds.bytes_per_missing_byte) {}
  std::string_view name() const override { return "traffic"; }
  std::optional<std::string> not_judged() const override {
    if (!bound_) return "the scenario sets no bound";
    if (!was_counted_) return "bytes are not counted by this executor";
    return std::nullopt;
  }

  void on_observed(const Observed& observed) override {
    const auto* traffic = std::get_if<TrafficCounted>(&observed.what);
    if (!traffic) return;
    was_counted_ = true;
    traffic_ = *traffic;
    last_ = observed.at;
  }

  void finish() override {
    if (!bound_ || !was_counted_) return;
    if (Wide{traffic_.entry_bytes} * bound_->denominator <=
        Wide{traffic_.missing_bytes} * bound_->numerator) {
      return;
    }
    violate(last_, std::to_string(traffic_.entry_bytes) + " bytes were sent for entries, " +
                       std::to_string(traffic_.missing_bytes) + " were missing; allowed is " +
                       std::to_string(bound_->numerator) + "/" +
                       std::to_string(bound_->denominator) + " of them");
  }

 private:
  const std::optional<Ratio> bound_;
  bool was_counted_ = false;
  TrafficCounted traffic_;
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_traffic(const Scenario& scenario) {
  return std::make_unique<Traffic>(scenario);
}

}  // namespace titan::simulations
