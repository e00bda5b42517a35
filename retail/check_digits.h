// Check digits of the GS1 General Specifications, and the one form in which codes are compared.
//
// Pure functions, thread-safe. They take any bytes; what is not digits has no check digit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digits.h"
#include "mesh/entry/code_key.h"

namespace titan::retail {

// Of a GTIN, GLN or SSCC without its last digit (section 7.9.1: weights 3 and 1 from the right).
// `digits` must be digits.
char check_digit_of(std::string_view digits);
// Whether the last digit is the check digit of those before it; false for what is no number.
bool has_right_check_digit(std::string_view code);

// The verifier of a price or weight field of four or five digits within an in-store number (section
// 7.9.2 to 7.9.4); nothing for any other field. 2875 has 9, 14685 has 6.
std::optional<char> value_check_digit(std::string_view value);

using mesh::code_key;

}  // namespace titan::retail
