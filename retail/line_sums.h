// The arithmetic of a sale: lines, taxes, payments, change. It stands apart from the rules that
// decide what to do with the figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "retail/money.h"

namespace titan::retail {

struct LineSums {
  std::int64_t total_minor = 0;  // what the customer pays, tax in it
  std::int64_t tax_minor = 0;
};

// total = round(charged unit price x quantity) - discounts; tax not included is added to it.
// included: tax = round(total x rate / (10000 + rate)); added: tax = round(net x rate / 10000).
Result<LineSums> line_sums(const Decimal& charged_unit_price, const Decimal& quantity,
                           std::int64_t discounts_minor, std::uint32_t tax_rate_basis_points,
                           bool tax_included, std::uint32_t currency_exponent,
                           const std::string& field);

// A till may round the tax of each piece; beyond that a stated tax is wrong. In minor units.
std::int64_t tax_difference_max(const Decimal& quantity);

// `amount` in minor units of a currency; refused if it has more digits than the currency.
Result<std::int64_t> to_minor(const Decimal& amount, std::uint32_t exponent,
                              const std::string& field);

Error overflow_error(const std::string& field);

}  // namespace titan::retail
