// Makes a failing scenario small: leaves out faults, terminals, sales and time as long as it still
// fails. Knows no executor: whether a candidate still fails is asked of the caller.
#pragma once

#include <cstdint>
#include <functional>

#include "simulations/scenario/scenario.h"

namespace titan::simulations {

struct ShrinkLimits {
  std::uint32_t tries_max = 400;  // runs of candidates
};

struct Shrunk {
  Scenario scenario;  // fails, is valid, and no single step of shrinking leaves it failing
  std::uint32_t tries = 0;
  bool is_finished = false;  // false: the tries ran out before nothing could be left out any more
};

// `scenario` fails. `still_fails` must give the same answer for the same scenario, and should ask
// for the same checker, or another bug may be found instead.
Shrunk shrink(const Scenario& scenario, const std::function<bool(const Scenario&)>& still_fails,
              ShrinkLimits limits = {});

}  // namespace titan::simulations
