// Judges one run, while it happens or from its history: every checker and the timeline of the page
// see each observation, and a verdict comes of it at the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simulations/checkers/checker.h"
#include "simulations/report/timeline.h"
#include "simulations/report/verdict.h"

namespace titan::simulations {

class RunJudge : public Observer {
 public:
  // `scenario` outlives it.
  explicit RunJudge(const Scenario& scenario);
  void on_observed(const Observed& observed) override;

  // Once, after the run.
  Verdict verdict(std::uint64_t seed, Duration took, const std::string& trace_hash);
  const Timeline& timeline() const { return timeline_; }

 private:
  const Scenario& scenario_;
  const std::vector<std::unique_ptr<Checker>> checkers_;
  Timeline timeline_;
  std::string executor_;
  MonoTime last_;
  bool has_trace_ = false;
};

// An empty path asks for nothing.
struct ReportFiles {
  std::string json;
  std::string html;
};
// False if something could not be written.
bool write_reports(const Verdict& verdict, const Timeline& timeline, const ReportFiles& files);

}  // namespace titan::simulations
