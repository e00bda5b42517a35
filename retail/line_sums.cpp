#include "retail/line_sums.h"

namespace titan::retail {

Error overflow_error(const std::string& field) {
  return make_error(ErrorCode::invalid,
                    "The figures are too large to be added up; check price and quantity.", field);
}

Result<std::int64_t> to_minor(const Decimal& amount, std::uint32_t exponent,
                              const std::string& field) {
  if (const auto minor = rescale_exactly(amount, exponent)) return *minor;
  if (!rescale_rounded(amount.value, amount.scale, exponent)) return overflow_error(field);
  return make_error(ErrorCode::invalid,
                    to_text(amount) + " is finer than the currency's smallest coin (" +
                        std::to_string(exponent) + " digits behind the point).",
                    field);
}

std::int64_t tax_difference_max(const Decimal& quantity) {
  const std::int64_t pieces = rescale_rounded(quantity.value, quantity.scale, 0).value_or(0);
  return 1 + (pieces < 0 ? -pieces : pieces) / 2;
}

Result<LineSums> line_sums(const Decimal& charged_unit_price, const Decimal& quantity,
                           std::int64_t discounts_minor, std::uint32_t tax_rate_basis_points,
                           bool tax_included, std::uint32_t currency_exponent,
                           const std::string& field) {
  const auto gross = multiply_rounded(charged_unit_price, quantity, currency_exponent);
  if (!gross) return overflow_error(field);
  LineSums sums;
  sums.total_minor = *gross;
  if (!subtract_checked(sums.total_minor, discounts_minor)) return overflow_error(field);

  const std::int64_t rate = tax_rate_basis_points;
  const auto tax = proportion_rounded(sums.total_minor, rate, tax_included ? 10000 + rate : 10000);
  if (!tax) return overflow_error(field);
  sums.tax_minor = *tax;
  if (!tax_included && !add_checked(sums.total_minor, sums.tax_minor)) return overflow_error(field);
  return sums;
}

}  // namespace titan::retail
