// Sharing an amount out so that the parts add up to the whole: largest remainder (Hamilton's
// method).
//
// Example: a discount of 1.00 on lines of 3.00, 2.00 and 2.00. The exact shares are 42.86, 28.57
// and 28.57 pennies. Rounded down they are 42, 28 and 28, two short of 100; those two go to the
// largest remainders (0.86, then the first of the two 0.57): 0.43, 0.29 and 0.28.
//
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "retail/money.h"

namespace titan::retail {

// One whole number for each numerator / denominator, each the fraction rounded down or up, so that
// all add up to `target`. `target` must be the rounded sum of the fractions; denominator > 0.
std::vector<std::int64_t> apportion(std::int64_t target, std::span<const SignedWide> numerators,
                                    SignedWide denominator);

// `amount` in proportion to the weights, which may not be negative; where all are zero, evenly.
// There must be at least one. -x is shared out as x is, with the sign turned.
std::vector<std::int64_t> share_out(std::int64_t amount, std::span<const std::int64_t> weights);

// Who bears a discount on the whole sale, line by line: what is bought does; a line that comes back
// in an exchange does not, unless nothing is bought.
std::vector<std::int64_t> bearing_weights(std::span<const std::int64_t> line_amounts);

}  // namespace titan::retail
