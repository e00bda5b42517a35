#include "retail/catalogue/spreadsheet_code.h"

#include <string_view>

#include "base/digits.h"

namespace titan::retail {
namespace {

constexpr std::size_t spreadsheet_digits = 15;  // more become zeros in a number cell

// "5.01235E+12", "5,01E+07", "5E+12", "5.01235e12".
bool is_exponent_form(std::string_view code) {
  const std::size_t e = code.find_first_of("eE");
  if (e == std::string_view::npos || e == 0 || e + 1 >= code.size()) return false;
  std::string_view mantissa = code.substr(0, e);
  std::string_view exponent = code.substr(e + 1);
  const bool has_plus = exponent.starts_with('+');
  if (!is_digits(exponent.substr(has_plus ? 1 : 0))) return false;
  const std::size_t mark = mantissa.find_first_of(".,");
  // "1E5" may well be a code; "1.2E5" is a number.
  if (mark == std::string_view::npos) return has_plus && is_digits(mantissa);
  return mark == 1 && is_digits(mantissa.substr(0, 1)) && is_digits(mantissa.substr(2));
}

}  // namespace

std::optional<std::string> destroyed_code(const std::string& code) {
  const std::string quoted = "\"" + code.substr(0, 40) + "\"";
  const std::string advice =
      "; the digits are lost. Format the column as text in the spreadsheet, fill it anew and save "
      "the list again";
  if (is_exponent_form(code))
    return "is " + quoted + ", a code that a spreadsheet rounded" + advice;
  if (is_digits(code) && code.size() > spreadsheet_digits &&
      code.find_first_not_of('0', spreadsheet_digits) == std::string::npos) {
    return "is " + quoted + ", of which a spreadsheet kept only the first 15 digits" + advice;
  }
  return std::nullopt;
}

std::optional<std::string> decimal_code(const std::string& code) {
  const std::size_t mark = code.find_first_of(".,");
  if (mark == std::string::npos || mark < 8 || mark > 14) return std::nullopt;
  const std::string fraction = code.substr(mark + 1);
  if ((fraction != "0" && fraction != "00") || !is_digits(code.substr(0, mark))) {
    return std::nullopt;
  }
  return "is \"" + code +
         "\", a number with a decimal; write the digits alone: " + code.substr(0, mark);
}

}  // namespace titan::retail
