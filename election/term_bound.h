// How far above what is known a term may be.
//
// Terms rise by one with each election, so a store does not see a million of them. A term further
// above than that is rubbish, or a lie, and is not taken in anywhere: not by an election, not by a
// lease row. One that were would leave no term above it for anybody else.
#pragma once

#include <cstdint>

#include "election/types.h"

namespace titan::election {

// Rises: a store pushed up step by step is still followed; falls: a liar moves less at a time.
inline constexpr std::uint64_t term_jump_max = std::uint64_t{1} << 20;

// The first term after an operator's reset of a lease row. A store that was pushed up step by step
// takes the row again, a term that no steps reach does not: the liar may still be there.
inline constexpr std::uint64_t term_after_reset_max = std::uint64_t{1} << 40;

constexpr bool is_plausible_term(std::uint64_t term, std::uint64_t known) {
  return term <= term_max && (term <= known || term - known <= term_jump_max);
}

}  // namespace titan::election
