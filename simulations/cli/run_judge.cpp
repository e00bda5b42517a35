#include "simulations/cli/run_judge.h"

#include <algorithm>
#include <boost/json.hpp>

#include "simulations/cli/command_parts.h"
#include "simulations/report/html_page.h"

namespace titan::simulations {

RunJudge::RunJudge(const Scenario& scenario)
    : scenario_(scenario), checkers_(all_checkers(scenario)), timeline_(scenario) {}

void RunJudge::on_observed(const Observed& observed) {
  last_ = observed.at;
  if (const auto* run = std::get_if<RunBegan>(&observed.what)) executor_ = run->executor;
  timeline_.on_observed(observed);
  for (const auto& checker : checkers_) checker->on_observed(observed);
  if (has_trace_) return;
  has_trace_ = std::any_of(checkers_.begin(), checkers_.end(),
                           [](const auto& checker) { return !checker->violations().empty(); });
  if (has_trace_) timeline_.keep_trace();
}

Verdict RunJudge::verdict(std::uint64_t seed, Duration took, const std::string& trace_hash) {
  for (const auto& checker : checkers_) checker->finish();
  Verdict verdict;
  verdict.scenario = scenario_.name;
  verdict.purpose = scenario_.purpose;
  verdict.seed = seed;
  verdict.run.executor = executor_ == "simulator" ? "virtual time" : "real processes";
  verdict.run.lasted = last_.since_start;
  verdict.run.took = took;
  verdict.run.trace_hash = trace_hash;
  verdict.judgements = judgements_of(checkers_);
  verdict.figures = timeline_.figures();
  if (scenario_.planted_bug != PlantedBug::none) {
    verdict.planted_bug = std::string(name_of(scenario_.planted_bug));
    verdict.must_be_caught_by = scenario_.caught_by;
  }
  return verdict;
}

bool write_reports(const Verdict& verdict, const Timeline& timeline, const ReportFiles& files) {
  bool all_written = true;
  if (!files.json.empty()) {
    all_written = write_file(files.json, boost::json::serialize(to_json(verdict)) + "\n");
  }
  if (!files.html.empty()) {
    all_written = write_file(files.html, html_page(verdict, timeline)) && all_written;
  }
  return all_written;
}

}  // namespace titan::simulations
