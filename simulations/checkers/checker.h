// A checker judges one invariant from what was observed. One file each; all are listed in
// all_checkers(). A checker knows nothing of the executor, so it judges real runs as well.
//
// It can be trusted as far as it has failed: histories made by hand that it must refuse are in
// tests/simulations/checkers, runs with a planted bug that it must catch in simulations/negative.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulations/history/observation.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

struct Violation {
  std::string checker;
  MonoTime at;
  std::string message;  // which terminals, which entry, expected and seen: for the person at 2 a.m.
};

class Checker : public Observer {
 public:
  // "M4", "receipts" ...: as scenario files name it in `caught_by`.
  virtual std::string_view name() const = 0;
  // The invariant in a sentence: the one of checker_table().
  std::string_view what() const;
  // After RunEnded: what can be said only of the whole run.
  virtual void finish() {}
  // None: judged. Else why it could not (what this executor does not observe).
  virtual std::optional<std::string> not_judged() const { return std::nullopt; }
  // The first few of them.
  const std::vector<Violation>& violations() const { return violations_; }
  std::uint64_t violations_in_all() const { return in_all_; }

 protected:
  static constexpr std::size_t violations_kept_max = 5;

  // The first few are kept, the rest counted.
  void violate(MonoTime at, std::string message);

 private:
  std::vector<Violation> violations_;
  std::uint64_t in_all_ = 0;
};

// One of each, in the order of checker_table(). `scenario` outlives them.
std::vector<std::unique_ptr<Checker>> all_checkers(const Scenario& scenario);

}  // namespace titan::simulations
