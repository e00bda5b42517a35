#include "retail/settlement.h"

#include <algorithm>
#include <limits>

#include "retail/money.h"
#include "retail/shares.h"

namespace titan::retail {
namespace {

namespace v1 = titan::entry::v1;

constexpr std::int64_t int_max = std::numeric_limits<std::int64_t>::max();

std::int64_t magnitude(std::int64_t value) {
  return value < 0 ? saturated_difference(0, value) : value;
}

// Applies `combine` to each kind of money, taxes by their place.
template <class Combine>
LineMoney combined(const LineMoney& a, const LineMoney& b, Combine combine) {
  LineMoney out;
  out.units = combine(a.units, b.units);
  out.total_minor = combine(a.total_minor, b.total_minor);
  out.sale_discount_minor = combine(a.sale_discount_minor, b.sale_discount_minor);
  out.paid_minor = combine(a.paid_minor, b.paid_minor);
  for (std::size_t i = 0; i < std::max(a.taxes_minor.size(), b.taxes_minor.size()); ++i) {
    out.taxes_minor.push_back(combine(i < a.taxes_minor.size() ? a.taxes_minor[i] : 0,
                                      i < b.taxes_minor.size() ? b.taxes_minor[i] : 0));
  }
  return out;
}

// units / of_units of every figure; of_units is not zero and has the sign of units.
LineMoney part_of(const LineMoney& whole, std::int64_t units, std::int64_t of_units) {
  const std::int64_t numerator = of_units < 0 ? -units : units;
  const std::int64_t denominator = magnitude(of_units);
  const auto part = [&](std::int64_t amount) {
    return proportion_rounded(amount, numerator, denominator).value_or(amount);
  };
  // total - sale_discount + rounding = paid holds in the part, too.
  const std::int64_t rounding = saturated_difference(
      saturated_sum(whole.paid_minor, whole.sale_discount_minor), whole.total_minor);
  LineMoney out;
  out.units = units;
  out.total_minor = part(whole.total_minor);
  out.paid_minor = part(whole.paid_minor);
  out.sale_discount_minor =
      saturated_difference(saturated_sum(out.total_minor, part(rounding)), out.paid_minor);
  for (const std::int64_t tax : whole.taxes_minor) out.taxes_minor.push_back(part(tax));
  return out;
}

LineMoney line_money(const v1::Line& line) {
  LineMoney money;
  money.units = stock_units(line.quantity());
  money.total_minor = line.total_minor();
  money.sale_discount_minor = line.sale_discount_minor();
  money.paid_minor = line.has_paid_minor() ? line.paid_minor() : line.total_minor();
  if (line.taxes().empty()) {
    money.taxes_minor.push_back(line.tax_minor());
  } else {
    for (const v1::LineTax& tax : line.taxes()) money.taxes_minor.push_back(tax.tax_minor());
  }
  return money;
}

// Entries of versions before: discounts and rounding stand on the whole only.
void derive_shares(const v1::Sale& sale, std::vector<LineMoney>& lines) {
  std::int64_t discounts = 0;
  for (const v1::Discount& discount : sale.discounts()) {
    discounts = saturated_sum(discounts, discount.amount_minor());
  }
  std::vector<std::int64_t> amounts;
  for (const LineMoney& line : lines) amounts.push_back(line.total_minor);
  const auto discount_shares = share_out(discounts, bearing_weights(amounts));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    lines[i].sale_discount_minor = discount_shares[i];
    lines[i].paid_minor = saturated_difference(lines[i].total_minor, discount_shares[i]);
    amounts[i] = magnitude(lines[i].paid_minor);
  }
  const auto rounding_shares = share_out(sale.rounding_minor(), amounts);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    lines[i].paid_minor = saturated_sum(lines[i].paid_minor, rounding_shares[i]);
  }
}

}  // namespace

std::int64_t saturated_sum(std::int64_t first, std::int64_t second) {
  std::int64_t sum = first;
  if (add_checked(sum, second)) return sum;
  return first < 0 ? std::numeric_limits<std::int64_t>::min() : int_max;
}

std::int64_t saturated_difference(std::int64_t first, std::int64_t second) {
  return saturated_sum(first,
                       second == std::numeric_limits<std::int64_t>::min() ? int_max : -second);
}

std::int64_t stock_units(const v1::Quantity& quantity) {
  return rescale_rounded(quantity.value(), quantity.scale(), 6).value_or(0);
}

std::vector<LineMoney> lines_money(const v1::Sale& sale) {
  std::vector<LineMoney> lines;
  bool has_shares = true;
  for (const v1::Line& line : sale.lines()) {
    lines.push_back(line_money(line));
    has_shares = has_shares && line.has_paid_minor();
  }
  if (!has_shares) derive_shares(sale, lines);
  return lines;
}

Settlement::Settlement(const v1::Sale& sold)
    : training_(sold.training()),
      paid_minor_(sold.total_minor()),
      sold_(lines_money(sold)),
      refunded_(sold_.size()),
      used_up_(sold_.size()) {
  for (const v1::Line& line : sold.lines()) skus_.push_back(line.sku());
}

// A refund made before its sale was here may name no lines: then by the article, first where
// something is left. Past the end: no line of the sale.
std::size_t Settlement::line_taken_back(const v1::Refund& refund, std::size_t index) const {
  if (index < static_cast<std::size_t>(refund.original_lines_size())) {
    return refund.original_lines(static_cast<int>(index));
  }
  const v1::Line& line = refund.sale().lines(static_cast<int>(index));
  std::size_t found = sold_.size();
  for (std::size_t i = sold_.size(); i-- > 0;) {
    if (skus_[i] != line.sku()) continue;
    const std::int64_t rest = saturated_difference(sold_[i].units, refunded_[i].units);
    const bool has_rest = rest != 0 && (rest < 0) == (sold_[i].units < 0);
    if (has_rest || found == sold_.size()) found = i;
  }
  return found;
}

void Settlement::take(const v1::Refund& refund) {
  if (refund.sale().training() != training_) return;
  ++refunds_;
  const auto lines = lines_money(refund.sale());
  std::int64_t by_lines = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    by_lines = saturated_sum(by_lines, lines[i].paid_minor);
    const std::size_t line = line_taken_back(refund, i);
    if (line >= sold_.size()) continue;
    // Another till may have shared in another order, so a unit's difference is the share still.
    LineMoney used = share(line, lines[i].units);
    const std::int64_t off = saturated_difference(used.paid_minor, lines[i].paid_minor);
    if (off >= -1 && off <= 1) used = lines[i];
    used_up_[line] = combined(used_up_[line], used, saturated_sum);
    refunded_[line] = combined(refunded_[line], lines[i], saturated_sum);
  }
  given_back_minor_ = saturated_sum(given_back_minor_, by_lines);
  carried_minor_ =
      saturated_sum(carried_minor_, saturated_difference(by_lines, refund.sale().total_minor()));
}

LineMoney Settlement::rest_of(std::size_t line) const {
  return combined(sold_[line], used_up_[line], saturated_difference);
}

LineMoney Settlement::left(std::size_t line) const {
  return voided_ ? part_of(sold_[line], 0, 1) : rest_of(line);
}

bool Settlement::anything_left() const {
  for (std::size_t i = 0; i < sold_.size(); ++i) {
    const std::int64_t units = left(i).units;
    if (units != 0 && (units < 0) == (sold_[i].units < 0)) return true;
  }
  return false;
}

std::int64_t Settlement::left_minor() const {
  if (voided_) return 0;
  std::int64_t sum = carried_minor_;
  for (std::size_t i = 0; i < sold_.size(); ++i) sum = saturated_sum(sum, rest_of(i).paid_minor);
  return sum;
}

LineMoney Settlement::share(std::size_t line, std::int64_t units) const {
  const LineMoney& all = sold_[line];
  LineMoney rest = rest_of(line);
  const bool has_rest = rest.units != 0 && (rest.units < 0) == (units < 0);
  if (has_rest && magnitude(units) < magnitude(rest.units)) {
    return part_of(rest, units, rest.units);
  }
  if (!has_rest) rest = part_of(all, 0, 1);
  const std::int64_t surplus = saturated_difference(units, rest.units);
  if (surplus == 0 || all.units == 0) {
    rest.units = units;
    return rest;
  }
  // More than is left: what goes beyond pays what such pieces cost.
  return combined(rest, part_of(all, surplus, all.units), saturated_sum);
}

bool Settlement::excesses_of_whole() const {
  const std::int64_t paid = voided_ ? 0 : paid_minor_;
  return refunds_ > 0 && given_back_minor_ > std::max<std::int64_t>(paid, 0);
}

std::vector<Settlement::Excess> Settlement::excesses() const {
  std::vector<Excess> found;
  for (std::size_t i = 0; i < sold_.size(); ++i) {
    const LineMoney& back = refunded_[i];
    const std::int64_t sold_units = voided_ ? 0 : sold_[i].units;
    const std::int64_t sold_paid = voided_ ? 0 : sold_[i].paid_minor;
    if (magnitude(back.units) > magnitude(sold_units)) {
      found.push_back({i, true, false, sold_units, back.units});
    } else if (back.paid_minor > std::max<std::int64_t>(sold_paid, 0)) {
      found.push_back({i, false, false, sold_paid, back.paid_minor});
    }
  }
  if (found.empty() && excesses_of_whole()) {
    found.push_back({0, false, true, voided_ ? 0 : paid_minor_, given_back_minor_});
  }
  return found;
}

}  // namespace titan::retail
