// The tax in an amount or on top of it, rounded per line or per rate and receipt.
//
// included: tax = round(amount x rate / (100 % + all rates)); added: tax = round(amount x rate). Of
// several taxes each is rounded on its own, so that India's CGST and SGST stay equal and Quebec's
// QST is taken on the price without GST.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "retail/money.h"
#include "retail/tax.h"

namespace titan::retail {

// receipt: each tax is rounded once for all lines that bear it, then shared out to them by largest
// remainder (Japan's qualified invoices: 30 lines of 33 yen at 8 % are 79 yen of tax, not 90).
enum class TaxRounding { line, receipt };

struct TaxedAmount {
  std::int64_t amount_minor = 0;  // with the tax in it, or before it is added
  std::vector<Tax> taxes;
  bool included = true;
};

// The amount of each tax of each line; nothing if a figure would leave 64 bits.
std::optional<std::vector<std::vector<std::int64_t>>> tax_amounts(
    std::span<const TaxedAmount> lines, TaxRounding rounding);

// A till may round the tax of each piece; beyond that a stated tax is wrong. In minor units.
std::int64_t tax_difference_max(const Decimal& quantity);

// `amount` in minor units of a currency; refused if it has more digits than the currency.
Result<std::int64_t> to_minor(const Decimal& amount, std::uint32_t exponent,
                              const std::string& field);

Error overflow_error(const std::string& field);

}  // namespace titan::retail
