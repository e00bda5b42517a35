// The sums of a sale: what was given on the whole belongs to the lines, tax with it.
#include "pos-node/domain/sale_builder.h"
#include "retail/shares.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

namespace {

// What is kept back of a line that comes back at its share (a fee): less is paid, and less tax with
// it.
void deduct(v1::Line& line, std::int64_t amount_minor) {
  const std::int64_t before = line.paid_minor();
  line.set_paid_minor(saturated_difference(before, amount_minor));
  if (amount_minor == 0 || before <= 0) return;
  const auto part = [&](std::int64_t tax) {
    return proportion_rounded(tax, line.paid_minor(), before).value_or(tax);
  };
  if (line.taxes().empty()) {
    line.set_tax_minor(part(line.tax_minor()));
    return;
  }
  std::int64_t sum = 0;
  for (v1::LineTax& tax : *line.mutable_taxes()) {
    tax.set_tax_minor(part(tax.tax_minor()));
    sum = saturated_sum(sum, tax.tax_minor());
  }
  line.set_tax_minor(sum);
}

}  // namespace

// A discount on the whole is in terms of the prices: of prices with tax in them it takes from what
// is paid, of prices before tax from what is taxed. Either way the tax falls with it (VAT Directive
// art. 79).
Status SaleBuilder::share_discounts() {
  std::int64_t given = 0;
  for (std::size_t i = 0; i < request_.discounts.size(); ++i) {
    const std::string field = "discounts[" + std::to_string(i) + "].amount";
    const auto amount = to_minor(request_.discounts[i].amount, exponent_, field);
    if (!amount) return amount.error();
    std::int64_t rest = priced_minor_;
    if (!add_checked(given, *amount) || !subtract_checked(rest, given))
      return overflow_error(field);
    v1::Discount& recorded = *sale_.add_discounts();
    recorded.set_amount_minor(*amount);
    recorded.set_reason(request_.discounts[i].reason);
    recorded.set_promotion_id(request_.discounts[i].promotion_id);
  }
  std::vector<std::int64_t> amounts;
  std::int64_t came_back = 0;  // shares of the discounts of the sale that is refunded
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    amounts.push_back(figures_[i].priced_minor);
    came_back = saturated_sum(came_back, sale_.lines(static_cast<int>(i)).sale_discount_minor());
  }
  const auto shares = share_out(given, bearing_weights(amounts));
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    v1::Line& line = *sale_.mutable_lines(static_cast<int>(i));
    line.set_sale_discount_minor(saturated_sum(line.sale_discount_minor(), shares[i]));
    if (figures_[i].settled) deduct(line, shares[i]);
  }
  if (came_back != 0) {
    v1::Discount& recorded = *sale_.add_discounts();
    recorded.set_amount_minor(came_back);
    recorded.set_reason("share of the sale's discounts");
  }
  return {};
}

// A till may round the tax of each piece, and one that does not know that a discount on the whole
// lowers it states the tax before: then ours counts, and the line says so.
Status SaleBuilder::take_stated_tax(std::size_t line, std::vector<std::int64_t>& taxes) {
  const LineFigures& figures = figures_[line];
  if (!figures.stated_tax_minor) return {};
  const std::int64_t stated = *figures.stated_tax_minor;
  const std::int64_t allowed = tax_difference_max(figures.quantity);
  const auto is_near = [&](std::span<const std::int64_t> computed) {
    SignedWide difference = stated;
    for (const std::int64_t tax : computed) difference -= tax;
    return difference <= allowed && difference >= -allowed;
  };
  if (is_near(taxes)) {
    std::vector<std::int64_t> weights;
    for (const std::int64_t tax : taxes) weights.push_back(tax < 0 ? -tax : tax);
    taxes = share_out(stated, weights);
    return {};
  }
  v1::Line& out = *sale_.mutable_lines(static_cast<int>(line));
  const TaxedAmount before{figures.priced_minor, taxes_of(out), out.tax_included()};
  const auto undiscounted = tax_amounts(std::span(&before, 1), TaxRounding::line);
  if (undiscounted && is_near(undiscounted->front())) {
    out.add_flags(std::string(flag::tax_before_discount));
    return {};
  }
  std::int64_t computed = 0;
  for (const std::int64_t tax : taxes) computed = saturated_sum(computed, tax);
  return make_error(ErrorCode::invalid,
                    "The tax of the line is stated as " + to_text(stated, exponent_) + ", but " +
                        to_text(computed, exponent_) +
                        " follows from its price, quantity, rate and discounts, its share of those "
                        "on the whole sale included.",
                    "lines[" + std::to_string(line) + "].tax");
}

Status SaleBuilder::take_taxes() {
  std::vector<TaxedAmount> open;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    if (figures_[i].settled) continue;
    const v1::Line& line = sale_.lines(static_cast<int>(i));
    std::int64_t taxed = figures_[i].priced_minor;
    if (!subtract_checked(taxed, line.sale_discount_minor())) return overflow_error("discounts");
    open.push_back({taxed, taxes_of(line), line.tax_included()});
    places.push_back(i);
  }
  auto amounts = tax_amounts(open, context_.facts.tax_rounding);
  if (!amounts) return overflow_error("lines");
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::vector<std::int64_t>& taxes = (*amounts)[i];
    if (const auto done = take_stated_tax(places[i], taxes); !done) return done;
    v1::Line& line = *sale_.mutable_lines(static_cast<int>(places[i]));
    std::int64_t sum = 0;
    for (std::size_t tax = 0; tax < taxes.size(); ++tax) {
      if (!add_checked(sum, taxes[tax])) return overflow_error("lines");
      if (line.taxes_size() > 0)
        line.mutable_taxes(static_cast<int>(tax))->set_tax_minor(taxes[tax]);
    }
    std::int64_t total = figures_[places[i]].priced_minor;
    if (!line.tax_included() && !add_checked(total, sum)) return overflow_error("lines");
    std::int64_t paid = total;
    if (!subtract_checked(paid, line.sale_discount_minor())) return overflow_error("discounts");
    line.set_tax_minor(sum);
    line.set_total_minor(total);
    line.set_paid_minor(paid);
  }
  sale_.set_tax_by_receipt(context_.facts.tax_rounding == TaxRounding::receipt && !open.empty());
  return {};
}

Status SaleBuilder::add_totals() {
  std::int64_t tax = 0;
  due_minor_ = carried_minor_;
  for (const v1::Line& line : sale_.lines()) {
    if (!add_checked(tax, line.tax_minor()) || !add_checked(due_minor_, line.paid_minor())) {
      return overflow_error("lines");
    }
  }
  sale_.set_tax_minor(tax);
  return {};
}

// A screen that does not round cash itself states the sum before rounding.
Status SaleBuilder::check_stated_total() {
  if (!request_.total) return {};
  const auto stated = to_minor(*request_.total, exponent_, "total");
  if (!stated) return stated.error();
  // Nor does it know of coins that an earlier refund owes.
  const bool is_known = *stated == sale_.total_minor() || *stated == due_minor_ ||
                        *stated == saturated_difference(due_minor_, carried_minor_);
  if (is_known) return {};
  return make_error(ErrorCode::invalid,
                    "The total is stated as " + to_text(*stated, exponent_) +
                        ", but the lines, discounts, taxes and rounding add up to " +
                        to_text(sale_.total_minor(), exponent_) + ".",
                    "total");
}

// What cash rounding added belongs to the lines as the money does; the tax stays (EN 16931,
// BT-114). In a refund the lines say what is taken from the sale's lines, so coins stay on the
// whole.
void SaleBuilder::share_rounding() {
  std::int64_t by_lines = 0;
  std::vector<std::int64_t> weights;
  for (const v1::Line& line : sale_.lines()) {
    const std::int64_t paid = line.paid_minor();
    by_lines = saturated_sum(by_lines,
                             saturated_difference(line.total_minor(), line.sale_discount_minor()));
    weights.push_back(paid < 0 ? -paid : paid);
  }
  sale_.set_rounding_minor(sale_.total_minor() - by_lines);
  if (direction_ == Direction::refund) return;
  const auto shares = share_out(sale_.rounding_minor(), weights);
  for (int i = 0; i < sale_.lines_size(); ++i) {
    v1::Line& line = *sale_.mutable_lines(i);
    line.set_paid_minor(line.paid_minor() + shares[static_cast<std::size_t>(i)]);
  }
}

}  // namespace titan::pos
