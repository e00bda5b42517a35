// Codes that a spreadsheet took for numbers and rounded.
//
// Pure functions, thread-safe.
#pragma once

#include <optional>
#include <string>

namespace titan::retail {

// What is wrong with the code and what to do, without the field's name; nothing for a good one.
std::optional<std::string> destroyed_code(const std::string& code);

// Why a barcode with a number cell's decimals ("4006381333931.0") must not be taken as it is;
// nothing for anything else. CSV cells are mended before.
std::optional<std::string> decimal_code(const std::string& code);

}  // namespace titan::retail
