// The run took the rare paths that the scenario is about; one that did not proves nothing.
#include "simulations/checkers/checkers.h"
#include "simulations/history/probe_finder.h"

namespace titan::simulations {

namespace {

class Probes : public Checker {
 public:
  explicit Probes(const Scenario& scenario) : wanted_(scenario.probes), finder_(scenario) {}
  std::string_view name() const override { return "probes"; }
  std::string_view what() const override { return sentence_of(name()); }
  std::optional<std::string> not_judged() const override {
    if (wanted_.empty()) return "the scenario names none";
    return std::nullopt;
  }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    if (!wanted_.empty()) finder_.on_observed(observed);
  }

  void finish() override {
    for (const auto& probe : wanted_) {
      if (!finder_.found().contains(probe)) violate(last_, "'" + probe + "' was never reached");
    }
  }

 private:
  const std::vector<std::string> wanted_;
  ProbeFinder finder_;
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_probes(const Scenario& scenario) {
  return std::make_unique<Probes>(scenario);
}

}  // namespace titan::simulations
