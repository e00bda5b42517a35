#include "retail/check_digits.h"

#include <algorithm>
#include <array>

namespace titan::retail {
namespace {

// Products of a digit with the weights of section 7.9.2, each brought to one digit: minus takes the
// tens away from the units, plus adds them, three leaves them out.
using Weight = std::array<int, 10>;
constexpr Weight two_minus = {0, 2, 4, 6, 8, 9, 1, 3, 5, 7};
constexpr Weight three = {0, 3, 6, 9, 2, 5, 8, 1, 4, 7};
constexpr Weight five_plus = {0, 5, 1, 6, 2, 7, 3, 8, 4, 9};
constexpr Weight five_minus = {0, 5, 9, 4, 8, 3, 7, 2, 6, 1};

int digit_at(std::string_view digits, std::size_t place) {
  return digits[place] - '0';
}

}  // namespace

char check_digit_of(std::string_view digits) {
  int sum = 0;
  int weight = 3;
  for (std::size_t i = digits.size(); i-- > 0;) {
    sum += digit_at(digits, i) * weight;
    weight = 4 - weight;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

bool has_right_check_digit(std::string_view code) {
  return code.size() >= 2 && is_digits(code) &&
         code.back() == check_digit_of(code.substr(0, code.size() - 1));
}

std::optional<char> value_check_digit(std::string_view value) {
  if (!is_digits(value)) return std::nullopt;
  const auto weighted = [&](std::size_t place, const Weight& weight) {
    return weight[static_cast<std::size_t>(digit_at(value, place))];
  };
  if (value.size() == 4) {
    const int sum = weighted(0, two_minus) + weighted(1, two_minus) + weighted(2, three) +
                    weighted(3, five_minus);
    return static_cast<char>('0' + sum * 3 % 10);
  }
  if (value.size() == 5) {
    const int sum = weighted(0, five_plus) + weighted(1, two_minus) + weighted(2, five_minus) +
                    weighted(3, five_plus) + weighted(4, two_minus);
    const int wanted = (10 - sum % 10) % 10;
    const auto* const at = std::find(five_minus.begin(), five_minus.end(), wanted);
    return static_cast<char>('0' + (at - five_minus.begin()));
  }
  return std::nullopt;
}

}  // namespace titan::retail
