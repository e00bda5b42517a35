// Currencies by ISO 4217 (list one of 2025, with what left it lately): their codes and the digits
// of their minor unit. Not CLDR's digits, which tell how a figure is shown: CLDR shows the forint
// without digits, ISO counts it in hundredths.
//
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace titan::retail {

// Three capital letters.
bool is_currency_code(std::string_view code);
// In the list. Another code is taken, with a warning: two digits are then only a guess.
bool is_known_currency(std::string_view code);
// Digits of the minor unit; 2 for a code that is not in the list.
std::uint32_t currency_exponent(std::string_view code);

}  // namespace titan::retail
