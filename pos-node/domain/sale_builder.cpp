#include "pos-node/domain/sale_builder.h"

#include <algorithm>

#include "pos-node/domain/article.h"
#include "pos-node/domain/label_line.h"
#include "pos-node/domain/line_taxes.h"
#include "retail/currency.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

Decimal to_decimal(const v1::Price& price) {
  return {price.amount(), price.exponent()};
}
Decimal to_decimal(const v1::Quantity& quantity) {
  return {quantity.value(), quantity.scale()};
}

void set_price(v1::Price& out, const Decimal& price) {
  out.set_amount(price.value);
  out.set_exponent(price.scale);
}

Status check_quantity(const Decimal& quantity, const std::string& field) {
  if (quantity.is_zero()) {
    return make_error(ErrorCode::invalid, "The quantity is missing or zero; leave such a line out.",
                      field);
  }
  constexpr std::int64_t units_max = quantity_pieces_max * crdt::stock_units_per_piece;
  const auto units = rescale_exactly(quantity, 6);
  if (!units || *units > units_max || *units < -units_max) {
    return make_error(ErrorCode::invalid,
                      "The quantity " + to_text(quantity) + " is more than " +
                          std::to_string(quantity_pieces_max) + "; check it.",
                      field);
  }
  return {};
}

mesh::EntryDraft start_draft(mesh::Kind kind, const RequestKey& key,
                             std::optional<std::uint32_t> business_date,
                             const RuleContext& context) {
  mesh::EntryDraft draft;
  draft.kind = kind;
  draft.time = context.clock.time;
  draft.utc_offset_minutes = context.clock.utc_offset_minutes;
  draft.business_date = context.clock.local_date;
  draft.stated_business_date = business_date.value_or(0);
  draft.clock_quality = context.clock.quality;
  draft.idempotency_key = key.idempotency_key;
  draft.request_hash = key.request_hash;
  return draft;
}

Status set_body(mesh::EntryDraft& draft, const google::protobuf::MessageLite& body) {
  constexpr std::size_t effect_bytes = 24;  // two counters and tags, beside the sku
  std::size_t bytes = body.ByteSizeLong() + envelope_bytes_reserve;
  for (const auto& effect : draft.stock_effects) bytes += effect.product.size() + effect_bytes;
  if (bytes > mesh::entry_bytes_max) {
    return make_error(ErrorCode::too_large,
                      "The request makes an entry of about " + std::to_string(bytes / 1024) +
                          " KiB; " + std::to_string(mesh::entry_bytes_max / 1024) +
                          " KiB are allowed. Divide it.",
                      "lines");
  }
  body.SerializeToString(&draft.body);
  return {};
}

SaleBuilder::SaleBuilder(const SaleRequest& request, const RuleContext& context,
                         Direction direction)
    : request_(request), context_(context), direction_(direction) {}

std::string SaleBuilder::line_field(std::string_view member) const {
  return "lines[" + std::to_string(line_index_) + "]." + std::string(member);
}

void SaleBuilder::add_flag(std::string_view flag) {
  const auto& flags = sale_.flags();
  if (std::find(flags.begin(), flags.end(), flag) == flags.end()) {
    sale_.add_flags(std::string(flag));
  }
}

void SaleBuilder::add_line_flag(std::size_t line, std::string_view flag) {
  sale_.mutable_lines(static_cast<int>(line))->add_flags(std::string(flag));
}

Status SaleBuilder::begin() {
  const std::string& currency = request_.currency.value_or(context_.facts.currency);
  if (!is_currency_code(currency)) {
    return make_error(ErrorCode::invalid,
                      "\"" + currency + "\" is not a currency code such as EUR or GBP.",
                      "currency");
  }
  exponent_ = currency_exponent(currency);
  if (!is_known_currency(currency)) add_flag(flag::unknown_currency);
  sale_.set_currency(currency);
  sale_.set_exponent(exponent_);
  sale_.set_cashier(request_.cashier);
  sale_.set_customer_token(request_.customer_token);
  sale_.set_training(request_.training);
  if (request_.training) add_flag(flag::training);
  sale_.mutable_lines()->Reserve(static_cast<int>(request_.lines.size()));
  return {};
}

Result<LineRead> SaleBuilder::resolve_product(const LineRequest& line, const v1::Line* original,
                                              v1::Line& out) {
  auto read = read_line(
      line, {context_, business_date(), sale_.currency(), exponent_, original, line_field("")});
  if (!read) return read.error();
  out.set_sku(read->article.sku);
  out.set_gtin_scanned(read->article.gtin);
  for (const std::string& flag : read->article.flags) out.add_flags(flag);
  record_scan(read->article, out);
  return read;
}

std::uint32_t SaleBuilder::business_date() const {
  return request_.business_date.value_or(context_.clock.local_date);
}

Result<SaleBuilder::Prices> SaleBuilder::resolve_prices(const LineRequest& line,
                                                        const v1::Line* original,
                                                        const Product* product) {
  std::optional<Decimal> list = line.list_unit_price;
  std::optional<Decimal> charged = line.charged_unit_price;
  if (original) {
    if (!list && original->has_list_unit_price()) list = to_decimal(original->list_unit_price());
    if (!charged) charged = to_decimal(original->charged_unit_price());
  }
  const bool has_price = product && product->has_price();
  const bool same_currency =
      has_price && (product->currency().empty() || product->currency() == sale_.currency());
  if (!list && same_currency) list = to_decimal(product->price());
  if (!charged) charged = list;
  if (charged) return Prices{list.value_or(*charged), *charged};

  const std::string field = line_field("charged_unit_price");
  const std::string name = line.sku.empty() ? line.gtin : line.sku;
  if (has_price) {
    return make_error(ErrorCode::invalid,
                      "\"" + name + "\" is priced in " + product->currency() + ", the sale is in " +
                          sale_.currency() + ": send charged_unit_price.",
                      field);
  }
  return make_error(ErrorCode::invalid,
                    product ? "\"" + name + "\" has no price: send charged_unit_price."
                            : "\"" + name +
                                  "\" is not in the product table and the line has no "
                                  "price: send charged_unit_price to sell it all the same.",
                    field);
}

Status SaleBuilder::set_quantity(const LineRequest& line, const Product* product, v1::Line& out) {
  if (const auto checked = check_quantity(line.quantity, line_field("quantity")); !checked) {
    return checked;
  }
  v1::Quantity& quantity = *out.mutable_quantity();
  quantity.set_value(line.quantity.value);
  quantity.set_scale(line.quantity.scale);
  if (line.unit) {
    quantity.set_unit(*line.unit);
  } else if (product) {
    quantity.set_unit(product->unit());
  }
  if (line.quantity.is_negative()) {
    out.add_flags(std::string(flag::negative_line));
    add_flag(flag::negative_line);
  }
  return {};
}

Result<std::int64_t> SaleBuilder::set_discounts(const LineRequest& line, v1::Line& out) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < line.discounts.size(); ++i) {
    const DiscountRequest& discount = line.discounts[i];
    const std::string field = "discounts[" + std::to_string(i) + "].amount";
    const auto amount = to_minor(discount.amount, exponent_, line_field(field));
    if (!amount) return amount.error();
    if (!add_checked(sum, *amount)) return overflow_error(line_field(field));
    v1::Discount& recorded = *out.add_discounts();
    recorded.set_amount_minor(*amount);
    recorded.set_reason(discount.reason);
    recorded.set_promotion_id(discount.promotion_id);
  }
  return sum;
}

Status SaleBuilder::set_priced(const LineRequest& line, const Prices& prices,
                               std::int64_t discounts_minor) {
  const std::string field = line_field("charged_unit_price");
  const auto gross = multiply_rounded(prices.charged, line.quantity, exponent_);
  if (!gross) return overflow_error(field);
  LineFigures& figures = figures_.back();
  figures.priced_minor = *gross;
  if (!subtract_checked(figures.priced_minor, discounts_minor) ||
      !add_checked(priced_minor_, figures.priced_minor)) {
    return overflow_error(field);
  }
  figures.quantity = line.quantity;
  if (line.tax) {
    const auto stated = to_minor(*line.tax, exponent_, line_field("tax"));
    if (!stated) return stated.error();
    figures.stated_tax_minor = *stated;
  }
  return {};
}

Status SaleBuilder::add_effect(const v1::Line& line) {
  if (sale_.training()) return {};
  const std::int64_t units = stock_units(line.quantity());
  auto at = effects_.find(line.sku());
  if (at == effects_.end()) at = effects_.emplace(line.sku(), crdt::StockSum{}).first;
  const bool leaves = (units > 0) == (direction_ == Direction::sale);
  std::uint64_t& sum = leaves ? at->second.removed : at->second.added;
  if (__builtin_add_overflow(sum, static_cast<std::uint64_t>(std::abs(units)), &sum)) {
    return overflow_error(line_field("quantity"));
  }
  return {};
}

void SaleBuilder::set_texts(const LineRequest& line, const v1::Line* original,
                            const Product* product, v1::Line& out) {
  if (line.description) {
    out.set_description(*line.description);
  } else if (original) {
    out.set_description(original->description());
  } else if (product) {
    out.set_description(product->description());
  }
  if (line.price_version) {
    out.set_price_version(*line.price_version);
  } else if (original) {
    out.set_price_version(original->price_version());
  } else if (product) {
    out.set_price_version(product->price_version());
  }
}

Status SaleBuilder::add_line(const LineRequest& requested, const v1::Line* original) {
  v1::Line& out = *sale_.add_lines();
  figures_.emplace_back();
  const auto read = resolve_product(requested, original, out);
  if (!read) return read.error();
  const LineRequest& line = read->line;
  const Product* known = read->article.product.get();
  set_texts(line, original, known, out);
  if (const auto done = set_quantity(line, known, out); !done) return done;
  const auto prices = resolve_prices(line, original, known);
  if (!prices) return prices.error();
  set_price(*out.mutable_list_unit_price(), prices->list);
  set_price(*out.mutable_charged_unit_price(), prices->charged);
  if (prices->charged.is_zero()) out.add_flags(std::string(flag::zero_price));
  if (prices->charged.is_negative()) out.add_flags(std::string(flag::negative_price));

  set_line_taxes(line, original, known, out);
  const auto discounts = set_discounts(line, out);
  if (!discounts) return discounts.error();
  if (const auto done = set_priced(line, *prices, *discounts); !done) return done;
  if (const auto done = add_effect(out); !done) return done;
  ++line_index_;
  return {};
}

Status SaleBuilder::add_returned_line(const LineRequest& line, const v1::Line& original,
                                      const LineMoney& share) {
  v1::Line& out = *sale_.add_lines();
  figures_.emplace_back().settled = true;
  // Whatever was scanned now, this is the article on the receipt.
  const auto product = context_.catalogue.product(original.sku());
  if (!product) return product.error();
  out.set_sku(original.sku());
  out.set_gtin_scanned(line.gtin.empty() ? original.gtin_scanned() : line.gtin);
  if (!*product) out.add_flags(std::string(flag::unknown_product));
  if (*product && (*product)->delisted()) out.add_flags(std::string(flag::delisted));
  set_texts(line, &original, product->get(), out);
  if (const auto done = set_quantity(line, nullptr, out); !done) return done;
  out.mutable_quantity()->set_unit(original.quantity().unit());
  *out.mutable_list_unit_price() = original.list_unit_price();
  *out.mutable_charged_unit_price() = original.charged_unit_price();
  set_line_taxes({}, &original, nullptr, out);

  std::int64_t tax = 0;
  for (std::size_t i = 0; i < share.taxes_minor.size(); ++i) {
    tax = saturated_sum(tax, share.taxes_minor[i]);
    if (i < static_cast<std::size_t>(out.taxes_size())) {
      out.mutable_taxes(static_cast<int>(i))->set_tax_minor(share.taxes_minor[i]);
    }
  }
  out.set_tax_minor(tax);
  out.set_total_minor(share.total_minor);
  out.set_sale_discount_minor(share.sale_discount_minor);
  out.set_paid_minor(share.paid_minor);
  figures_.back().priced_minor = share.paid_minor;
  figures_.back().quantity = line.quantity;
  if (!add_checked(priced_minor_, share.paid_minor)) return overflow_error(line_field("quantity"));
  if (const auto done = add_effect(out); !done) return done;
  ++line_index_;
  return {};
}

void SaleBuilder::continue_payout(std::int64_t carried_minor, std::optional<CashRule> rule) {
  carried_minor_ = carried_minor;
  original_rule_ = std::move(rule);
}

Status SaleBuilder::finish() {
  if (const auto done = share_discounts(); !done) return done;
  if (const auto done = take_taxes(); !done) return done;
  if (const auto done = add_totals(); !done) return done;
  if (const auto done = pay(); !done) return done;
  if (const auto done = check_stated_total(); !done) return done;
  share_rounding();
  if (sale_.total_minor() < 0) add_flag(flag::negative_total);
  return {};
}

std::vector<crdt::StockEffect> SaleBuilder::take_effects() {
  std::vector<crdt::StockEffect> effects;
  effects.reserve(effects_.size());
  for (const auto& [product, sum] : effects_) effects.push_back({product, sum.added, sum.removed});
  return effects;
}

}  // namespace titan::pos
