#include "pos-node/domain/returned_lines.h"

#include <algorithm>
#include <cstdlib>

#include "pos-node/domain/sale_builder.h"
#include "retail/gtin.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

std::string name_of(const mesh::Entry& entry) {
  const auto& receipt = entry.envelope.receipt;
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

// True where the request leaves the money to the sale, or merely repeats its price.
bool leaves_price(const LineRequest& line, const v1::Line& sold) {
  return same_price(line.charged_unit_price, sold.charged_unit_price()) && line.discounts.empty() &&
         line.taxes.empty() && !line.tax && !line.tax_rate_micropercent && !line.tax_exempt;
}

// Whether a line of the request means this line of the sale, however either was entered.
Result<bool> same_article(const LineRequest& line, const v1::Line& sold, Catalogue& catalogue) {
  if (!line.sku.empty() && line.sku == sold.sku()) return true;
  if (line.sku.empty() &&
      (same_code(line.gtin, sold.gtin_scanned()) || same_code(line.gtin, sold.sku()))) {
    return true;
  }
  const auto product =
      line.sku.empty() ? catalogue.product_by_gtin(line.gtin) : catalogue.product(line.sku);
  if (!product) return product.error();
  if (!*product) return false;
  if ((*product)->sku() == sold.sku()) return true;
  // Sold by a code that nobody knew then.
  const auto& codes = (*product)->gtins();
  return std::any_of(codes.begin(), codes.end(),
                     [&](const std::string& code) { return same_code(code, sold.sku()); });
}

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
  return make_error(ErrorCode::conflict,
                    "Nothing is left to refund of " + name_of(original) +
                        (voided ? ": it was voided." : ": all of it came back already.") +
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
Status spread_by_article(const LineRequest& line, std::size_t index, const v1::Sale& sold,
                         Catalogue& catalogue, Taken& taken, std::vector<ReturnedLine>& lines) {
  std::vector<std::uint32_t> matching;
  for (int i = 0; i < sold.lines_size(); ++i) {
    const auto same = same_article(line, sold.lines(i), catalogue);
    if (!same) return same.error();
    if (*same) matching.push_back(static_cast<std::uint32_t>(i));
  }
  if (matching.empty()) {
    return make_error(ErrorCode::invalid,
                      "The sale has no line with this article. Refund it without `original`, "
                      "giving a reason.",
                      "lines[" + std::to_string(index) + "].sku");
  }
  const auto wanted = rescale_exactly(line.quantity, decimal_scale_max);
  std::int64_t open = wanted.value_or(0);
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
    back.request = line;
    if (parts.size() > 1) back.request.quantity = quantity_of_units(units);
    back.sold = at;
    back.at_share = leaves_price(line, sold.lines(static_cast<int>(at)));
    taken.take(at, units);
  }
  return {};
}

}  // namespace

Result<std::vector<ReturnedLine>> returned_lines(const RefundRequest& request, const v1::Sale& sold,
                                                 const Settlement& settlement,
                                                 const mesh::Entry& original,
                                                 Catalogue& catalogue) {
  if (request.sale.lines.empty()) return rest_of_sale(request, sold, settlement, original);
  std::vector<ReturnedLine> lines;
  Taken taken(settlement);
  for (std::size_t i = 0; i < request.sale.lines.size(); ++i) {
    const LineRequest& line = request.sale.lines[i];
    if (request.original_lines.empty()) {
      const auto done = spread_by_article(line, i, sold, catalogue, taken, lines);
      if (!done) return done.error();
      continue;
    }
    ReturnedLine& back = lines.emplace_back();
    back.request = line;
    back.sold = request.original_lines[i];
    if (back.sold >= settlement.sold().size())
      return line_not_there(i, back.sold, sold.lines_size());
    const v1::Line& sold_line = sold.lines(static_cast<int>(back.sold));
    const auto same = same_article(line, sold_line, catalogue);
    if (!same) return same.error();
    back.differs = !*same;
    back.at_share = *same && leaves_price(line, sold_line);
  }
  return lines;
}

}  // namespace titan::pos
