// Decimal digits of ASCII, whatever the locale.
#pragma once

#include <string_view>

namespace titan {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// False for an empty text.
constexpr bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace titan
