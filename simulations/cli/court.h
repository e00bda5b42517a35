// Everything that looks at one run at the same time: all checkers and the timeline of the page.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simulations/checkers/checker.h"
#include "simulations/report/timeline.h"
#include "simulations/report/verdict.h"

namespace titan::simulations {

class Court : public Observer {
 public:
  // `scenario` outlives it.
  explicit Court(const Scenario& scenario);
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

// Writes what was asked for: an empty path asks for nothing. False, and a word on stderr, if it
// could not.
bool write_reports(const Verdict& verdict, const Timeline& timeline, const std::string& json_path,
                   const std::string& html_path);

}  // namespace titan::simulations
