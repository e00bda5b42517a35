// Barcode numbers: GTIN-8, -12 (UPC-A), -13 (EAN) and -14 with the GS1 check digit (GS1 General
// Specifications, section 7.9: weights 3 and 1 from the right).
//
// Shops have labels with wrong check digits and home-made codes; nothing here refuses a code, it
// only says what is odd about it. Codes stay text: leading zeros count.
#pragma once

#include <string>
#include <string_view>

namespace titan::retail {

enum class GtinFault {
  none,
  not_digits,  // letters, blanks, application identifiers in brackets
  length,      // not 8, 12, 13 or 14 digits: a shop code or a GS1-128 string
  check_digit,
};

GtinFault check_gtin(std::string_view code);
// The flag recorded on a line: "" for none, else "gtin_format", "gtin_length", "gtin_check_digit".
std::string_view gtin_flag(GtinFault fault);
// For warnings: "check digit of 4006381333932 is wrong (should end in 1)".
std::string describe_gtin_fault(std::string_view code, GtinFault fault);

}  // namespace titan::retail
