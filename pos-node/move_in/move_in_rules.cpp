#include "pos-node/move_in/move_in_rules.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <limits>

#include "pos-node/domain/sale_builder.h"
#include "retail/currency.h"
#include "retail/shares.h"
#include "retail/tax_sums.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

Hash claim_of(std::string_view what, std::initializer_list<std::string_view> parts,
              std::uint32_t generation) {
  Bytes settled(what);
  for (const std::string_view part : parts) {
    settled += '\0';
    settled += part;
  }
  if (generation > 0) {
    settled += '\0';
    settled += std::to_string(generation);
  }
  return blake2b(settled);
}

Error not_adding_up(const std::string& what, std::int64_t sum, const std::string& stated,
                    std::int64_t total, std::uint32_t exponent, const std::string& field) {
  return make_error(ErrorCode::invalid,
                    what + " add up to " + to_text(sum, exponent) + ", " + stated + " says " +
                        to_text(total, exponent) + ".",
                    field);
}

// In minor units. The smallest number there is has no amount of the other sign, which a refund of
// it would be.
Result<std::int64_t> minor_amount(const Decimal& amount, std::uint32_t exponent,
                                  const std::string& field) {
  const auto minor = to_minor(amount, exponent, field);
  if (minor && *minor == std::numeric_limits<std::int64_t>::min()) return overflow_error(field);
  return minor;
}

// What tax the line's total has in it, rounded; the sale's own figure is shared out afterwards.
std::int64_t usual_tax(const FormerLine& line, std::int64_t total_minor) {
  constexpr std::int64_t whole = 100'000'000;  // micropercent
  return proportion_rounded(total_minor, line.tax_rate_micropercent,
                            whole + line.tax_rate_micropercent)
      .value_or(0);
}

// What of a line is no figure of the former system's: whether its tax was in the price or came on
// top of it, and what its total differs from price times quantity.
Status set_difference(v1::Line& out, std::int64_t priced_minor, const std::string& field) {
  std::int64_t difference = priced_minor;
  if (!subtract_checked(difference, out.total_minor())) return overflow_error(field);
  out.set_tax_included(true);
  if (difference == 0) return {};
  if (difference == saturated_difference(0, out.tax_minor())) {
    out.set_tax_included(false);
    return {};
  }
  v1::Discount& discount = *out.add_discounts();
  discount.set_amount_minor(difference);
  discount.set_reason("as the former system had it");
  return {};
}

Status fill_line(const FormerLine& line, std::uint32_t exponent, const std::string& field,
                 v1::Line& out) {
  if (const auto checked = check_quantity(line.quantity, field + "quantity"); !checked) {
    return checked;
  }
  const auto total = minor_amount(line.total, exponent, field + "total");
  if (!total) return total.error();
  out.set_sku(line.sku);
  out.set_description(line.description);
  out.mutable_quantity()->set_value(line.quantity.value);
  out.mutable_quantity()->set_scale(line.quantity.scale);
  set_price(*out.mutable_list_unit_price(), line.unit_price);
  set_price(*out.mutable_charged_unit_price(), line.unit_price);
  out.set_total_minor(*total);
  out.set_paid_minor(*total);
  out.set_tax_rate_basis_points((line.tax_rate_micropercent + micropercent_per_basis_point / 2) /
                                micropercent_per_basis_point);
  if (line.tax_rate_micropercent % micropercent_per_basis_point != 0) {
    out.add_taxes()->set_rate_micropercent(line.tax_rate_micropercent);
  }
  return {};
}

// The sale's tax, shared out so that the lines' taxes add up to it: each line's usual tax, and what
// is over or short in proportion to the totals of the lines that are taxed.
void share_tax(const FormerSale& sale, std::int64_t tax_minor, v1::Sale& out) {
  std::vector<std::int64_t> taxes;
  std::vector<std::int64_t> weights;
  std::int64_t open = tax_minor;
  bool any_taxed = false;
  for (std::size_t i = 0; i < sale.lines.size(); ++i) {
    taxes.push_back(usual_tax(sale.lines[i], out.lines(static_cast<int>(i)).total_minor()));
    open = saturated_difference(open, taxes.back());
    any_taxed = any_taxed || sale.lines[i].tax_rate_micropercent > 0;
  }
  for (std::size_t i = 0; i < sale.lines.size(); ++i) {
    const bool bears = !any_taxed || sale.lines[i].tax_rate_micropercent > 0;
    const std::int64_t total = out.lines(static_cast<int>(i)).total_minor();
    weights.push_back(bears ? std::abs(total) : 0);
  }
  if (open != 0) {
    const auto shares = share_out(open, weights);
    for (std::size_t i = 0; i < taxes.size(); ++i) taxes[i] = saturated_sum(taxes[i], shares[i]);
  }
  for (std::size_t i = 0; i < taxes.size(); ++i) {
    v1::Line& line = *out.mutable_lines(static_cast<int>(i));
    line.set_tax_minor(taxes[i]);
    if (line.taxes_size() > 0) line.mutable_taxes(0)->set_tax_minor(taxes[i]);
  }
}

Status fill_lines(const FormerSale& sale, std::uint32_t exponent, std::int64_t total_minor,
                  std::int64_t tax_minor, const std::string& field, v1::Sale& out) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < sale.lines.size(); ++i) {
    const std::string place = field + "lines[" + std::to_string(i) + "].";
    v1::Line& line = *out.add_lines();
    if (const auto done = fill_line(sale.lines[i], exponent, place, line); !done) return done;
    if (!add_checked(sum, line.total_minor())) return overflow_error(place + "total");
  }
  if (sum != total_minor) {
    return not_adding_up("The lines", sum, "the sale", total_minor, exponent, field + "lines");
  }
  share_tax(sale, tax_minor, out);
  for (std::size_t i = 0; i < sale.lines.size(); ++i) {
    const auto priced =
        multiply_rounded(sale.lines[i].quantity, sale.lines[i].unit_price, exponent);
    const std::string place = field + "lines[" + std::to_string(i) + "].unit_price";
    if (!priced) return overflow_error(place);
    v1::Line& line = *out.mutable_lines(static_cast<int>(i));
    if (const auto done = set_difference(line, *priced, place); !done) return done;
  }
  return {};
}

Status fill_payments(const FormerSale& sale, std::uint32_t exponent, std::int64_t total_minor,
                     const std::string& field, v1::Sale& out) {
  std::int64_t paid = 0;
  for (std::size_t i = 0; i < sale.payments.size(); ++i) {
    const FormerPayment& payment = sale.payments[i];
    const std::string place = field + "payments[" + std::to_string(i) + "].";
    const auto amount = minor_amount(payment.amount, exponent, place + "amount");
    if (!amount) return amount.error();
    const auto change = minor_amount(payment.change, exponent, place + "change");
    if (!change) return change.error();
    v1::Payment& into = *out.add_payments();
    into.set_method(payment.method);
    into.set_currency(sale.currency);
    into.set_exponent(exponent);
    into.set_amount_minor(*amount);
    into.set_change_minor(*change);
    if (!add_checked(paid, *amount) || !subtract_checked(paid, *change)) {
      return overflow_error(place + "amount");
    }
  }
  // The former system took the payments of a voided sale away, or left them.
  const bool may_lack = sale.status != FormerStatus::completed && sale.payments.empty();
  if (paid != total_minor && !may_lack) {
    return not_adding_up("The payments, less the change,", paid, "the sale", total_minor, exponent,
                         field + "payments");
  }
  return {};
}

Status check_sale(const FormerSale& sale, const RuleContext& context, const std::string& field) {
  if (sale.terminal.empty() || sale.id.empty()) {
    return make_error(ErrorCode::invalid,
                      "A past sale needs the terminal it was made at and its id there.",
                      field + (sale.id.empty() ? "id" : "terminal"));
  }
  if (sale.currency != context.facts.currency) {
    return make_error(ErrorCode::invalid,
                      "The sale is in " + sale.currency + ", this store's currency is " +
                          context.facts.currency + ".",
                      field + "currency");
  }
  constexpr std::int64_t day_ms = 24 * 60 * 60 * 1000;
  if (sale.sold.utc_ms > context.clock.time.utc_ms + day_ms) {
    return make_error(ErrorCode::invalid, "The sale was made in the future.", field + "time");
  }
  if (sale.lines.empty()) {
    return make_error(ErrorCode::invalid, "A sale needs at least one line.", field + "lines");
  }
  return {};
}

}  // namespace

Hash history_claim(std::string_view terminal, std::string_view id, std::uint32_t generation) {
  return claim_of("v01-sale", {terminal, id}, generation);
}

Hash opening_stock_claim(std::string_view sku, std::uint32_t generation) {
  return claim_of("opening-stock", {sku}, generation);
}

Hash withdrawal_claim(const MoveInId& move_in) {
  return claim_of("withdrawn", {move_in.view()}, 0);
}

Hash withdrawal_claim(const MoveInId& move_in, const Hash& opening_claim) {
  return claim_of("withdrawn", {move_in.view(), opening_claim.view()}, 0);
}

MoveInId move_in_id(const Hash& file, std::uint32_t generation) {
  const Hash hash = claim_of("v01-move-in", {file.view()}, generation);
  return MoveInId::from_bytes(hash.view().substr(0, MoveInId::size)).value_or(MoveInId{});
}

Result<Ruling> make_history(const FormerSale& sale, const MoveInId& move_in,
                            std::uint32_t generation, const StoreCalendar::Day& day,
                            const RuleContext& context, const std::string& field) {
  if (const auto checked = check_sale(sale, context, field); !checked) return checked.error();
  const std::uint32_t exponent = currency_exponent(sale.currency);
  const auto total = minor_amount(sale.total, exponent, field + "total");
  if (!total) return total.error();
  const auto tax = minor_amount(sale.tax, exponent, field + "tax");
  if (!tax) return tax.error();
  if (std::abs(*tax) > std::abs(*total)) {
    return make_error(ErrorCode::invalid, "The tax is more than the total.", field + "tax");
  }

  v1::History body;
  v1::Sale& out = *body.mutable_sale();
  out.set_currency(sale.currency);
  out.set_exponent(exponent);
  out.set_total_minor(*total);
  out.set_tax_minor(*tax);
  out.set_cashier(sale.cashier);
  if (const auto done = fill_lines(sale, exponent, *total, *tax, field, out); !done) {
    return done.error();
  }
  if (const auto done = fill_payments(sale, exponent, *total, field, out); !done) {
    return done.error();
  }
  if (sale.status == FormerStatus::refunded) out.add_flags(std::string(flag::refunded_before));
  body.set_origin(sale.terminal);
  body.set_id(sale.id);
  body.set_receipt(sale.receipt);
  body.set_utc_ms(sale.sold.utc_ms);
  body.set_utc_offset_minutes(day.utc_offset_minutes);
  body.set_was_sent(sale.was_sent);
  // What came back as a whole counts for as little as what was voided.
  body.set_was_voided(sale.status != FormerStatus::completed);
  body.set_move_in(std::string(move_in.view()));

  Ruling ruling;
  ruling.draft = start_draft(mesh::Kind::history, RequestKey{}, day.business_date, context);
  ruling.draft.claim = history_claim(sale.terminal, sale.id, generation);
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

Result<Ruling> make_opening_stock(const OpeningStock& stock, const MoveInId& move_in,
                                  std::uint32_t generation, const RuleContext& context,
                                  const std::string& field) {
  const auto known = context.catalogue.product(stock.sku);
  if (!known) return known.error();
  const auto units = rescale_exactly(stock.quantity, decimal_scale_max);
  constexpr std::int64_t units_max = quantity_pieces_max * crdt::stock_units_per_piece;
  if (!units || *units > units_max || *units < -units_max) {
    return make_error(ErrorCode::invalid,
                      "The stock " + to_text(stock.quantity) + " is more than " +
                          std::to_string(quantity_pieces_max) + " either way; check it.",
                      field + "quantity");
  }
  v1::StockMovement body;
  v1::StockLine& line = *body.add_lines();
  line.set_sku(stock.sku);
  line.mutable_quantity()->set_value(stock.quantity.value);
  line.mutable_quantity()->set_scale(stock.quantity.scale);
  if (*known) {
    line.set_description((*known)->description());
    line.mutable_quantity()->set_unit((*known)->unit());
  }
  body.set_reason("moved in");
  body.set_document(move_in.hex());

  Ruling ruling;
  ruling.draft = start_draft(mesh::Kind::opening_stock, RequestKey{}, std::nullopt, context);
  ruling.draft.claim = opening_stock_claim(stock.sku, generation);
  const auto amount = static_cast<std::uint64_t>(std::abs(*units));
  ruling.draft.stock_effects.push_back(
      {stock.sku, *units > 0 ? amount : 0, *units < 0 ? amount : 0});
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

Result<Ruling> make_withdrawal(const MoveInId& move_in, const Hash& claim,
                               const std::string& reason, std::vector<crdt::StockEffect> effects,
                               const RuleContext& context) {
  v1::HistoryWithdrawn body;
  body.set_move_in(std::string(move_in.view()));
  body.set_reason(reason);
  Ruling ruling;
  ruling.draft = start_draft(mesh::Kind::history_withdrawn, RequestKey{}, std::nullopt, context);
  ruling.draft.claim = claim;
  ruling.draft.stock_effects = std::move(effects);
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

std::optional<WallTime> parse_utc_time(std::string_view text) {
  // Fixed places: yyyy-mm-dd, T or a blank, hh:mm:ss, then a fraction and a Z if they are there.
  constexpr std::size_t shortest = 19;
  if (text.size() < shortest) return std::nullopt;
  bool good = text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == ' ') &&
              text[13] == ':' && text[16] == ':';
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    const char* end = text.data() + at + digits;
    const auto [stopped, error] = std::from_chars(text.data() + at, end, value);
    good = good && error == std::errc{} && stopped == end && value >= 0;
    return value;
  };
  using namespace std::chrono;
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  std::string_view rest = text.substr(shortest);
  std::int64_t fraction_ms = 0;
  if (rest.starts_with('.')) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size()) - 1;
    if (digits == 0 || digits > 9) return std::nullopt;
    for (std::size_t i = 0; i < 3; ++i) {
      fraction_ms = fraction_ms * 10 + (i < digits ? rest[1 + i] - '0' : 0);
    }
    rest.remove_prefix(1 + digits);
  }
  if (!good || !date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  if (!rest.empty() && rest != "Z" && rest != "+00:00") return std::nullopt;
  if (date.year() < year(1990) || date.year() > year(2099)) return std::nullopt;
  const auto since = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) +
                     std::chrono::seconds(second);
  return WallTime{duration_cast<std::chrono::milliseconds>(since).count() + fraction_ms};
}

}  // namespace titan::pos
