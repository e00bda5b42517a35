#include "pos-node/domain/label_line.h"

#include <cstdlib>

#include "pos-node/domain/sale_builder.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/units.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

constexpr std::uint32_t weight_decimals = 3;
constexpr std::uint32_t price_decimals = decimal_scale_max;

bool is_whole(const Decimal& quantity) {
  return rescale_exactly(quantity, 0).has_value();
}

bool same_amount(const Decimal& first, const Decimal& second) {
  const auto one = rescale_exactly(first, decimal_scale_max);
  return one && one == rescale_exactly(second, decimal_scale_max);
}

// first / second at `scale`, rounded half away from zero; nothing on overflow.
std::optional<Decimal> divided(const Decimal& first, const Decimal& second, std::uint32_t scale) {
  SignedWide numerator = first.value;
  SignedWide denominator = second.value;
  if (denominator == 0) return std::nullopt;
  const auto grow = [](SignedWide& value, std::uint32_t digits) {
    for (; digits > 0; --digits) {
      if (__builtin_mul_overflow(value, static_cast<SignedWide>(10), &value)) return false;
    }
    return true;
  };
  if (!grow(numerator, scale + second.scale) || !grow(denominator, first.scale)) {
    return std::nullopt;
  }
  if (denominator < 0) {
    numerator = -numerator;
    denominator = -denominator;
  }
  const SignedWide half = denominator / 2;
  const SignedWide quotient = (numerator + (numerator < 0 ? -half : half)) / denominator;
  constexpr SignedWide value_max = 999'999'999'999'999'999;
  if (quotient > value_max || quotient < -value_max) return std::nullopt;
  return Decimal{static_cast<std::int64_t>(quotient), scale};
}

std::string name_of(const Article& article) {
  return "\"" + article.sku + "\"";
}

// What one scan of the symbol is, in the article's unit; zero if it says nothing of that.
Result<QuantityRead> quantity_of_symbol(const std::optional<std::string>& article_unit,
                                        const Article& article) {
  const Scan& scan = article.scan;
  QuantityRead read;
  read.unit = article_unit;
  if (scan.measure && scan.pieces && same_unit(article_unit.value_or(""), "")) {
    read.quantity = *scan.pieces;
  } else if (scan.measure) {
    if (!read.unit) read.unit = scan.measure->unit;
    const auto quantity = convert_quantity(scan.measure->quantity, scan.measure->unit, *read.unit);
    if (!quantity) return quantity.error();
    read.quantity = *quantity;
  } else if (scan.pieces) {
    if (!read.unit) read.unit = "";
    const auto quantity = convert_quantity(*scan.pieces, "", *read.unit);
    if (!quantity) return quantity.error();
    read.quantity = *quantity;
  }
  read.from_symbol = !read.quantity.is_zero();
  return read;
}

Result<QuantityRead> in_article_unit(const Decimal& stated, const std::string& unit,
                                     const std::optional<std::string>& article_unit,
                                     Article& article, const std::string& place) {
  if (!article_unit || unit == *article_unit) return QuantityRead{stated, unit, false};
  const auto quantity = convert_quantity(stated, unit, *article_unit);
  if (!quantity) {
    return make_error(ErrorCode::invalid,
                      quantity.error().message + ". " + name_of(article) + " is sold in " +
                          unit_name(*article_unit) + ": send the quantity in that unit.",
                      place + "unit");
  }
  if (!same_unit(unit, *article_unit)) article.add_flag(flag::unit_converted);
  return QuantityRead{*quantity, *article_unit, false};
}

// How many symbols the request stands for.
Decimal packs_of(const Decimal& stated) {
  return stated.is_zero() ? Decimal{1, 0} : stated;
}

std::string article_unit_of(const LineContext& context, const Article& article) {
  return context.original ? context.original->quantity().unit() : article.product->unit();
}

// The price that one unit of the article has without the label; nothing if it is sold by the piece.
std::optional<Decimal> price_per_measure(const LineContext& context, const Article& article,
                                         const std::optional<std::string>& unit) {
  if (!is_measure_unit(unit.value_or(""))) return std::nullopt;
  std::optional<Decimal> price;
  if (context.original) {
    price = to_decimal(context.original->charged_unit_price());
  } else if (article.product && article.product->has_price()) {
    const std::string& currency = article.product->currency();
    if (currency.empty() || currency == context.currency) {
      price = to_decimal(article.product->price());
    }
  }
  if (!price || price->value <= 0) return std::nullopt;
  return price;
}

bool is_price_of_sale(const Scan& scan, const LineContext& context) {
  const std::string& named = scan.price->currency;
  return (named.empty() ? context.rules.facts.currency : named) == context.currency;
}

// The request leaves quantity and price to the symbol, but for how often it was scanned.
bool counts_packs(const LineRequest& stated) {
  return !stated.charged_unit_price && !stated.unit && is_whole(stated.quantity);
}

// A misread label must not become one kilogram at the price of one.
Status check_value(const LineRequest& stated, const Article& article, const std::string& place) {
  if (!counts_packs(stated)) return {};
  for (const ScanComplaint& complaint : article.scan.complaints) {
    if (complaint.fault != ScanFault::value_check_digit) continue;
    return make_error(
        ErrorCode::invalid,
        complaint.message + " (By hand: quantity and unit, or quantity and charged_unit_price.)",
        place + "gtin");
  }
  return {};
}

Error cannot_share(const std::string& place) {
  return make_error(ErrorCode::invalid,
                    "The price on the label cannot be shared out to its quantity: send "
                    "charged_unit_price.",
                    place + "charged_unit_price");
}

// What `total` buys at `unit_price`, in so few decimals that it is not nothing.
std::optional<Decimal> bought_for(const Decimal& total, const Decimal& unit_price) {
  for (const std::uint32_t decimals : {weight_decimals, decimal_scale_max}) {
    const auto quantity = divided(total, unit_price, decimals);
    if (!quantity || !quantity->is_zero()) return quantity;
  }
  return std::nullopt;
}

// The quantity was rounded when the pack was sold and is again now: what is but that apart, or
// comes to the very same money, is the quantity that was sold.
Decimal with_sold_quantity(const Decimal& quantity, const Decimal& total, const Decimal& unit_price,
                           const v1::Quantity& sold) {
  Decimal whole{sold.value(), sold.scale()};
  if ((whole.value < 0) != (quantity.value < 0)) whole.value = -whole.value;
  const auto amount = multiply_rounded(unit_price, whole, total.scale);
  if (amount && *amount == total.value) return whole;
  const auto fine = rescale_exactly(quantity, decimal_scale_max);
  const auto fine_sold = rescale_exactly(whole, decimal_scale_max);
  if (!fine || !fine_sold) return quantity;
  std::int64_t step = 1;
  for (std::uint32_t digits = quantity.scale; digits < decimal_scale_max; ++digits) step *= 10;
  return std::abs(*fine - *fine_sold) <= step ? whole : quantity;
}

// What comes back by the price on its label, at the price per unit that it was sold for. Pieces
// are as many as the labels.
Status take_back_by_price(const Decimal& total, const LineContext& context, LineRead& read) {
  const v1::Line& sold = *context.original;
  if (!is_measure_unit(sold.quantity().unit())) return {};
  const auto unit_price = price_per_measure(context, read.article, sold.quantity().unit());
  const auto quantity = unit_price ? bought_for(total, *unit_price) : std::nullopt;
  if (!quantity) {
    return make_error(ErrorCode::invalid,
                      "How much of " + name_of(read.article) +
                          " comes back cannot be told from the price on its label: send quantity "
                          "and unit.",
                      context.place + "quantity");
  }
  read.line.quantity = with_sold_quantity(*quantity, total, *unit_price, sold.quantity());
  read.article.add_flag(flag::label_value);
  return {};
}

// Brings the line to the price on the label.
Status apply_price(const LineRequest& stated, const LineContext& context, LineRead& read) {
  LineRequest& line = read.line;
  const Decimal packs = packs_of(stated.quantity);
  const auto amount = multiply_rounded(read.article.scan.price->amount, packs, context.exponent);
  if (!amount) return cannot_share(context.place);
  const Decimal total{*amount, context.exponent};
  const bool has_measure =
      read.article.scan.measure.has_value() || read.article.scan.pieces.has_value();
  if (!has_measure) line.quantity = packs;
  if (context.original) {
    return has_measure ? Status{} : take_back_by_price(total, context, read);
  }
  if (!has_measure) {
    if (const auto unit_price = price_per_measure(context, read.article, line.unit)) {
      const auto quantity = bought_for(total, *unit_price);
      if (!quantity) return cannot_share(context.place);
      line.quantity = *quantity;
    }
  }
  const auto price = divided(total, line.quantity, price_decimals);
  if (!price || multiply_rounded(*price, line.quantity, context.exponent) != amount) {
    return cannot_share(context.place);
  }
  Decimal shown = *price;
  while (shown.scale > context.exponent && shown.value % 10 == 0) {
    shown.value /= 10;
    --shown.scale;
  }
  line.charged_unit_price = shown;
  read.article.add_flag(flag::label_value);
  return {};
}

// Money of another kind than the sale's says nothing here, and is recorded in the symbol only.
void drop_foreign_price(const LineContext& context, Article& article) {
  if (!article.scan.price || is_price_of_sale(article.scan, context)) return;
  article.scan.price.reset();
  article.add_flag(flag::scan_incomplete);
}

}  // namespace

Result<QuantityRead> read_quantity(const Decimal& stated, const std::optional<std::string>& unit,
                                   const std::optional<std::string>& article_unit, Article& article,
                                   const std::string& place) {
  if (unit && !stated.is_zero())
    return in_article_unit(stated, *unit, article_unit, article, place);
  const QuantityRead as_stated{stated, article_unit, false};
  if (!is_whole(stated)) return as_stated;
  auto symbol = quantity_of_symbol(article_unit, article);
  if (!symbol && !stated.is_zero()) return as_stated;
  if (!symbol) {
    return make_error(
        ErrorCode::invalid,
        "The symbol names a quantity that is not the article's: " + symbol.error().message +
            ". Send the quantity, or correct the unit of " + name_of(article) + ".",
        place + "quantity");
  }
  // A screen that has read the weight itself states just that.
  if (!symbol->from_symbol || same_amount(stated, symbol->quantity)) return as_stated;
  const auto value = multiply_rounded(symbol->quantity, packs_of(stated), symbol->quantity.scale);
  if (!value) {
    return make_error(ErrorCode::invalid, "The quantity is too large; check it.",
                      place + "quantity");
  }
  symbol->quantity.value = *value;
  article.add_flag(flag::label_value);
  return symbol;
}

Result<LineRead> read_line(const LineRequest& stated, const LineContext& context) {
  auto article =
      find_article(stated.sku, stated.gtin, context.rules, context.business_date, context.place);
  if (!article) return article.error();
  LineRead read{std::move(*article), stated};
  drop_foreign_price(context, read.article);
  std::optional<std::string> article_unit;
  if (context.original || read.article.product) {
    article_unit = article_unit_of(context, read.article);
  }
  if (stated.charged_unit_price && !stated.unit && !stated.quantity.is_zero()) {
    read.line.unit = article_unit;
    return read;
  }
  if (const auto done = check_value(stated, read.article, context.place); !done) {
    return done.error();
  }
  auto quantity =
      read_quantity(stated.quantity, stated.unit, article_unit, read.article, context.place);
  if (!quantity) return quantity.error();
  const bool has_price = stated.charged_unit_price || stated.list_unit_price;
  if (has_price && stated.unit && article_unit && !same_unit(*stated.unit, *article_unit)) {
    return make_error(ErrorCode::invalid,
                      "The line states a price and its quantity in " + unit_name(*stated.unit) +
                          ", but " + name_of(read.article) + " is priced per " +
                          unit_name(*article_unit) + ": send both in that unit.",
                      context.place + "unit");
  }
  read.line.quantity = quantity->quantity;
  read.line.unit = quantity->unit;
  if (counts_packs(stated) && read.article.scan.price &&
      read.article.scan.price->amount.value > 0) {
    if (const auto done = apply_price(stated, context, read); !done) return done.error();
  }
  return read;
}

}  // namespace titan::pos
