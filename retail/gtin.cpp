#include "retail/gtin.h"

#include <algorithm>

namespace titan::retail {
namespace {

char expected_check_digit(std::string_view code) {
  int sum = 0;
  int weight = 3;
  for (std::size_t i = code.size() - 1; i-- > 0;) {
    sum += (code[i] - '0') * weight;
    weight = 4 - weight;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

}  // namespace

GtinFault check_gtin(std::string_view code) {
  if (!std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return GtinFault::not_digits;
  }
  if (code.size() != 8 && code.size() != 12 && code.size() != 13 && code.size() != 14) {
    return GtinFault::length;
  }
  return code.back() == expected_check_digit(code) ? GtinFault::none : GtinFault::check_digit;
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
      return "GTIN " + quoted + " has a wrong check digit (" + expected_check_digit(code) +
             " expected)";
  }
  return "";
}

}  // namespace titan::retail
