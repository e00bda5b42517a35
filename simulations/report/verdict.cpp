#include "simulations/report/verdict.h"

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

namespace titan::simulations {
namespace {

constexpr std::size_t violations_shown_max = 3;  // of one checker, on the screen

std::string seconds_text(Duration time) {
  std::ostringstream out;
  out.precision(3);
  out << std::fixed << static_cast<double>(time.count()) / 1e6 << " s";
  return out.str();
}

std::string fault_line(const Fault& fault) {
  std::ostringstream out;
  out << seconds_text(fault.at) << "  " << row_of(fault.kind).name;
  for (const Target& target : fault.targets) {
    switch (target.role) {
      case Target::Role::named:
        out << ' ' << target.name;
        break;
      case Target::Role::leader:
        out << " leader";
        break;
      case Target::Role::follower:
        out << " follower";
        break;
      case Target::Role::any:
        out << " any";
        break;
    }
  }
  if (!fault.place.empty()) out << ' ' << fault.place;
  if (fault.lasts) out << " for " << seconds_text(*fault.lasts);
  return out.str();
}

void judgement_lines(std::ostringstream& out, const Judgement& judgement) {
  const char* mark = judgement.not_judged           ? "not judged"
                     : judgement.violations.empty() ? "holds     "
                                                    : "VIOLATED  ";
  out << "  " << mark << "  " << judgement.checker << ": "
      << (judgement.not_judged ? *judgement.not_judged : judgement.what) << '\n';
  for (std::size_t i = 0; i < std::min(judgement.violations.size(), violations_shown_max); ++i) {
    const Violation& violation = judgement.violations[i];
    out << "              at " << seconds_text(violation.at.since_start) << ": "
        << violation.message << '\n';
  }
  if (judgement.violations.size() > violations_shown_max) {
    out << "              and " << judgement.violations.size() - violations_shown_max << " more\n";
  }
}

}  // namespace

bool Verdict::has_violations() const {
  return std::any_of(judgements.begin(), judgements.end(),
                     [](const Judgement& judgement) { return !judgement.violations.empty(); });
}

bool Verdict::passed() const {
  if (planted_bug.empty()) return !has_violations();
  return std::any_of(judgements.begin(), judgements.end(), [this](const Judgement& judgement) {
    return judgement.checker == must_be_caught_by && !judgement.violations.empty();
  });
}

const Violation* Verdict::first_violation() const {
  const Violation* first = nullptr;
  for (const Judgement& judgement : judgements) {
    for (const Violation& violation : judgement.violations) {
      if (first == nullptr || violation.at < first->at) first = &violation;
    }
  }
  return first;
}

std::vector<Judgement> judgements_of(const std::vector<std::unique_ptr<Checker>>& checkers) {
  std::vector<Judgement> judgements;
  judgements.reserve(checkers.size());
  for (const auto& checker : checkers) {
    judgements.push_back({std::string(checker->name()), std::string(checker->what()),
                          checker->violations(), checker->not_judged()});
  }
  return judgements;
}

std::string summary_text(const Verdict& verdict, const Scenario& scenario) {
  std::ostringstream out;
  out << verdict.scenario << " (seed " << verdict.seed << ", " << verdict.run.executor << ", "
      << seconds_text(verdict.run.lasted);
  // A real run takes as long as it lasts.
  if (verdict.run.took > Duration{}) out << " in " << seconds_text(verdict.run.took);
  out << ")\n";
  if (!verdict.purpose.empty()) out << verdict.purpose << '\n';
  out << "\nwhat was broken\n";
  if (scenario.faults.empty()) out << "  nothing\n";
  for (const Fault& fault : scenario.faults) out << "  " << fault_line(fault) << '\n';
  if (!verdict.planted_bug.empty()) out << "  planted bug: " << verdict.planted_bug << '\n';
  out << "\nwhat was checked\n";
  for (const Judgement& judgement : verdict.judgements) judgement_lines(out, judgement);
  out << "\nfigures\n";
  for (const Figure& figure : verdict.figures) {
    out << "  " << figure.name << ": " << figure.value
        << (figure.unit.empty() ? "" : " " + figure.unit) << '\n';
  }
  if (!verdict.run.trace_hash.empty()) out << "  trace: " << verdict.run.trace_hash << '\n';
  out << '\n';
  if (verdict.planted_bug.empty()) {
    out << (verdict.passed() ? "PASSED: everything that was checked holds.\n"
                             : "FAILED: see VIOLATED above.\n");
  } else {
    out << (verdict.passed() ? "PASSED: the planted bug was caught by " : "FAILED: not caught by ")
        << verdict.must_be_caught_by << ".\n";
  }
  return out.str();
}

boost::json::object to_json(const Verdict& verdict) {
  boost::json::array judgements;
  for (const Judgement& judgement : verdict.judgements) {
    boost::json::array violations;
    for (const Violation& violation : judgement.violations) {
      violations.push_back(
          {{"at_us", violation.at.since_start.count()}, {"message", violation.message}});
    }
    boost::json::object row{{"checker", judgement.checker},
                            {"what", judgement.what},
                            {"violations", std::move(violations)}};
    if (judgement.not_judged) row["not_judged"] = *judgement.not_judged;
    judgements.push_back(std::move(row));
  }
  boost::json::array figures;
  for (const Figure& figure : verdict.figures) {
    figures.push_back({{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}});
  }
  boost::json::object whole{{"scenario", verdict.scenario},
                            {"purpose", verdict.purpose},
                            {"seed", verdict.seed},
                            {"executor", verdict.run.executor},
                            {"lasted_us", verdict.run.lasted.count()},
                            {"took_us", verdict.run.took.count()},
                            {"trace_hash", verdict.run.trace_hash},
                            {"passed", verdict.passed()},
                            {"judgements", std::move(judgements)},
                            {"figures", std::move(figures)}};
  if (!verdict.planted_bug.empty()) {
    whole["planted_bug"] = verdict.planted_bug;
    whole["must_be_caught_by"] = verdict.must_be_caught_by;
  }
  return whole;
}

}  // namespace titan::simulations
