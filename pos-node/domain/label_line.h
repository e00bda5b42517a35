// What a line's scan and unit make of its quantity and price, before the line is priced: labels of
// scales, weights within GS1 symbols, grams of an article that is sold by the kilogram.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "pos-node/domain/article.h"
#include "pos-node/domain/requests.h"

namespace titan::pos {

struct QuantityRead {
  Decimal quantity;  // zero: neither the request nor the symbol says one
  std::optional<std::string> unit;
  bool from_symbol = false;
};

// The quantity in `unit` (of the product or the line taken back; nothing: the article is unknown).
// Without a unit of its own a whole number counts how often the symbol was scanned: one pack of
// 0.640 kg is 0.640 kg. Flags go into the article. Refused if the units do not convert.
Result<QuantityRead> read_quantity(const Decimal& stated, const std::optional<std::string>& unit,
                                   const std::optional<std::string>& article_unit, Article& article,
                                   const std::string& place);

struct LineRead {
  Article article;
  LineRequest line;  // as the request, with quantity, unit and price as the symbol names them
};

struct LineContext {
  const RuleContext& rules;
  std::uint32_t business_date = 0;
  std::string currency;  // of the sale
  std::uint32_t exponent = 2;
  const titan::entry::v1::Line* original = nullptr;  // the line that is taken back, or null
  std::string place;                                 // "lines[2]."
};

// A price on a label is the total of its pack: unless the request states a price, the line comes to
// exactly that, by the quantity that the article's unit price makes of it (three decimals), or else
// as one piece at that price.
//
// With `original` the line's quantity is what comes back of that line, in its unit, and no price is
// set: of a price label what it buys at the price per unit that was charged, exactly the quantity
// sold if it differs from that by rounding only; of an article sold by the piece the number of
// labels. The quantity stays zero if neither request nor symbol says one.
Result<LineRead> read_line(const LineRequest& stated, const LineContext& context);

}  // namespace titan::pos
