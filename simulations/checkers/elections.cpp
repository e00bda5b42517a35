// Elections end: between two disturbances only so many terminals can become leader, and in the
// whole run no more takeovers happen than the scenario allows. A takeover: a terminal says that it
// leads now, and another was the last to say so. In a cut each side's leader says it, so a cut and
// its heal may be two or three; the report counts successions beside (simulations/report).
//
// Planted bugs that it catches (simulations/negative): ignored-veto.
#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

// Without a new disturbance: each part's first leader, and one that a better one replaces when two
// of them meet.
constexpr std::uint32_t spare_elections = 4;

class Elections : public Checker {
 public:
  explicit Elections(const Scenario& scenario)
      : takeovers_max_(scenario.bounds.takeovers_max),
        in_a_row_max_(
            static_cast<std::uint32_t>(2 * scenario.topology.terminals.size() + spare_elections)) {}
  std::string_view name() const override { return "elections"; }

  void on_observed(const Observed& observed) override {
    watch_.on_observed(observed);
    std::visit(Overloaded{[&](const LeaderReported& report) { on_leader(observed.at, report); },
                          [&](const ProcessStarted&) { in_a_row_ = 0; },
                          [&](const ProcessEnded&) { in_a_row_ = 0; },
                          [&](const FaultBegan&) { in_a_row_ = 0; },
                          [&](const FaultEnded&) { in_a_row_ = 0; },
                          [&](const AllHealed&) { in_a_row_ = 0; }, [](const auto&) {}},
               observed.what);
  }

 private:
  void on_leader(MonoTime at, const LeaderReported& report) {
    if (!report.is_self || !report.leader || report.leader->process == last_) return;
    const bool is_first = last_.is_none();
    last_ = report.leader->process;
    if (++in_a_row_ > in_a_row_max_) {
      violate(at, watch_.name(report.terminal) + " is leader number " + std::to_string(in_a_row_) +
                      " since anything last happened: the elections do not end");
    }
    if (is_first) return;
    if (++takeovers_; takeovers_max_ && takeovers_ > *takeovers_max_) {
      violate(at, watch_.name(report.terminal) + " became leader: takeover " +
                      std::to_string(takeovers_) + " of at most " +
                      std::to_string(*takeovers_max_));
    }
  }

  const std::optional<std::uint32_t> takeovers_max_;
  const std::uint32_t in_a_row_max_;
  StoreWatch watch_;
  ProcessId last_;
  std::uint32_t in_a_row_ = 0;
  std::uint32_t takeovers_ = 0;
};

}  // namespace

std::unique_ptr<Checker> make_elections(const Scenario& scenario) {
  return std::make_unique<Elections>(scenario);
}

}  // namespace titan::simulations
