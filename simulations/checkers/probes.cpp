// The run took the rare paths that the scenario is about; one that did not proves nothing.
#include <algorithm>
#include <iterator>

#include "simulations/checkers/checkers.h"
#include "simulations/history/probe_finder.h"

namespace titan::simulations {

namespace {

// What happens inside a process or between two, and no interface of theirs tells.
constexpr std::string_view unseen_from_outside[] = {"relayed",
                                                    "frame-dropped",
                                                    "connection-timed-out",
                                                    "uplink-fenced",
                                                    "lease-lost",
                                                    "claim-lost",
                                                    "cloud-rejected-entry",
                                                    "batch-of-fenced-uplink-kept",
                                                    "clone-ran",
                                                    "duplicate-found",
                                                    "lost-entries-fetched",
                                                    "lease-refused-holder-gone",
                                                    "mdns-told-twice",
                                                    "mdns-overtaken",
                                                    "false-leave-told",
                                                    "absurd-term-refused",
                                                    "stolen-journal-told",
                                                    "lease-reset",
                                                    "address-followed"};

class Probes : public Checker {
 public:
  explicit Probes(const Scenario& scenario) : wanted_(scenario.probes), finder_(scenario) {}
  std::string_view name() const override { return "probes"; }
  std::optional<std::string> not_judged() const override {
    if (wanted_.empty()) return "the scenario names none";
    std::string unseen;
    for (const auto& probe : wanted_) {
      if (is_unseen(probe)) unseen += (unseen.empty() ? "'" : ", '") + probe + "'";
    }
    if (unseen.empty()) return std::nullopt;
    return unseen + " cannot be seen from outside a real process";
  }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    if (const auto* run = std::get_if<RunBegan>(&observed.what)) {
      is_simulated_ = run->executor == "simulator";
    }
    if (!wanted_.empty()) finder_.on_observed(observed);
  }

  void finish() override {
    for (const auto& probe : wanted_) {
      if (is_unseen(probe) || finder_.found().contains(probe)) continue;
      violate(last_, "'" + probe + "' was never reached");
    }
  }

 private:
  bool is_unseen(std::string_view probe) const {
    return !is_simulated_ &&
           std::count(std::begin(unseen_from_outside), std::end(unseen_from_outside), probe) != 0;
  }

  const std::vector<std::string> wanted_;
  ProbeFinder finder_;
  bool is_simulated_ = true;
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_probes(const Scenario& scenario) {
  return std::make_unique<Probes>(scenario);
}

}  // namespace titan::simulations
