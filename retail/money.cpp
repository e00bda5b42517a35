#include "retail/money.h"

#include <algorithm>
#include <limits>

#include "base/digits.h"

namespace titan::retail {
namespace {

// 10^0 .. 10^37; the largest that a signed 128-bit number holds is 10^38.
constexpr std::uint32_t wide_power_max = 37;

constexpr SignedWide wide_power_of_ten(std::uint32_t exponent) {
  SignedWide power = 1;
  for (std::uint32_t i = 0; i < exponent; ++i) power *= 10;
  return power;
}

std::optional<std::int64_t> narrow(SignedWide value) {
  if (value > std::numeric_limits<std::int64_t>::max() ||
      value < std::numeric_limits<std::int64_t>::min()) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

SignedWide divide_rounded(SignedWide value, SignedWide divisor) {
  const SignedWide quotient = value / divisor;
  const SignedWide rest = value % divisor;
  const SignedWide magnitude = rest < 0 ? -rest : rest;
  if (magnitude < divisor - magnitude) return quotient;
  return value < 0 ? quotient - 1 : quotient + 1;
}

}  // namespace

Result<Decimal> parse_decimal(std::string_view text, std::uint32_t scale_max) {
  const auto wrong = [&](std::string_view why) {
    return make_error(ErrorCode::invalid,
                      "\"" + std::string(text.substr(0, 40)) + "\" " + std::string(why));
  };
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative || (!rest.empty() && rest.front() == '+')) rest.remove_prefix(1);
  const std::size_t point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : rest.substr(point + 1);
  if (!is_digits(whole) || (point != std::string_view::npos && !is_digits(fraction))) {
    return wrong("is not a decimal number; write it like 12 or -0.50");
  }
  if (fraction.size() > scale_max) {
    return wrong("has more than " + std::to_string(scale_max) + " digits behind the point");
  }
  const std::size_t leading = std::min(whole.find_first_not_of('0'), whole.size());
  if (whole.size() - leading + fraction.size() > decimal_digits_max) {
    return wrong("has more than 18 digits");
  }
  Decimal decimal;
  for (const char digit : whole) decimal.value = decimal.value * 10 + (digit - '0');
  for (const char digit : fraction) decimal.value = decimal.value * 10 + (digit - '0');
  decimal.scale = static_cast<std::uint32_t>(fraction.size());
  if (negative) decimal.value = -decimal.value;
  return decimal;
}

std::string to_text(std::int64_t value, std::uint32_t scale) {
  const bool negative = value < 0;
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits = std::to_string(magnitude);
  if (scale > 0) {
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    digits.insert(digits.size() - scale, 1, '.');
  }
  if (negative) digits.insert(0, 1, '-');
  return digits;
}

std::string to_text(const Decimal& decimal) {
  return to_text(decimal.value, decimal.scale);
}

std::string to_short_text(std::int64_t value, std::uint32_t scale) {
  while (scale > 0 && value % 10 == 0) {
    value /= 10;
    --scale;
  }
  return to_text(value, scale);
}

std::optional<std::int64_t> rescale_exactly(const Decimal& decimal, std::uint32_t scale) {
  if (scale > wide_power_max || decimal.scale > wide_power_max) return std::nullopt;
  if (scale >= decimal.scale) {
    SignedWide wide = 0;
    if (__builtin_mul_overflow(static_cast<SignedWide>(decimal.value),
                               wide_power_of_ten(scale - decimal.scale), &wide)) {
      return std::nullopt;
    }
    return narrow(wide);
  }
  const SignedWide divisor = wide_power_of_ten(decimal.scale - scale);
  if (decimal.value % divisor != 0) return std::nullopt;
  return narrow(decimal.value / divisor);
}

std::optional<std::int64_t> rescale_rounded(SignedWide value, std::uint32_t from_scale,
                                            std::uint32_t to_scale) {
  if (to_scale > wide_power_max || from_scale > wide_power_max) return std::nullopt;
  if (to_scale >= from_scale) {
    SignedWide wide = 0;
    if (__builtin_mul_overflow(value, wide_power_of_ten(to_scale - from_scale), &wide)) {
      return std::nullopt;
    }
    return narrow(wide);
  }
  return narrow(divide_rounded(value, wide_power_of_ten(from_scale - to_scale)));
}

std::optional<std::int64_t> multiply_rounded(const Decimal& first, const Decimal& second,
                                             std::uint32_t scale) {
  // Two 64-bit factors always fit 128 bits.
  const SignedWide product = static_cast<SignedWide>(first.value) * second.value;
  return rescale_rounded(product, first.scale + second.scale, scale);
}

std::optional<std::int64_t> proportion_rounded(std::int64_t value, std::int64_t numerator,
                                               std::int64_t denominator) {
  if (denominator <= 0) return std::nullopt;
  return narrow(divide_rounded(static_cast<SignedWide>(value) * numerator, denominator));
}

bool add_checked(std::int64_t& sum, std::int64_t value) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(sum, value, &result)) return false;
  sum = result;
  return true;
}

bool subtract_checked(std::int64_t& sum, std::int64_t value) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(sum, value, &result)) return false;
  sum = result;
  return true;
}

}  // namespace titan::retail
