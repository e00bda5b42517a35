// The end of a sale: discounts on the whole, cash rounding, payments and change.
#include "pos-node/domain/sale_builder.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

Status SaleBuilder::add_sale_discounts() {
  for (std::size_t i = 0; i < request_.discounts.size(); ++i) {
    const std::string field = "discounts[" + std::to_string(i) + "].amount";
    const auto amount = to_minor(request_.discounts[i].amount, exponent_, field);
    if (!amount) return amount.error();
    std::int64_t total = sale_.total_minor();
    if (!subtract_checked(total, *amount)) return overflow_error(field);
    sale_.set_total_minor(total);
    v1::Discount& recorded = *sale_.add_discounts();
    recorded.set_amount_minor(*amount);
    recorded.set_reason(request_.discounts[i].reason);
    recorded.set_promotion_id(request_.discounts[i].promotion_id);
  }
  return {};
}

Status SaleBuilder::add_rounding() {
  if (!request_.rounding || request_.rounding->is_zero()) return {};
  const auto rounding = to_minor(*request_.rounding, exponent_, "rounding");
  if (!rounding) return rounding.error();
  // The coarsest cash rounding in use is to half a unit; ten units where there is no minor unit.
  const std::int64_t rounding_max =
      exponent_ == 0 ? 10 : rescale_exactly({1, 0}, exponent_).value();
  if (*rounding >= rounding_max || *rounding <= -rounding_max) {
    return make_error(ErrorCode::invalid,
                      "A cash rounding of " + to_text(*rounding, exponent_) +
                          " is too much; send a larger difference as a discount.",
                      "rounding");
  }
  std::int64_t total = sale_.total_minor();
  if (!add_checked(total, *rounding)) return overflow_error("rounding");
  sale_.set_total_minor(total);
  sale_.set_rounding_minor(*rounding);
  add_flag(flag::cash_rounding);
  return {};
}

Status SaleBuilder::check_stated_total() {
  if (!request_.total) return {};
  const auto stated = to_minor(*request_.total, exponent_, "total");
  if (!stated) return stated.error();
  if (*stated == sale_.total_minor()) return {};
  return make_error(ErrorCode::invalid,
                    "The total is stated as " + to_text(*stated, exponent_) +
                        ", but the lines, "
                        "discounts, taxes and rounding add up to " +
                        to_text(sale_.total_minor(), exponent_) + ".",
                    "total");
}

Result<std::int64_t> SaleBuilder::payment_amount(const PaymentRequest& request,
                                                 const v1::Payment& out, std::int64_t paid_minor,
                                                 const std::string& field) {
  if (request.amount) return to_minor(*request.amount, out.exponent(), field);
  if (out.currency() != sale_.currency()) {
    return make_error(ErrorCode::invalid, "A payment in another currency needs its amount.", field);
  }
  std::int64_t left = sale_.total_minor();
  if (!subtract_checked(left, paid_minor)) return overflow_error(field);
  return left;
}

Result<std::int64_t> SaleBuilder::add_payment(const PaymentRequest& request, std::size_t index,
                                              std::int64_t paid_minor) {
  const std::string place = "payments[" + std::to_string(index) + "].";
  v1::Payment& out = *sale_.add_payments();
  const std::string& currency = request.currency.value_or(sale_.currency());
  if (!is_currency_code(currency)) {
    return make_error(ErrorCode::invalid,
                      "\"" + currency + "\" is not a currency code such as EUR or GBP.",
                      place + "currency");
  }
  const std::uint32_t exponent = pos::currency_exponent(currency);
  out.set_method(request.method);
  out.set_currency(currency);
  out.set_exponent(exponent);
  const auto amount = payment_amount(request, out, paid_minor, place + "amount");
  if (!amount) return amount.error();
  out.set_amount_minor(*amount);
  if (*amount < 0) add_flag(flag::negative_payment);

  out.set_reference(mask_card_numbers(request.reference));
  if (out.reference() != request.reference) add_flag(flag::reference_masked);

  if (request.change) {
    const auto change = to_minor(*request.change, exponent_, place + "change");
    if (!change) return change.error();
    out.set_change_minor(*change);
  }
  if (currency == sale_.currency()) {
    if (request.rate &&
        *rescale_rounded(request.rate->value, request.rate->scale, 6) != 1'000'000) {
      return make_error(ErrorCode::invalid,
                        "The payment is in the sale's own currency; its rate can only be 1.",
                        place + "rate");
    }
    return *amount;
  }
  if (!request.rate || request.rate->value <= 0) {
    return make_error(ErrorCode::invalid,
                      "A payment in " + currency + " for a sale in " + sale_.currency() +
                          " needs a rate above zero (" + sale_.currency() + " for one " + currency +
                          ").",
                      place + "rate");
  }
  set_price(*out.mutable_rate(), *request.rate);
  add_flag(flag::foreign_currency);
  const auto converted = multiply_rounded({*amount, exponent}, *request.rate, exponent_);
  if (!converted) return overflow_error(place + "amount");
  return *converted;
}

Status SaleBuilder::add_payments() {
  if (!request_.payments) {
    if (sale_.total_minor() == 0) return {};
    v1::Payment& cash = *sale_.add_payments();
    cash.set_method("cash");
    cash.set_currency(sale_.currency());
    cash.set_exponent(exponent_);
    cash.set_amount_minor(sale_.total_minor());
    return {};
  }
  std::int64_t paid = 0;
  bool change_stated = false;
  for (std::size_t i = 0; i < request_.payments->size(); ++i) {
    const PaymentRequest& payment = (*request_.payments)[i];
    const auto amount = add_payment(payment, i, paid);
    if (!amount) return amount.error();
    change_stated |= payment.change.has_value();
    if (!add_checked(paid, *amount) ||
        !subtract_checked(paid, sale_.payments(static_cast<int>(i)).change_minor())) {
      return overflow_error("payments[" + std::to_string(i) + "].amount");
    }
  }
  return settle_change(paid, change_stated);
}

Status SaleBuilder::settle_change(std::int64_t paid_minor, bool change_stated) {
  const std::int64_t total = sale_.total_minor();
  if (paid_minor < total) {
    return make_error(ErrorCode::invalid,
                      "The payments" + std::string(change_stated ? " less the change" : "") +
                          " come to " + to_text(paid_minor, exponent_) + " " + sale_.currency() +
                          ", but the total is " + to_text(total, exponent_) + ".",
                      "payments");
  }
  if (paid_minor == total) return {};
  std::int64_t over = paid_minor;
  if (!subtract_checked(over, total)) return overflow_error("payments");
  if (!change_stated && total >= 0) {
    // Change comes out of the drawer: the last cash payment bears it.
    for (int i = sale_.payments_size(); i-- > 0;) {
      if (sale_.payments(i).method() != "cash") continue;
      sale_.mutable_payments(i)->set_change_minor(over);
      return {};
    }
  }
  add_flag(flag::overpaid);
  return {};
}

}  // namespace titan::pos
