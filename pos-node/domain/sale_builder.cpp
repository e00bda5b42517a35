#include "pos-node/domain/sale_builder.h"

#include <algorithm>

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

std::int64_t stock_units(const v1::Quantity& quantity) {
  return rescale_rounded(quantity.value(), quantity.scale(), 6).value_or(0);
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
  draft.business_date = business_date.value_or(context.clock.local_date);
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
  exponent_ = pos::currency_exponent(currency);
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

void SaleBuilder::set_tax_terms(const LineRequest& line, const v1::Line* original,
                                const Product* product, v1::Line& out) {
  if (original) {
    out.set_tax_code(original->tax_code());
    out.set_tax_rate_basis_points(original->tax_rate_basis_points());
    out.set_tax_included(original->tax_included());
  } else if (product) {
    out.set_tax_code(product->tax_code());
    out.set_tax_rate_basis_points(product->tax_rate_basis_points());
    out.set_tax_included(product->tax_included());
  } else {
    out.set_tax_included(true);
  }
  if (line.tax_code) out.set_tax_code(*line.tax_code);
  if (line.tax_rate_basis_points) out.set_tax_rate_basis_points(*line.tax_rate_basis_points);
  if (line.tax_included) out.set_tax_included(*line.tax_included);
}

Result<std::int64_t> SaleBuilder::set_discounts(const LineRequest& line, const v1::Line* original,
                                                v1::Line& out) {
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
  // Part of a discounted line comes back at its share of the discount, unless the till says else.
  if (original && line.discounts.empty() && !line.charged_unit_price &&
      original->quantity().value() != 0) {
    for (const v1::Discount& discount : original->discounts()) {
      const std::int64_t sold = stock_units(original->quantity());
      const std::int64_t back = stock_units(out.quantity());
      const auto share =
          proportion_rounded(discount.amount_minor(), sold < 0 ? -back : back, std::abs(sold));
      if (!share || !add_checked(sum, *share)) return overflow_error(line_field("discounts"));
      v1::Discount& recorded = *out.add_discounts();
      recorded = discount;
      recorded.set_amount_minor(*share);
    }
  }
  return sum;
}

Status SaleBuilder::set_sums(const LineRequest& line, const Prices& prices,
                             std::int64_t discounts_minor, v1::Line& out) {
  const auto sums =
      line_sums(prices.charged, line.quantity, discounts_minor, out.tax_rate_basis_points(),
                out.tax_included(), exponent_, line_field("charged_unit_price"));
  if (!sums) return sums.error();
  LineSums agreed = *sums;
  if (line.tax) {
    const auto stated = to_minor(*line.tax, exponent_, line_field("tax"));
    if (!stated) return stated.error();
    const SignedWide difference = static_cast<SignedWide>(*stated) - agreed.tax_minor;
    const std::int64_t allowed = tax_difference_max(line.quantity);
    if (difference > allowed || difference < -allowed) {
      return make_error(ErrorCode::invalid,
                        "The tax of the line is stated as " + to_text(*stated, exponent_) +
                            ", but " + to_text(agreed.tax_minor, exponent_) +
                            " follows from its price, quantity, discounts and rate.",
                        line_field("tax"));
    }
    // Added tax is part of what the customer pays, so the stated figure moves the total too.
    if (!out.tax_included() && (!subtract_checked(agreed.total_minor, agreed.tax_minor) ||
                                !add_checked(agreed.total_minor, *stated))) {
      return overflow_error(line_field("tax"));
    }
    agreed.tax_minor = *stated;
  }
  out.set_total_minor(agreed.total_minor);
  out.set_tax_minor(agreed.tax_minor);

  std::int64_t total = sale_.total_minor();
  std::int64_t tax = sale_.tax_minor();
  if (!add_checked(total, agreed.total_minor) || !add_checked(tax, agreed.tax_minor)) {
    return overflow_error(line_field("charged_unit_price"));
  }
  sale_.set_total_minor(total);
  sale_.set_tax_minor(tax);
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

Status SaleBuilder::add_line(const LineRequest& requested, const v1::Line* original) {
  v1::Line& out = *sale_.add_lines();
  const auto read = resolve_product(requested, original, out);
  if (!read) return read.error();
  const LineRequest& line = read->line;
  const Product* known = read->article.product.get();

  if (line.description) {
    out.set_description(*line.description);
  } else if (original) {
    out.set_description(original->description());
  } else if (known) {
    out.set_description(known->description());
  }
  if (line.price_version) {
    out.set_price_version(*line.price_version);
  } else if (original) {
    out.set_price_version(original->price_version());
  } else if (known) {
    out.set_price_version(known->price_version());
  }
  if (const auto done = set_quantity(line, known, out); !done) return done;
  const auto prices = resolve_prices(line, original, known);
  if (!prices) return prices.error();
  set_price(*out.mutable_list_unit_price(), prices->list);
  set_price(*out.mutable_charged_unit_price(), prices->charged);
  if (prices->charged.is_zero()) out.add_flags(std::string(flag::zero_price));
  if (prices->charged.is_negative()) out.add_flags(std::string(flag::negative_price));

  set_tax_terms(line, original, known, out);
  const auto discounts = set_discounts(line, original, out);
  if (!discounts) return discounts.error();
  if (const auto done = set_sums(line, *prices, *discounts, out); !done) return done;
  if (const auto done = add_effect(out); !done) return done;
  ++line_index_;
  return {};
}

Status SaleBuilder::finish() {
  if (const auto done = add_sale_discounts(); !done) return done;
  if (const auto done = add_rounding(); !done) return done;
  if (const auto done = check_stated_total(); !done) return done;
  if (sale_.total_minor() < 0) add_flag(flag::negative_total);
  return add_payments();
}

std::vector<crdt::StockEffect> SaleBuilder::take_effects() {
  std::vector<crdt::StockEffect> effects;
  effects.reserve(effects_.size());
  for (const auto& [product, sum] : effects_) effects.push_back({product, sum.added, sum.removed});
  return effects;
}

}  // namespace titan::pos
