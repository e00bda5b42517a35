// The one form in which codes of articles are compared, scanned or listed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/digits.h"

namespace titan::mesh {

// At most 14 digits are one number, padded to 14, so that the forms of a GTIN (8, 12, 13 and 14
// digits) agree; everything else is compared as it is.
inline std::string code_key(std::string_view code) {
  constexpr std::size_t gtin_digits = 14;
  if (!is_digits(code) || code.size() > gtin_digits) return std::string(code);
  return std::string(gtin_digits - code.size(), '0') + std::string(code);
}

}  // namespace titan::mesh
