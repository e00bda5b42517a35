// A healthy leader stays: where a part of the store has been left alone, nobody else becomes leader
// in it while its leader runs. A leader that cannot reach the cloud may hand over.
#include <algorithm>

#include "simulations/checkers/checkers.h"
#include "simulations/checkers/quiet_parts.h"

namespace titan::simulations {

namespace {

// The leader waits 30 s for the cloud before it hands over; the cloud may be back by then.
constexpr Duration cloud_trouble_lasts = seconds(45);

class Failover : public Checker {
 public:
  explicit Failover(const Scenario& scenario)
      : scenario_(scenario), bound_(leader_bound(scenario)), parts_(scenario) {}
  std::string_view name() const override { return "failover"; }

  void on_observed(const Observed& observed) override {
    if (const auto* report = std::get_if<LeaderReported>(&observed.what)) {
      on_leader(observed.at, *report);
    }
    watch_.on_observed(observed);
    parts_.on_observed(observed, watch_);
    note_cloud(observed);
  }

 private:
  void note_cloud(const Observed& observed) {
    const auto* began = std::get_if<FaultBegan>(&observed.what);
    const auto* ended = std::get_if<FaultEnded>(&observed.what);
    if (!began && !ended) return;
    const std::uint32_t number = began ? began->number : ended->number;
    const bool is_of_cloud = number < scenario_.faults.size() &&
                             area_of(scenario_.faults[number].kind) == FaultArea::cloud;
    if (is_of_cloud) cloud_trouble_ = observed.at;
  }

  bool has_cloud_trouble(MonoTime at, TerminalIndex leader) const {
    if (scenario_.topology.cloud == CloudPresence::none) return false;
    if (!watch_.reaches_cloud(leader)) return true;
    for (const auto active : watch_.active_faults()) {
      if (active < scenario_.faults.size() &&
          area_of(scenario_.faults[active].kind) == FaultArea::cloud) {
        return true;
      }
    }
    return cloud_trouble_ && at - *cloud_trouble_ < cloud_trouble_lasts;
  }

  void on_leader(MonoTime at, const LeaderReported& report) {
    if (!report.is_self || !report.leader) return;
    const Part* part = parts_.part_of(report.terminal);
    if (!part || !part->is_judged || at - part->alone_since <= bound_) return;
    const TerminalIndex* deposed = nullptr;
    for (const auto& member : part->members) {
      if (member != report.terminal && watch_.leads(member)) deposed = &member;
    }
    if (!deposed) deposed = previous(*part, report.terminal);
    if (!deposed || has_cloud_trouble(at, *deposed)) return;
    violate(at, watch_.name(report.terminal) + " became leader under " + text_of(*report.leader) +
                    " although " + watch_.name(*deposed) +
                    " ran, could be heard, and nothing had happened for " +
                    text_of(at - part->alone_since));
  }

  // The member that the others still follow, although it has stepped down itself.
  const TerminalIndex* previous(const Part& part, TerminalIndex but) const {
    for (const auto& member : part.members) {
      const auto* process = watch_.process_at(member);
      if (member == but || !process) continue;
      for (const auto other : part.members) {
        const auto& followed = watch_.following(other).leader;
        if (other != member && followed && followed->process == process->id) return &member;
      }
    }
    return nullptr;
  }

  const Scenario& scenario_;
  const Duration bound_;
  StoreWatch watch_;
  QuietParts parts_;
  std::optional<MonoTime> cloud_trouble_;
};

}  // namespace

std::unique_ptr<Checker> make_failover(const Scenario& scenario) {
  return std::make_unique<Failover>(scenario);
}

}  // namespace titan::simulations
