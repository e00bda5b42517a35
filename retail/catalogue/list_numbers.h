// Numbers as spreadsheets write them: decimal comma or point, thousands marks, currency signs.
//
// Which mark is the decimal one is decided once for a list, from its evidence: "12,50" has a
// decimal comma whatever else is there, "1.234" may be either. docs/PRODUCT_LISTS.md has the table.
//
// Pure, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace titan::retail {

// Whether a currency sign or code in the cell, if there is one, may mean the currency `code`.
bool currency_fits(std::string_view cell, std::string_view code);

// "2.500": three digits behind the point, one to three before it, which a thousands mark may have
// cut apart. "0.001" is none: no thousand begins with a zero.
bool may_be_thousands(std::string_view decimal);

class NumberStyle {
 public:
  explicit NumberStyle(char separator) : separator_(separator) {}

  // First pass: every number of the list. `is_percent`: a rate, of which no thousands exist.
  void learn(std::string_view cell, bool is_percent);
  // Second pass: as "-1234.5", or what is wrong (without the field's name).
  Result<std::string> read(std::string_view cell, bool is_percent) const;
  // A number that cannot have decimals: whatever groups its digits by three is a thousands mark.
  Result<std::string> read_whole(std::string_view cell) const;

 private:
  bool decimal_comma() const;
  bool is_known() const { return points_ + commas_ > 0; }

  char separator_;
  std::size_t points_ = 0;  // cells that can only have a decimal point
  std::size_t commas_ = 0;
};

}  // namespace titan::retail
