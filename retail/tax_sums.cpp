#include "retail/tax_sums.h"

#include <map>
#include <tuple>

#include "retail/shares.h"

namespace titan::retail {
namespace {

constexpr std::int64_t whole = 100'000'000;  // 100 % in millionths of a percent

// What is divided by what: rate / denominator of the amount is the tax.
std::int64_t denominator_of(const TaxedAmount& line) {
  std::int64_t sum = whole;
  if (line.included) {
    for (const Tax& tax : line.taxes) sum += tax.rate_micropercent;
  }
  return sum;
}

// Lines whose tax is rounded together: one tax, taken in the same way.
using Group = std::tuple<std::string, std::uint32_t, bool, std::int64_t>;

struct Member {
  std::size_t line;
  std::size_t tax;
};

}  // namespace

std::optional<std::vector<std::vector<std::int64_t>>> tax_amounts(
    std::span<const TaxedAmount> lines, TaxRounding rounding) {
  std::vector<std::vector<std::int64_t>> amounts;
  std::map<Group, std::vector<Member>> groups;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::int64_t denominator = denominator_of(lines[i]);
    auto& of_line = amounts.emplace_back();
    for (const Tax& tax : lines[i].taxes) {
      const auto rounded =
          proportion_rounded(lines[i].amount_minor, tax.rate_micropercent, denominator);
      if (!rounded) return std::nullopt;
      groups[{tax.code, tax.rate_micropercent, lines[i].included, denominator}].push_back(
          {i, of_line.size()});
      of_line.push_back(*rounded);
    }
  }
  if (rounding == TaxRounding::line) return amounts;

  for (const auto& [group, members] : groups) {
    const auto& [code, rate, included, denominator] = group;
    std::int64_t sum = 0;
    std::vector<SignedWide> numerators;
    for (const Member& member : members) {
      if (!add_checked(sum, lines[member.line].amount_minor)) return std::nullopt;
      numerators.push_back(static_cast<SignedWide>(lines[member.line].amount_minor) * rate);
    }
    const auto target = proportion_rounded(sum, rate, denominator);
    if (!target) return std::nullopt;
    const auto parts = apportion(*target, numerators, denominator);
    for (std::size_t i = 0; i < members.size(); ++i) {
      amounts[members[i].line][members[i].tax] = parts[i];
    }
  }
  return amounts;
}

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

}  // namespace titan::retail
