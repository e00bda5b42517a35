#include "retail/gtin.h"

#include "retail/check_digits.h"

namespace titan::retail {

GtinFault check_gtin(std::string_view code) {
  if (!code.empty() && !is_digits(code)) return GtinFault::not_digits;
  if (code.size() != 8 && code.size() != 12 && code.size() != 13 && code.size() != 14) {
    return GtinFault::length;
  }
  return has_right_check_digit(code) ? GtinFault::none : GtinFault::check_digit;
}

std::string_view gtin_flag(GtinFault fault) {
  switch (fault) {
    case GtinFault::none:
      return "";
    case GtinFault::not_digits:
      return "gtin_format";
    case GtinFault::length:
      return "gtin_length";
    case GtinFault::check_digit:
      return "gtin_check_digit";
  }
  return "";
}

std::string describe_gtin_fault(std::string_view code, GtinFault fault) {
  const std::string quoted = "\"" + std::string(code) + "\"";
  switch (fault) {
    case GtinFault::none:
      return "";
    case GtinFault::not_digits:
      return "GTIN " + quoted + " has characters other than digits";
    case GtinFault::length:
      return "GTIN " + quoted + " has " + std::to_string(code.size()) +
             " digits instead of 8, 12, 13 or 14";
    case GtinFault::check_digit:
      return "GTIN " + quoted + " has a wrong check digit (" +
             check_digit_of(code.substr(0, code.size() - 1)) + " expected)";
  }
  return "";
}

}  // namespace titan::retail
