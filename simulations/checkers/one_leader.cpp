// M3. Each connected part of the store that may have a leader has, within the bound after it was
// last disturbed and from then on, exactly one that all in it follow. What is not so for longer
// than the bound is a violation.
//
// Planted bugs that it catches (simulations/negative): deaf-ears, hearsay-is-leave and
// stale-addresses.
#include <algorithm>
#include <map>

#include "simulations/checkers/checkers.h"
#include "simulations/checkers/quiet_parts.h"

namespace titan::simulations {

namespace {

class OneLeader : public Checker {
 public:
  explicit OneLeader(const Scenario& scenario) : bound_(leader_bound(scenario)), parts_(scenario) {}
  std::string_view name() const override { return "M3"; }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    if (observed.at > deadline_) tell_overdue(observed.at);
    watch_.on_observed(observed);
    const bool changed = parts_.on_observed(observed, watch_);
    if (changed || std::holds_alternative<LeaderReported>(observed.what)) judge(observed.at);
  }

  void finish() override {
    if (last_ > deadline_) tell_overdue(last_);
  }

 private:
  // Nothing if all is well.
  std::string complaint(const StoreWatch::Members& members) const {
    std::vector<TerminalIndex> leaders;
    for (const auto member : members) {
      if (watch_.leads(member)) leaders.push_back(member);
    }
    if (leaders.empty()) return "nobody leads";
    if (leaders.size() > 1) return watch_.names(leaders) + " all lead";
    const auto& leader = watch_.following(leaders.front()).leader;
    for (const auto member : members) {
      const auto& followed = watch_.following(member).leader;
      if (!followed) return watch_.name(member) + " follows nobody";
      if (leader && followed->process != leader->process) {
        return watch_.name(member) + " follows " + text_of(*followed) + ", while " +
               watch_.name(leaders.front()) + " leads under " + text_of(*leader);
      }
    }
    return {};
  }

  void judge(MonoTime at) {
    std::map<StoreWatch::Members, MonoTime> wrong;
    deadline_ = MonoTime::never();
    for (const auto& part : parts_.parts()) {
      if (!part.is_judged || complaint(part.members).empty()) continue;
      const auto before = wrong_.find(part.members);
      MonoTime since = before == wrong_.end() ? at : before->second;
      since = std::max(since, part.alone_since);
      wrong.emplace(part.members, since);
      deadline_ = std::min(deadline_, since + bound_);
    }
    wrong_ = std::move(wrong);
  }

  void tell_overdue(MonoTime at) {
    deadline_ = MonoTime::never();
    for (auto& [members, since] : wrong_) {
      if (at > since + bound_) {
        violate(since + bound_, "for " + text_of(bound_) + ", since " + text_of(since.since_start) +
                                    ": " + complaint(members) +
                                    " (together: " + watch_.names(members) + ")");
        since = MonoTime{Duration::max() - bound_};  // told once
      } else {
        deadline_ = std::min(deadline_, since + bound_);
      }
    }
  }

  const Duration bound_;
  StoreWatch watch_;
  QuietParts parts_;
  std::map<StoreWatch::Members, MonoTime> wrong_;  // since when
  MonoTime deadline_ = MonoTime::never();
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_one_leader(const Scenario& scenario) {
  return std::make_unique<OneLeader>(scenario);
}

}  // namespace titan::simulations
