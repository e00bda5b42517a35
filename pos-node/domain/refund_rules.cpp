// Refunds: what comes back of a sale, and what is paid for it.
#include <algorithm>
#include <map>

#include "pos-node/domain/returned_lines.h"
#include "pos-node/domain/sale_builder.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

RuleAlarm excess_alarm(const mesh::Entry& original, const v1::Sale& sold, bool voided,
                       const Settlement::Excess& excess) {
  const auto amount = [&](std::int64_t minor) {
    return to_text(minor, std::min(sold.exponent(), decimal_scale_max)) + " " + sold.currency();
  };
  const std::string of_line =
      excess.of_whole ? "" : sold.lines(static_cast<int>(excess.line)).sku();
  std::string what = excess.in_pieces  ? to_short_text(excess.refunded, 6) + " of " + of_line
                     : excess.of_whole ? amount(excess.refunded)
                                       : amount(excess.refunded) + " for " + of_line;
  what += " were refunded, but ";
  if (voided) {
    what += "the sale was voided too";
  } else {
    what += "only " + (excess.in_pieces ? to_short_text(excess.sold, 6) + " were sold"
                                        : amount(excess.sold) + " were paid");
  }
  return {
      std::string(excess.in_pieces ? flag::refunded_more_than_sold : flag::refunded_more_than_paid),
      "Of sale " + name_of(original) + ", " + what + ". Check the receipts."};
}

std::vector<RuleAlarm> excess_alarms(const mesh::Entry& original, const v1::Sale& sold,
                                     const Settlement& settlement) {
  std::vector<RuleAlarm> alarms;
  for (const Settlement::Excess& excess : settlement.excesses()) {
    alarms.push_back(excess_alarm(original, sold, settlement.voided(), excess));
  }
  return alarms;
}

Status check_refund(const RefundRequest& request, const RefundHistory& history) {
  if (!request.original && request.reason.empty()) {
    return make_error(ErrorCode::invalid,
                      "A refund names the sale (`original`), or the reason why it cannot.",
                      "original");
  }
  if (history.original && !is_sale(*history.original)) {
    return make_error(ErrorCode::invalid, "This entry is not a sale.", "original.id");
  }
  if (history.withdrawn) {
    return make_error(ErrorCode::conflict,
                      name_of(*history.original) +
                          " came by a move-in that was undone. Move the file in again, or make a "
                          "refund without `original`, giving a reason.",
                      "original.id");
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

std::optional<Settlement> settlement_of(const RefundHistory& history) {
  const v1::Sale* sold = history.original ? sold_by(*history.original) : nullptr;
  if (!sold) return std::nullopt;
  Settlement settlement(*sold);
  for (const EntryPointer& refund : history.refunds) {
    if (const auto* body = refund->as<v1::Refund>()) settlement.take(*body);
  }
  const auto* former = history.original->as<v1::History>();
  if (history.voided || (former && former->was_voided())) settlement.take_void();
  return settlement;
}

namespace {

// The lines of a refund whose sale is here, each at its share of what is left or at the price
// stated.
Status add_known_lines(SaleBuilder& builder, const std::vector<ReturnedLine>& lines,
                       const v1::Sale& sold, const Settlement& settlement) {
  std::map<std::uint32_t, std::vector<const ReturnedLine*>> by_line;
  Settlement now = settlement;  // so that two lines of one sold line share what is left
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const ReturnedLine& line = lines[i];
    const v1::Line& original = sold.lines(static_cast<int>(line.sold));
    Status done;
    if (line.at_share) {
      const auto units = rescale_exactly(line.request.quantity, decimal_scale_max);
      done = check_quantity(line.request.quantity, "lines[" + std::to_string(i) + "].quantity");
      if (done) {
        done = builder.add_returned_line(line.request, original, now.share(line.sold, *units));
      }
    } else {
      done = builder.add_line(line.request, line.differs ? nullptr : &original);
      if (done && line.differs) builder.add_line_flag(i, flag::original_line_differs);
    }
    if (!done) return done;
    v1::Refund so_far;
    so_far.mutable_sale()->set_training(sold.training());
    *so_far.mutable_sale()->add_lines() = builder.sale().lines(static_cast<int>(i));
    so_far.add_original_lines(line.sold);
    now.take(so_far);
  }
  return {};
}

// The sale that a refund names, when it is here: what is left of it, and what of it comes back.
struct KnownSale {
  const v1::Sale* sold;
  Settlement settlement;
  std::vector<ReturnedLine> lines;
};

Result<KnownSale> find_sale(const RefundRequest& request, const RefundHistory& history,
                            const RuleContext& context) {
  auto settlement = settlement_of(history);
  if (!settlement) {
    return make_error(ErrorCode::corrupt, "The sale's body cannot be read.", "original.id");
  }
  const v1::Sale& sold = *sold_by(*history.original);
  if (request.sale.currency.value_or(sold.currency()) != sold.currency()) {
    return make_error(ErrorCode::invalid, "The sale was in " + sold.currency() + ".", "currency");
  }
  auto lines = returned_lines(request, sold, *settlement, *history.original, context);
  if (!lines) return lines.error();
  return KnownSale{&sold, std::move(*settlement), std::move(*lines)};
}

Status add_lines(SaleBuilder& builder, const SaleRequest& request,
                 const std::optional<KnownSale>& known) {
  if (known) {
    builder.continue_payout(known->settlement.carried_minor(), cash_rule_of(*known->sold));
    return add_known_lines(builder, known->lines, *known->sold, known->settlement);
  }
  for (const LineRequest& line : request.lines) {
    if (const auto done = builder.add_line(line, nullptr); !done) return done;
  }
  return {};
}

// What this refund has too much of, as flags of its body and as alarms; what an earlier one had too
// much of was told with that. Training and real sales are not held against each other.
std::vector<RuleAlarm> flag_excesses(KnownSale& known, const mesh::Entry& original,
                                     v1::Refund& body) {
  if (body.sale().training() != known.sold->training()) return {};
  const bool was_excessive = known.settlement.excesses_of_whole();
  known.settlement.take(body);
  std::vector<RuleAlarm> alarms;
  for (const Settlement::Excess& excess : known.settlement.excesses()) {
    const auto& taken = body.original_lines();
    const bool by_this = excess.of_whole
                             ? !was_excessive
                             : std::find(taken.begin(), taken.end(), excess.line) != taken.end();
    if (!by_this) continue;
    alarms.push_back(excess_alarm(original, *known.sold, known.settlement.voided(), excess));
  }
  for (const RuleAlarm& alarm : alarms) {
    const auto& flags = body.sale().flags();
    if (std::find(flags.begin(), flags.end(), alarm.code) == flags.end()) {
      body.mutable_sale()->add_flags(alarm.code);
    }
  }
  return alarms;
}

}  // namespace

Result<Ruling> make_refund(const RefundRequest& request, const RuleContext& context,
                           const RefundHistory& history) {
  if (const auto checked = check_refund(request, history); !checked) return checked.error();
  SaleRequest sale = request.sale;
  std::optional<KnownSale> known;
  if (history.original) {
    auto found = find_sale(request, history, context);
    if (!found) return found.error();
    known = std::move(*found);
    sale.currency = known->sold->currency();
    sale.training = sale.training || known->sold->training();
  }

  SaleBuilder builder(sale, context, SaleBuilder::Direction::refund);
  if (const auto done = builder.begin(); !done) return done.error();
  if (const auto done = add_lines(builder, sale, known); !done) return done.error();
  if (const auto done = builder.finish(); !done) return done.error();
  if (!request.original) builder.add_flag(flag::without_original);
  if (request.original && !history.original) builder.add_flag(flag::original_not_here);
  if (known && known->settlement.voided()) builder.add_flag(flag::original_voided);

  v1::Refund body;
  if (request.original) {
    set_reference(*body.mutable_original(), *request.original,
                  history.original ? &history.original->hash : nullptr);
  }
  if (known) {
    for (const ReturnedLine& line : known->lines) body.add_original_lines(line.sold);
  } else {
    body.mutable_original_lines()->Assign(request.original_lines.begin(),
                                          request.original_lines.end());
  }
  body.set_reason(request.reason);
  *body.mutable_sale() = std::move(builder.sale());

  Ruling ruling;
  if (known) ruling.alarms = flag_excesses(*known, *history.original, body);
  ruling.draft = start_draft(mesh::Kind::refund, sale.key, sale.business_date, context);
  ruling.draft.wants_receipt = true;
  ruling.draft.stock_effects = builder.take_effects();
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

std::vector<RuleAlarm> over_refund_alarms(const RefundHistory& history) {
  const auto settlement = settlement_of(history);
  if (!settlement) return {};
  return excess_alarms(*history.original, *sold_by(*history.original), *settlement);
}

}  // namespace titan::pos
