// Tills get their answers: a request to a process that goes on running is answered, and where the
// scenario sells, something is sold.
#include <map>

#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

using Outcome = RequestAnswered::Outcome;

// Longer than any stall or commit that a scenario sensibly has.
constexpr Duration answer_within = seconds(10);

class Progress : public Checker {
 public:
  explicit Progress(const Scenario& scenario)
      : sells_(scenario.workload.sales_per_second.numerator != 0 ||
               !scenario.workload.day_file.empty()) {}
  std::string_view name() const override { return "progress"; }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    watch_.on_observed(observed);
    std::visit(Overloaded{[&](const RequestSent& request) {
                            ++sent_;
                            waiting_[request.terminal].emplace(request.key, observed.at);
                          },
                          [&](const RequestAnswered& answer) {
                            recorded_ += answer.outcome == Outcome::recorded ? 1 : 0;
                            waiting_[answer.terminal].erase(answer.key);
                          },
                          [&](const ProcessEnded& ended) { waiting_.erase(ended.terminal); },
                          [](const auto&) {}},
               observed.what);
  }

  void finish() override {
    if (sells_ && sent_ != 0 && recorded_ == 0) {
      violate(last_, std::to_string(sent_) + " requests were sent and none was recorded");
    }
    for (const auto& [terminal, requests] : waiting_) {
      for (const auto& [key, since] : requests) {
        if (last_ - since <= answer_within) continue;
        violate(since, watch_.name(terminal) + " never answered the request with key " + key);
      }
    }
  }

 private:
  const bool sells_;
  StoreWatch watch_;
  std::map<TerminalIndex, std::map<std::string, MonoTime>> waiting_;
  std::uint64_t sent_ = 0;
  std::uint64_t recorded_ = 0;
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_progress(const Scenario& scenario) {
  return std::make_unique<Progress>(scenario);
}

}  // namespace titan::simulations
