// What a run came to: its facts, each checker's judgement, and figures a shop's QA understands.
//
// Plain data, made once at the end of a run; the summary on the screen, the JSON file and the page
// all show this and nothing else.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "simulations/checkers/checker.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

struct RunFacts {
  std::string executor;    // "virtual time" or "real processes"
  Duration lasted{};       // in the scenario's time
  Duration took{};         // on the wall
  std::string trace_hash;  // empty for real processes: no two runs are alike
};

struct Judgement {
  std::string checker;
  std::string what;
  std::vector<Violation> violations;
  std::optional<std::string> not_judged;  // why
};

// A figure with its unit, e.g. "sales acknowledged", "1,204", "".
struct Figure {
  std::string name;
  std::string value;
  std::string unit;
};

struct Verdict {
  std::string scenario;
  std::string purpose;
  std::uint64_t seed = 0;
  RunFacts run;
  std::vector<Judgement> judgements;
  std::vector<Figure> figures;
  // The checker that had to find the planted bug; empty where nothing is planted.
  std::string planted_bug;
  std::string must_be_caught_by;

  bool has_violations() const;
  // Nothing violated; or, with a planted bug, violated by the checker that had to find it.
  bool passed() const;
  // The earliest violation, if any.
  const Violation* first_violation() const;
};

std::vector<Judgement> judgements_of(const std::vector<std::unique_ptr<Checker>>& checkers);

// What was broken, what was checked, verdict, figures: for the terminal, 100 columns.
std::string summary_text(const Verdict& verdict, const Scenario& scenario);
boost::json::object to_json(const Verdict& verdict);

}  // namespace titan::simulations
