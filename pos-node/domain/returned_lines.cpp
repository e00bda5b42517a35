#include "pos-node/domain/returned_lines.h"

#include <algorithm>
#include <cstdlib>

#include "mesh/wire/move_in.h"
#include "pos-node/domain/label_line.h"
#include "pos-node/domain/sale_builder.h"
#include "retail/tax.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

bool is_sale(const mesh::Entry& entry) {
  return entry.envelope.kind == mesh::Kind::sale || entry.envelope.kind == mesh::Kind::history;
}

const v1::Sale* sold_by(const RecordedEntry& entry) {
  if (const auto* former = entry.as<v1::History>()) return &former->sale();
  return entry.as<v1::Sale>();
}

std::string name_of(const mesh::Entry& entry) {
  const auto& receipt = entry.envelope.receipt;
  if (entry.envelope.kind == mesh::Kind::history) {
    const std::string former = mesh::former_receipt_of(entry.envelope);
    if (!former.empty()) return former + " of the former system";
  }
  return receipt ? mesh::receipt_text(*receipt, entry.envelope.id.journal)
                 : id_text(entry.envelope.id);
}

void set_reference(v1::EntryReference& out, const mesh::EntryId& id, const Hash* hash) {
  out.set_journal(id.journal.view().data(), id.journal.view().size());
  out.set_number(id.number);
  if (hash) out.set_hash(hash->view().data(), hash->view().size());
}

namespace {

Decimal quantity_of_units(std::int64_t units) {
  Decimal quantity{units, 6};
  while (quantity.scale > 0 && quantity.value % 10 == 0) {
    quantity.value /= 10;
    --quantity.scale;
  }
  return quantity;
}

ReturnedLine rest_of_line(const v1::Line& sold, std::uint32_t index, std::int64_t units) {
  ReturnedLine line;
  line.request.sku = sold.sku();
  line.request.gtin = sold.gtin_scanned();
  line.request.quantity = quantity_of_units(units);
  line.sold = index;
  line.at_share = true;
  return line;
}

bool same_price(const std::optional<Decimal>& stated, const v1::Price& sold) {
  if (!stated) return true;
  return rescale_exactly(*stated, decimal_scale_max) ==
         rescale_exactly(to_decimal(sold), decimal_scale_max);
}

bool same_taxes(const LineRequest& line, const v1::Line& sold) {
  const std::vector<Tax> taxes = taxes_of(sold);
  if (!line.taxes.empty() && line.taxes != taxes) return false;
  if (line.tax_rate_micropercent &&
      (taxes.size() != 1 || taxes.front().rate_micropercent != *line.tax_rate_micropercent)) {
    return false;
  }
  return !line.tax_exempt || *line.tax_exempt == taxes.front().exempt;
}

// The sold line's discounts, whole or for the part that comes back.
bool same_discounts(const LineRequest& line, const v1::Line& sold, std::uint32_t exponent) {
  if (line.discounts.empty()) return true;
  std::int64_t stated = 0;
  for (const DiscountRequest& discount : line.discounts) {
    const auto minor = rescale_exactly(discount.amount, exponent);
    if (!minor || !add_checked(stated, *minor)) return false;
  }
  std::int64_t given = 0;
  for (const v1::Discount& discount : sold.discounts()) {
    given = saturated_sum(given, discount.amount_minor());
  }
  const auto part = proportion_rounded(
      given, std::abs(rescale_exactly(line.quantity, decimal_scale_max).value_or(0)),
      std::max<std::int64_t>(std::abs(stock_units(sold.quantity())), 1));
  return stated == given || (part && stated == *part);
}

// True where the request leaves the money to the sale, or merely repeats what the receipt says of
// the line. A stated tax alone is such a repeat: what comes back of it follows from the sale.
bool leaves_price(const LineRequest& line, const v1::Line& sold, std::uint32_t exponent) {
  return same_price(line.charged_unit_price, sold.charged_unit_price()) && same_taxes(line, sold) &&
         same_discounts(line, sold, exponent);
}

// A line of the request as an article, to be held against the lines of the sale.
class ReturnedArticle {
 public:
  static Result<ReturnedArticle> find(const RefundRequest& request, std::size_t index,
                                      const RuleContext& context) {
    const LineRequest& line = request.sale.lines[index];
    const std::uint32_t today = request.sale.business_date.value_or(context.clock.local_date);
    const std::string place = "lines[" + std::to_string(index) + "].";
    ReturnedArticle found(context, today, line, place);
    auto article = find_article(line.sku, line.gtin, context, today, place);
    if (!article) return article.error();
    if (article->product) found.add(*article->product);
    if (line.sku.empty()) {  // a code that several articles share means any of them
      const auto matches =
          match_scan(read_scan(line.gtin, context.facts.labels, today), context.catalogue);
      if (!matches) return matches.error();
      for (const auto& match : matches->matches) found.add(*match.product);
    }
    found.article_ = std::move(*article);
    return found;
  }

  // However either was entered: by sku, by code, or by a code that nobody knew when it was sold.
  bool is(const v1::Line& sold) const {
    const auto means = [&](std::string_view code) {
      return !code.empty() &&
             (same_code(code, sold.sku(), *labels_) ||
              (!sold.gtin_scanned().empty() && same_code(code, sold.gtin_scanned(), *labels_)));
    };
    if (article_.sku == sold.sku() || (line_.sku.empty() && means(line_.gtin))) return true;
    if (std::find(skus_.begin(), skus_.end(), sold.sku()) != skus_.end()) return true;
    return std::any_of(codes_.begin(), codes_.end(), [&](const std::string& code) {
      return same_code(code, sold.sku(), *labels_);
    });
  }

  const std::optional<Decimal>& stated_price() const { return line_.charged_unit_price; }

  // The line with its quantity in the unit of the line that it takes back, and as its label says.
  Result<LineRequest> against(const v1::Line& sold, const v1::Sale& sale) const {
    const auto read =
        read_line(line_, {*context_, today_, sale.currency(), sale.exponent(), &sold, place_});
    if (!read) return read.error();
    LineRequest line = line_;
    line.quantity = read->line.quantity;
    line.unit = sold.quantity().unit();
    if (!line.gtin.empty()) line.gtin = read->article.gtin;
    if (const auto done = check_quantity(line.quantity, place_ + "quantity"); !done) {
      return done.error();
    }
    return line;
  }

 private:
  ReturnedArticle(const RuleContext& context, std::uint32_t today, const LineRequest& line,
                  std::string place)
      : context_(&context),
        labels_(&context.facts.labels),
        today_(today),
        line_(line),
        place_(std::move(place)) {}
  void add(const Product& product) {
    skus_.push_back(product.sku());
    codes_.insert(codes_.end(), product.gtins().begin(), product.gtins().end());
  }

  const RuleContext* context_;
  const LabelTable* labels_;
  std::uint32_t today_;
  LineRequest line_;
  std::string place_;
  Article article_;
  std::vector<std::string> skus_;
  std::vector<std::string> codes_;
};

// What the request takes in this refund already, so that a second line of one article goes on.
class Taken {
 public:
  Taken(const Settlement& settlement) : settlement_(settlement), taken_(settlement.sold().size()) {}
  // Units of the line that come back, of those asked for; never against their sign.
  std::int64_t left(std::uint32_t line, std::int64_t wanted) const {
    const std::int64_t rest = settlement_.left(line).units - taken_[line];
    return rest == 0 || (rest < 0) != (wanted < 0) ? 0 : rest;
  }
  void take(std::uint32_t line, std::int64_t units) {
    taken_[line] = saturated_sum(taken_[line], units);
  }

 private:
  const Settlement& settlement_;
  std::vector<std::int64_t> taken_;
};

Error line_not_there(std::size_t index, std::uint32_t line, int sold_lines) {
  return make_error(ErrorCode::invalid,
                    "The sale has " + std::to_string(sold_lines) +
                        " lines, counted from 0; there is no line " + std::to_string(line) + ".",
                    "original.lines[" + std::to_string(index) + "]");
}

Error nothing_left(const mesh::Entry& original, bool voided) {
  const bool is_former = original.envelope.kind == mesh::Kind::history;
  return make_error(ErrorCode::conflict,
                    "Nothing is left to refund of " + name_of(original) +
                        (voided && is_former ? ": it was voided or refunded there."
                         : voided            ? ": it was voided."
                                             : ": all of it came back already.") +
                        " Should something come back all the same, list its lines.",
                    "original.id");
}

// `original` without lines of its own: the rest of the sale, or of the lines named.
Result<std::vector<ReturnedLine>> rest_of_sale(const RefundRequest& request, const v1::Sale& sold,
                                               const Settlement& settlement,
                                               const mesh::Entry& original) {
  std::vector<std::uint32_t> wanted = request.original_lines;
  if (wanted.empty()) {
    for (int line = 0; line < sold.lines_size(); ++line) {
      wanted.push_back(static_cast<std::uint32_t>(line));
    }
  }
  std::vector<ReturnedLine> lines;
  Taken taken(settlement);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::uint32_t line = wanted[i];
    if (line >= settlement.sold().size()) return line_not_there(i, line, sold.lines_size());
    const std::int64_t units = taken.left(line, settlement.sold()[line].units);
    if (units == 0) continue;
    taken.take(line, units);
    lines.push_back(rest_of_line(sold.lines(static_cast<int>(line)), line, units));
  }
  if (lines.empty()) return nothing_left(original, settlement.voided());
  return lines;
}

// A line by its article: spread over the lines of the sale that have it, those with something left
// first. What is more than is left stays on the last of them, to be flagged.
Status spread_by_article(const ReturnedArticle& article, std::size_t index, const v1::Sale& sold,
                         Taken& taken, std::vector<ReturnedLine>& lines) {
  std::vector<std::uint32_t> matching;
  for (int i = 0; i < sold.lines_size(); ++i) {
    if (article.is(sold.lines(i))) matching.push_back(static_cast<std::uint32_t>(i));
  }
  if (matching.empty()) {
    return make_error(ErrorCode::invalid,
                      "The sale has no line with this article. Refund it without `original`, "
                      "giving a reason.",
                      "lines[" + std::to_string(index) + "].sku");
  }
  // A stated price tells which of several lines is meant.
  std::stable_partition(matching.begin(), matching.end(), [&](std::uint32_t at) {
    return same_price(article.stated_price(),
                      sold.lines(static_cast<int>(at)).charged_unit_price());
  });
  const auto line = article.against(sold.lines(static_cast<int>(matching.front())), sold);
  if (!line) return line.error();
  std::int64_t open = rescale_exactly(line->quantity, decimal_scale_max).value_or(0);
  std::vector<std::pair<std::uint32_t, std::int64_t>> parts;
  for (const std::uint32_t at : matching) {
    if (open == 0) break;
    const std::int64_t rest = taken.left(at, open);
    if (rest == 0) continue;
    const std::int64_t part = std::abs(rest) < std::abs(open) ? rest : open;
    parts.emplace_back(at, part);
    open -= part;
  }
  if (parts.empty()) parts.emplace_back(matching.front(), 0);
  parts.back().second += open;
  for (const auto& [at, units] : parts) {
    ReturnedLine& back = lines.emplace_back();
    back.request = *line;
    if (parts.size() > 1) back.request.quantity = quantity_of_units(units);
    back.sold = at;
    back.at_share = leaves_price(*line, sold.lines(static_cast<int>(at)), sold.exponent());
    taken.take(at, units);
  }
  return {};
}

}  // namespace

Result<std::vector<ReturnedLine>> returned_lines(const RefundRequest& request, const v1::Sale& sold,
                                                 const Settlement& settlement,
                                                 const mesh::Entry& original,
                                                 const RuleContext& context) {
  if (request.sale.lines.empty()) return rest_of_sale(request, sold, settlement, original);
  std::vector<ReturnedLine> lines;
  Taken taken(settlement);
  for (std::size_t i = 0; i < request.sale.lines.size(); ++i) {
    const auto article = ReturnedArticle::find(request, i, context);
    if (!article) return article.error();
    if (request.original_lines.empty()) {
      const auto done = spread_by_article(*article, i, sold, taken, lines);
      if (!done) return done.error();
      continue;
    }
    ReturnedLine& back = lines.emplace_back();
    back.sold = request.original_lines[i];
    if (back.sold >= settlement.sold().size()) {
      return line_not_there(i, back.sold, sold.lines_size());
    }
    const v1::Line& sold_line = sold.lines(static_cast<int>(back.sold));
    back.differs = !article->is(sold_line);
    back.request = request.sale.lines[i];
    if (back.differs) continue;
    auto line = article->against(sold_line, sold);
    if (!line) return line.error();
    back.request = std::move(*line);
    back.at_share = leaves_price(back.request, sold_line, sold.exponent());
  }
  return lines;
}

}  // namespace titan::pos
