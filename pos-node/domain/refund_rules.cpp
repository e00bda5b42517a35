// Refunds and voids: what undoes a sale.
#include <algorithm>
#include <map>

#include "mesh/idempotency.h"
#include "pos-node/domain/sale_builder.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

std::string name_of(const mesh::Entry& entry) {
  const auto& receipt = entry.envelope.receipt;
  return receipt ? mesh::receipt_text(*receipt, entry.envelope.id.journal)
                 : id_text(entry.envelope.id);
}

// A line of the original that comes back whole.
LineRequest whole_line(const v1::Line& sold, std::uint32_t exponent) {
  LineRequest line;
  line.sku = sold.sku();
  line.gtin = sold.gtin_scanned();
  line.quantity = to_decimal(sold.quantity());
  line.unit = sold.quantity().unit();
  line.tax = Decimal{sold.tax_minor(), exponent};
  return line;
}

bool same_article(const LineRequest& line, const v1::Line& sold) {
  return line.sku.empty() ? !line.gtin.empty() && sold.gtin_scanned() == line.gtin
                          : sold.sku() == line.sku;
}

// For each refunded line the line of the original that it takes back: as the till says, else by
// article, of equal ones first those not taken yet.
Result<std::vector<std::uint32_t>> match_lines(const RefundRequest& request,
                                               const v1::Sale& original) {
  const auto sold_lines = static_cast<std::uint32_t>(original.lines_size());
  std::vector<std::uint32_t> matched = request.original_lines;
  for (std::size_t i = 0; i < matched.size(); ++i) {
    if (matched[i] < sold_lines) continue;
    return make_error(ErrorCode::invalid,
                      "The sale has " + std::to_string(sold_lines) +
                          " lines, counted from 0; there is no line " + std::to_string(matched[i]) +
                          ".",
                      "original.lines[" + std::to_string(i) + "]");
  }
  if (!matched.empty()) return matched;
  if (request.sale.lines.empty()) {
    for (std::uint32_t line = 0; line < sold_lines; ++line) matched.push_back(line);
    return matched;
  }
  for (std::size_t i = 0; i < request.sale.lines.size(); ++i) {
    std::optional<std::uint32_t> found;
    for (std::uint32_t line = 0; line < sold_lines; ++line) {
      if (!same_article(request.sale.lines[i], original.lines(static_cast<int>(line)))) continue;
      found = line;
      if (std::find(matched.begin(), matched.end(), line) == matched.end()) break;
    }
    if (!found) {
      return make_error(ErrorCode::invalid,
                        "The sale has no line with this article. Refund it without `original`, "
                        "giving a reason.",
                        "lines[" + std::to_string(i) + "].sku");
    }
    matched.push_back(*found);
  }
  return matched;
}

// Millionths refunded so far, per line of the original.
std::map<std::uint32_t, std::int64_t> refunded_units(const std::vector<EntryPointer>& refunds) {
  std::map<std::uint32_t, std::int64_t> units;
  v1::Refund body;
  for (const EntryPointer& entry : refunds) {
    if (!body.ParseFromString(entry->envelope.body)) continue;
    const int lines = std::min(body.original_lines_size(), body.sale().lines_size());
    for (int i = 0; i < lines; ++i) {
      std::int64_t& sum = units[body.original_lines(i)];
      if (!add_checked(sum, stock_units(body.sale().lines(i).quantity()))) {
        sum = std::numeric_limits<std::int64_t>::max();
      }
    }
  }
  return units;
}

std::vector<RuleAlarm> compare_with_sold(const mesh::Entry& original, const v1::Sale& sold,
                                         const std::map<std::uint32_t, std::int64_t>& refunded) {
  std::vector<RuleAlarm> alarms;
  for (const auto& [index, units] : refunded) {
    if (index >= static_cast<std::uint32_t>(sold.lines_size())) continue;
    const v1::Line& line = sold.lines(static_cast<int>(index));
    const std::int64_t sold_units = stock_units(line.quantity());
    if (std::abs(units) <= std::abs(sold_units)) continue;
    alarms.push_back({std::string(flag::refunded_more_than_sold),
                      "Of sale " + name_of(original) + ", " + to_short_text(units, 6) + " of " +
                          line.sku() + " were refunded, but only " + to_short_text(sold_units, 6) +
                          " were sold. Check the receipts."});
  }
  return alarms;
}

void set_reference(v1::EntryReference& out, const mesh::EntryId& id, const Hash* hash) {
  out.set_journal(id.journal.view().data(), id.journal.view().size());
  out.set_number(id.number);
  if (hash) out.set_hash(hash->view().data(), hash->view().size());
}

Status check_refund(const RefundRequest& request, const RefundHistory& history) {
  if (!request.original && request.reason.empty()) {
    return make_error(ErrorCode::invalid,
                      "A refund names the sale (`original`), or the reason why it cannot.",
                      "original");
  }
  if (history.original && history.original->envelope.kind != mesh::Kind::sale) {
    return make_error(ErrorCode::invalid, "This entry is not a sale.", "original.id");
  }
  if (!history.original && request.sale.lines.empty()) {
    return make_error(ErrorCode::invalid,
                      request.original ? "The sale is not on this terminal (yet): list the lines "
                                         "that come back."
                                       : "A refund needs at least one line.",
                      "lines");
  }
  if (!request.original_lines.empty() && !request.sale.lines.empty() &&
      request.original_lines.size() != request.sale.lines.size()) {
    return make_error(ErrorCode::invalid,
                      "`original.lines` has " + std::to_string(request.original_lines.size()) +
                          " numbers for " + std::to_string(request.sale.lines.size()) +
                          " lines; give one for each.",
                      "original.lines");
  }
  if (std::max(request.sale.lines.size(), request.original_lines.size()) > sale_lines_max) {
    return make_error(ErrorCode::too_large,
                      "At most " + std::to_string(sale_lines_max) + " lines are allowed.", "lines");
  }
  return {};
}

}  // namespace

Result<Ruling> make_refund(const RefundRequest& request, const RuleContext& context,
                           const RefundHistory& history) {
  if (const auto checked = check_refund(request, history); !checked) return checked.error();
  v1::Sale sold;
  std::vector<std::uint32_t> matched = request.original_lines;
  SaleRequest sale = request.sale;
  if (history.original) {
    if (!sold.ParseFromString(history.original->envelope.body)) {
      return make_error(ErrorCode::corrupt, "The sale's body cannot be read.", "original.id");
    }
    if (sale.currency && *sale.currency != sold.currency()) {
      return make_error(ErrorCode::invalid, "The sale was in " + sold.currency() + ".", "currency");
    }
    sale.currency = sold.currency();
    auto lines = match_lines(request, sold);
    if (!lines) return lines.error();
    matched = std::move(*lines);
    if (sale.lines.empty()) {
      for (const std::uint32_t line : matched) {
        sale.lines.push_back(whole_line(sold.lines(static_cast<int>(line)), sold.exponent()));
      }
    }
    sale.training = sale.training || sold.training();
  }

  v1::Refund body;
  SaleBuilder builder(sale, context, SaleBuilder::Direction::refund);
  if (const auto done = builder.begin(); !done) return done.error();
  for (std::size_t i = 0; i < sale.lines.size(); ++i) {
    const v1::Line* original =
        history.original ? &sold.lines(static_cast<int>(matched[i])) : nullptr;
    const bool differs = original && !same_article(sale.lines[i], *original);
    if (const auto done = builder.add_line(sale.lines[i], differs ? nullptr : original); !done) {
      return done.error();
    }
    if (differs) builder.add_line_flag(i, flag::original_line_differs);
  }
  if (const auto done = builder.finish(); !done) return done.error();
  if (!request.original) builder.add_flag(flag::without_original);
  if (request.original && !history.original) builder.add_flag(flag::original_not_here);
  if (history.voided) builder.add_flag(flag::original_voided);

  Ruling ruling;
  if (history.original) {
    auto refunded = refunded_units(history.refunds);
    for (std::size_t i = 0; i < matched.size(); ++i) {
      std::int64_t& sum = refunded[matched[i]];
      const std::int64_t units = stock_units(builder.sale().lines(static_cast<int>(i)).quantity());
      if (!add_checked(sum, units)) sum = std::numeric_limits<std::int64_t>::max();
    }
    ruling.alarms = compare_with_sold(*history.original, sold, refunded);
    if (!ruling.alarms.empty()) builder.add_flag(flag::refunded_more_than_sold);
  }
  if (request.original) {
    set_reference(*body.mutable_original(), *request.original,
                  history.original ? &history.original->hash : nullptr);
  }
  body.mutable_original_lines()->Assign(matched.begin(), matched.end());
  body.set_reason(request.reason);
  *body.mutable_sale() = std::move(builder.sale());

  ruling.draft = start_draft(mesh::Kind::refund, sale.key, sale.business_date, context);
  ruling.draft.wants_receipt = true;
  ruling.draft.stock_effects = builder.take_effects();
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

std::vector<RuleAlarm> over_refund_alarms(const RefundHistory& history) {
  v1::Sale sold;
  if (!history.original || !sold.ParseFromString(history.original->envelope.body)) return {};
  return compare_with_sold(*history.original, sold, refunded_units(history.refunds));
}

Hash void_claim(const Hash& entry_hash) {
  return mesh::void_claim(entry_hash);
}

Result<Ruling> make_void(const VoidRequest& request, const RuleContext& context,
                         const mesh::Entry& original) {
  const mesh::Envelope& envelope = original.envelope;
  v1::Sale sold;
  if (envelope.kind == mesh::Kind::sale) {
    if (!sold.ParseFromString(envelope.body)) {
      return make_error(ErrorCode::corrupt, "The sale's body cannot be read.", "sale");
    }
  } else if (envelope.kind == mesh::Kind::refund) {
    v1::Refund refund;
    if (!refund.ParseFromString(envelope.body)) {
      return make_error(ErrorCode::corrupt, "The refund's body cannot be read.", "sale");
    }
    sold = refund.sale();
  } else {
    return make_error(ErrorCode::invalid, "Only a sale or a refund can be voided.", "sale");
  }
  if (envelope.device != context.facts.device) {
    return make_error(ErrorCode::refused,
                      "Sale " + name_of(original) +
                          " was made at another terminal. Void it there, or make a refund here.",
                      "sale");
  }

  v1::Void body;
  set_reference(*body.mutable_original(), envelope.id, &original.hash);
  body.set_reason(request.reason);
  body.set_cashier(request.cashier);
  body.set_total_minor(sold.total_minor());
  body.set_currency(sold.currency());
  body.set_exponent(sold.exponent());

  Ruling ruling;
  ruling.draft = start_draft(mesh::Kind::void_sale, request.key, request.business_date, context);
  ruling.draft.wants_receipt = true;
  ruling.draft.claim = void_claim(original.hash);
  for (const auto& effect : envelope.stock_effects) {
    ruling.draft.stock_effects.push_back({effect.product, effect.removed, effect.added});
  }
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

}  // namespace titan::pos
