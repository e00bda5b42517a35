// A scenario from a seed: a store, what it sells, what breaks. Every fault kind comes up, always
// healed before the end. The same seed gives the same scenario on every machine.
#pragma once

#include <cstdint>

#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// Mostly 2 to 7 terminals and 60 s. Valid.
Scenario random_scenario(std::uint64_t seed);

}  // namespace titan::simulations
