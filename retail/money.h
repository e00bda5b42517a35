// Exact decimal arithmetic for money and quantities: decimal text, minor units, prices, rounding.
//
// Nothing here uses floating point. Every operation that could leave 64 bits says so instead of
// wrapping. Rounding is half away from zero everywhere (0.5 -> 1, -0.5 -> -1), the rule printed in
// most shops' terms and the one that makes a cancelled line exactly undo its sale.
//
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace titan::retail {

__extension__ using SignedWide = __int128;

// A unit price or a quantity may have this many digits behind the point, no more: stock counts in
// millionths.
inline constexpr std::uint32_t decimal_scale_max = 6;
// An exchange rate may have more: one dong is 0.0000344 euro.
inline constexpr std::uint32_t rate_scale_max = 12;
// Digits of a decimal text in all, so that its value always fits 64 bits.
inline constexpr std::size_t decimal_digits_max = 18;

// value x 10^-scale.
struct Decimal {
  std::int64_t value = 0;
  std::uint32_t scale = 0;

  bool operator==(const Decimal&) const = default;
  bool is_zero() const { return value == 0; }
  bool is_negative() const { return value < 0; }
};

// "12", "-0.50", "+3": digits with at most one point, digits on both sides of it, no exponent, no
// blanks, no thousands mark. The message says what is wrong; the caller adds the field.
Result<Decimal> parse_decimal(std::string_view text, std::uint32_t scale_max = decimal_scale_max);
// "-0.50" for {-50, 2}.
std::string to_text(const Decimal& decimal);
std::string to_text(std::int64_t value, std::uint32_t scale);
// Without trailing zeros behind the point: {2500000, 6} -> "2.5".
std::string to_short_text(std::int64_t value, std::uint32_t scale);

// The same amount at another scale; nothing if digits would be lost or 64 bits are too few.
std::optional<std::int64_t> rescale_exactly(const Decimal& decimal, std::uint32_t scale);
// The same, rounding half away from zero; nothing only on overflow.
std::optional<std::int64_t> rescale_rounded(SignedWide value, std::uint32_t from_scale,
                                            std::uint32_t to_scale);
// first x second at `scale`, rounded half away from zero.
std::optional<std::int64_t> multiply_rounded(const Decimal& first, const Decimal& second,
                                             std::uint32_t scale);
// value x numerator / denominator, rounded half away from zero; denominator > 0.
std::optional<std::int64_t> proportion_rounded(std::int64_t value, std::int64_t numerator,
                                               std::int64_t denominator);

// False, and `sum` unchanged, if the sum would not fit 64 bits.
[[nodiscard]] bool add_checked(std::int64_t& sum, std::int64_t value);
[[nodiscard]] bool subtract_checked(std::int64_t& sum, std::int64_t value);

}  // namespace titan::retail
