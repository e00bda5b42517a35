// Units of quantities: which texts mean the same one, and how much of one is how much of another.
//
// Lower and upper case are equal, a full stop behind does not count; "" is the piece. What is not
// in the table is a unit of the shop's own: it equals itself and converts to nothing. Factors are
// exact by definition (1 lb = 0.45359237 kg); a result that would need more than six decimals is
// refused rather than rounded.
//
// Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "retail/money.h"

namespace titan::retail {

// "KG" and "kilo", "" and "Stk".
bool same_unit(std::string_view first, std::string_view second);
// Of what is weighed or measured rather than counted: kg, l, m, m2 ...; false for unknown units.
bool is_measure_unit(std::string_view unit);
// For messages: "kg", "pieces".
std::string unit_name(std::string_view unit);

// The same amount in another unit. The message names both units and says why there is no such
// amount: different kinds, an unknown unit, too many decimals, too large.
Result<Decimal> convert_quantity(const Decimal& quantity, std::string_view from,
                                 std::string_view to);

}  // namespace titan::retail
