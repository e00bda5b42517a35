// The end of a sale: cash rounding, payments and change.
#include <algorithm>

#include "pos-node/domain/sale_builder.h"
#include "retail/currency.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

namespace {

constexpr std::string_view cash = "cash";

}  // namespace

// What this store rounds by; a refund where the store has no rule goes by the rule of its sale.
std::optional<CashRule> SaleBuilder::cash_rule() const {
  const auto& rule = context_.facts.cash_rule ? context_.facts.cash_rule : original_rule_;
  if (!rule || rule->currency != sale_.currency()) return std::nullopt;
  return rule;
}

Result<std::int64_t> SaleBuilder::convert(const PaymentRequest& request, v1::Payment& out,
                                          const std::string& place) {
  if (out.currency() == sale_.currency()) {
    if (request.rate &&
        *rescale_rounded(request.rate->value, request.rate->scale, 6) != 1'000'000) {
      return make_error(ErrorCode::invalid,
                        "The payment is in the sale's own currency; its rate can only be 1.",
                        place + "rate");
    }
    return out.amount_minor();
  }
  if (!request.rate || request.rate->value <= 0) {
    return make_error(ErrorCode::invalid,
                      "A payment in " + out.currency() + " for a sale in " + sale_.currency() +
                          " needs a rate above zero (" + sale_.currency() + " for one " +
                          out.currency() + ").",
                      place + "rate");
  }
  set_price(*out.mutable_rate(), *request.rate);
  add_flag(flag::foreign_currency);
  const auto converted =
      multiply_rounded({out.amount_minor(), out.exponent()}, *request.rate, exponent_);
  if (!converted) return overflow_error(place + "amount");
  return *converted;
}

Result<SaleBuilder::Tender> SaleBuilder::add_payment(const PaymentRequest& request,
                                                     std::size_t index, std::int64_t paid_minor) {
  const std::string place = "payments[" + std::to_string(index) + "].";
  v1::Payment& out = *sale_.add_payments();
  const std::string& currency = request.currency.value_or(sale_.currency());
  if (!is_currency_code(currency)) {
    return make_error(ErrorCode::invalid,
                      "\"" + currency + "\" is not a currency code such as EUR or GBP.",
                      place + "currency");
  }
  if (!is_known_currency(currency)) add_flag(flag::unknown_currency);
  out.set_method(request.method);
  out.set_currency(currency);
  out.set_exponent(currency_exponent(currency));
  out.set_reference(mask_card_numbers(request.reference));
  if (out.reference() != request.reference) add_flag(flag::reference_masked);

  Tender tender;
  tender.in_cash = request.method == cash;
  tender.is_rounded = tender.in_cash && currency == sale_.currency();
  tender.takes_rest = !request.amount;
  if (request.amount) {
    const auto amount = to_minor(*request.amount, out.exponent(), place + "amount");
    if (!amount) return amount.error();
    out.set_amount_minor(*amount);
  } else {
    if (currency != sale_.currency()) {
      return make_error(ErrorCode::invalid, "A payment in another currency needs its amount.",
                        place + "amount");
    }
    std::int64_t left = due_minor_;
    if (!subtract_checked(left, paid_minor)) return overflow_error(place + "amount");
    // Where more was given already, nothing is left to pay; change is another matter.
    out.set_amount_minor(due_minor_ >= 0 ? std::max<std::int64_t>(left, 0) : left);
  }
  if (out.amount_minor() < 0) add_flag(flag::negative_payment);
  const auto value = convert(request, out, place);
  if (!value) return value.error();
  tender.value_minor = *value;

  if (request.change) {
    const auto change = to_minor(*request.change, exponent_, place + "change");
    if (!change) return change.error();
    if (*change < 0) {
      return make_error(ErrorCode::invalid,
                        "Change goes back to the customer: it cannot be below zero.",
                        place + "change");
    }
    out.set_change_minor(*change);
    tender.change_stated = true;
  }
  return tender;
}

Status SaleBuilder::check_stated_rounding(std::int64_t rounding_minor) {
  // The coarsest cash rounding in use is to half a unit; ten units where there is no minor unit.
  std::int64_t limit = exponent_ == 0 ? 10 : rescale_exactly({1, 0}, exponent_).value();
  const auto rule = cash_rule();
  limit = std::max(limit, cash_rounding_max(sale_.currency()) + 1);
  if (rule) limit = std::max(limit, rule->step_minor);
  if (rounding_minor < limit && rounding_minor > -limit) return {};
  return make_error(ErrorCode::invalid,
                    "A cash rounding of " + to_text(rounding_minor, exponent_) +
                        " is too much; send a larger difference as a discount.",
                    "rounding");
}

// Of the part that is paid in coins of the sale's currency. What the screen states wins over the
// rule; payments that come to the unrounded sum exactly are the word of a screen that does not
// round.
Result<std::int64_t> SaleBuilder::choose_rounding() {
  const bool by_cash =
      tenders_.empty() || std::any_of(tenders_.begin(), tenders_.end(),
                                      [](const Tender& tender) { return tender.in_cash; });
  std::int64_t in_coins = due_minor_;
  std::int64_t net = 0;
  bool all_stated = !tenders_.empty();
  for (std::size_t i = 0; i < tenders_.size(); ++i) {
    const Tender& tender = tenders_[i];
    if (!tender.is_rounded && !subtract_checked(in_coins, tender.value_minor)) {
      return overflow_error("payments[" + std::to_string(i) + "].amount");
    }
    all_stated = all_stated && !tender.takes_rest;
    net = saturated_sum(net, tender.value_minor);
    net = saturated_difference(net, sale_.payments(static_cast<int>(i)).change_minor());
  }
  const auto rule = cash_rule();
  std::int64_t ruled = 0;
  if (rule && by_cash) {
    ruled = round_cash(in_coins, *rule) - in_coins;
    set_cash_rule(sale_, *rule);
  }
  if (request_.rounding && !request_.rounding->is_zero()) {
    const auto stated = to_minor(*request_.rounding, exponent_, "rounding");
    if (!stated) return stated.error();
    if (const auto done = check_stated_rounding(*stated); !done) return done.error();
    if (rule && *stated != ruled) add_flag(flag::rounding_differs);
    return *stated;
  }
  if (all_stated && carried_minor_ != 0 && saturated_sum(net, carried_minor_) == due_minor_) {
    return -carried_minor_;  // the screen paid the share; coins owed stay owed
  }
  if (ruled != 0 && all_stated && net == due_minor_) {
    add_flag(flag::cash_not_rounded);
    return std::int64_t{0};
  }
  return ruled;
}

Status SaleBuilder::pay() {
  std::int64_t paid = 0;
  const std::size_t count = request_.payments ? request_.payments->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto tender = add_payment((*request_.payments)[i], i, paid);
    if (!tender) return tender.error();
    if (!add_checked(paid, tender->value_minor)) {
      return overflow_error("payments[" + std::to_string(i) + "].amount");
    }
    tenders_.push_back(*tender);
  }
  const auto rounding = choose_rounding();
  if (!rounding) return rounding.error();
  std::int64_t total = due_minor_;
  if (!add_checked(total, *rounding)) return overflow_error("rounding");
  sale_.set_total_minor(total);
  if (*rounding != 0) add_flag(flag::cash_rounding);

  if (!request_.payments) {
    if (total == 0) return {};
    v1::Payment& payment = *sale_.add_payments();
    payment.set_method(std::string(cash));
    payment.set_currency(sale_.currency());
    payment.set_exponent(exponent_);
    payment.set_amount_minor(total);
    return {};
  }
  take_rest();
  return settle_change();
}

// Whoever pays what is left pays it of the rounded sum: in coins if any payment is, else as it
// comes.
void SaleBuilder::take_rest() {
  const auto takes = [&](const Tender& tender) { return tender.takes_rest && tender.is_rounded; };
  auto rest = std::find_if(tenders_.begin(), tenders_.end(), takes);
  if (rest == tenders_.end()) {
    rest = std::find_if(tenders_.begin(), tenders_.end(),
                        [](const Tender& tender) { return tender.takes_rest; });
  }
  if (rest == tenders_.end()) return;
  std::int64_t left = sale_.total_minor();
  for (auto other = tenders_.begin(); other != tenders_.end(); ++other) {
    if (other != rest) left = saturated_difference(left, other->value_minor);
  }
  if (sale_.total_minor() >= 0) left = std::max<std::int64_t>(left, 0);
  rest->value_minor = left;
  sale_.mutable_payments(static_cast<int>(rest - tenders_.begin()))->set_amount_minor(left);
}

Status SaleBuilder::settle_change() {
  const std::int64_t total = sale_.total_minor();
  std::int64_t paid = 0;
  std::int64_t change = 0;
  std::int64_t beside_cash = 0;
  std::int64_t in_cash = 0;
  bool change_stated = false;
  for (std::size_t i = 0; i < tenders_.size(); ++i) {
    const std::int64_t given_back = sale_.payments(static_cast<int>(i)).change_minor();
    std::int64_t& kind = tenders_[i].in_cash ? in_cash : beside_cash;
    if (!add_checked(paid, tenders_[i].value_minor) || !subtract_checked(paid, given_back) ||
        !add_checked(kind, tenders_[i].value_minor) || !add_checked(change, given_back)) {
      return overflow_error("payments[" + std::to_string(i) + "].amount");
    }
    change_stated |= tenders_[i].change_stated;
  }
  if (paid < total) {
    return make_error(ErrorCode::invalid,
                      "The payments" + std::string(change_stated ? " less the change" : "") +
                          " come to " + to_text(paid, exponent_) + " " + sale_.currency() +
                          ", but the total is " + to_text(total, exponent_) + ".",
                      "payments");
  }
  // Cash that was not needed; more change than that came out of something else.
  const std::int64_t needed = std::max<std::int64_t>(saturated_difference(total, beside_cash), 0);
  if (change > std::max<std::int64_t>(saturated_difference(in_cash, needed), 0)) {
    add_flag(flag::change_exceeds_cash);
  }
  if (paid == total) return {};
  std::int64_t over = paid;
  if (!subtract_checked(over, total)) return overflow_error("payments");
  if (!change_stated && total >= 0) {
    // Change comes out of the drawer: the last coins and notes given bear it, as far as they go.
    for (std::size_t i = tenders_.size(); i-- > 0 && over > 0;) {
      if (!tenders_[i].in_cash || tenders_[i].value_minor <= 0) continue;
      const std::int64_t part = std::min(over, tenders_[i].value_minor);
      sale_.mutable_payments(static_cast<int>(i))->set_change_minor(part);
      over -= part;
    }
  }
  if (over > 0) add_flag(flag::overpaid);
  return {};
}

}  // namespace titan::pos
