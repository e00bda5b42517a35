// A void: what undoes a whole sale, or a whole refund, at the terminal that made it.
#include "mesh/journal/idempotency.h"
#include "pos-node/domain/returned_lines.h"
#include "pos-node/domain/sale_builder.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

namespace {

// A void undoes all of a sale, so nothing of it may have come back before: the same pieces and the
// same money would be given twice.
Status check_untouched(const RecordedEntry& original, const v1::Sale& sold,
                       const std::vector<EntryPointer>& refunds) {
  for (const EntryPointer& refund : refunds) {
    const auto* body = refund->as<v1::Refund>();
    if (!body || body->sale().training() != sold.training()) continue;
    return make_error(ErrorCode::conflict,
                      "Something of sale " + name_of(original) + " was refunded already by " +
                          name_of(*refund) + ". Refund the rest of it, or void that refund first.",
                      "sale");
  }
  return {};
}

}  // namespace

Result<Ruling> make_void(const VoidRequest& request, const RuleContext& context,
                         const RecordedEntry& original, const std::vector<EntryPointer>& refunds) {
  const mesh::Envelope& envelope = original.envelope;
  const v1::Sale* sold = nullptr;
  if (envelope.kind == mesh::Kind::sale) {
    sold = original.as<v1::Sale>();
    if (!sold) return make_error(ErrorCode::corrupt, "The sale's body cannot be read.", "sale");
  } else if (envelope.kind == mesh::Kind::refund) {
    const auto* refund = original.as<v1::Refund>();
    if (!refund) return make_error(ErrorCode::corrupt, "The refund's body cannot be read.", "sale");
    sold = &refund->sale();
  } else if (envelope.kind == mesh::Kind::history) {
    return make_error(ErrorCode::conflict,
                      name_of(original) +
                          " was sold with the former system, which this till cannot void there. "
                          "Make a refund of it instead.",
                      "sale");
  } else {
    return make_error(ErrorCode::invalid, "Only a sale or a refund can be voided.", "sale");
  }
  if (envelope.device != context.facts.device) {
    return make_error(ErrorCode::refused,
                      "Sale " + name_of(original) +
                          " was made at another terminal. Void it there, or make a refund here.",
                      "sale");
  }

  if (const auto done = check_untouched(original, *sold, refunds); !done) return done.error();

  v1::Void body;
  set_reference(*body.mutable_original(), envelope.id, &original.hash);
  body.set_reason(request.reason);
  body.set_cashier(request.cashier);
  body.set_total_minor(sold->total_minor());
  body.set_currency(sold->currency());
  body.set_exponent(sold->exponent());

  Ruling ruling;
  ruling.draft = start_draft(mesh::Kind::void_sale, request.key, request.business_date, context);
  ruling.draft.wants_receipt = true;
  ruling.draft.claim = mesh::void_claim(original);
  for (const auto& effect : envelope.stock_effects) {
    ruling.draft.stock_effects.push_back({effect.product, effect.removed, effect.added});
  }
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

}  // namespace titan::pos
