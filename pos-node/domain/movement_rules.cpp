// Stock that moves without a sale (deliveries, adjustments, transfers), and products.
#include <map>

#include "pos-node/domain/label_line.h"
#include "pos-node/domain/sale_builder.h"
#include "pos-node/domain/sale_rules.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;

bool is_transfer(mesh::Kind kind) {
  return kind == mesh::Kind::transfer_in || kind == mesh::Kind::transfer_out;
}

Status check_movement(const MovementRequest& request, const RuleContext& context) {
  if (request.lines.empty()) {
    return make_error(ErrorCode::invalid, "At least one line is needed.", "lines");
  }
  if (request.lines.size() > sale_lines_max) {
    return make_error(ErrorCode::too_large,
                      std::to_string(request.lines.size()) + " lines; at most " +
                          std::to_string(sale_lines_max) + " are allowed. Divide it.",
                      "lines");
  }
  if (!is_transfer(request.kind)) return {};
  if (request.other_store.empty()) {
    return make_error(ErrorCode::invalid, "A transfer needs the other store's name.",
                      "other_store");
  }
  if (request.other_store == context.facts.store) {
    return make_error(ErrorCode::invalid, "A transfer's other store is this store.", "other_store");
  }
  if (request.document.empty()) {
    return make_error(ErrorCode::invalid,
                      "A transfer needs its id, the same in both stores, so that it is booked "
                      "once.",
                      "transfer_id");
  }
  return {};
}

Status fill_line(const MovementLineRequest& line, const MovementRequest& request,
                 const RuleContext& context, const std::string& place, v1::StockLine& out) {
  const std::uint32_t business_date = request.business_date.value_or(context.clock.local_date);
  auto article = find_article(line.sku, line.gtin, context, business_date, place);
  if (!article) return article.error();
  const Product* known = article->product.get();
  std::optional<std::string> article_unit;
  if (known) article_unit = known->unit();
  const auto read = read_quantity(line.quantity, line.unit, article_unit, *article, place);
  if (!read) return read.error();
  if (const auto checked = check_quantity(read->quantity, place + "quantity"); !checked) {
    return checked;
  }
  if (read->quantity.is_negative() && request.kind != mesh::Kind::adjustment) {
    return make_error(ErrorCode::invalid,
                      "The quantity must be above zero; take stock out with an adjustment.",
                      place + "quantity");
  }
  out.set_sku(article->sku);
  for (const std::string& flag : article->flags) out.add_flags(flag);
  if (line.description) {
    out.set_description(*line.description);
  } else if (known) {
    out.set_description(known->description());
  }
  v1::Quantity& quantity = *out.mutable_quantity();
  quantity.set_value(read->quantity.value);
  quantity.set_scale(read->quantity.scale);
  quantity.set_unit(read->unit.value_or(""));
  return {};
}

}  // namespace

Hash transfer_in_claim(std::string_view other_store, std::string_view transfer_id) {
  Bytes settled = "transfer-in";
  settled += '\0';
  settled += other_store;
  settled += '\0';
  settled += transfer_id;
  return blake2b(settled);
}

Result<Ruling> make_movement(const MovementRequest& request, const RuleContext& context) {
  if (const auto checked = check_movement(request, context); !checked) return checked.error();
  v1::StockMovement body;
  std::map<std::string, crdt::StockSum> effects;
  for (std::size_t i = 0; i < request.lines.size(); ++i) {
    const std::string place = "lines[" + std::to_string(i) + "].";
    v1::StockLine& out = *body.add_lines();
    if (const auto done = fill_line(request.lines[i], request, context, place, out); !done) {
      return done.error();
    }
    const std::int64_t units = stock_units(out.quantity());
    crdt::StockSum& sum = effects[out.sku()];
    const bool leaves = (units < 0) != (request.kind == mesh::Kind::transfer_out);
    std::uint64_t& side = leaves ? sum.removed : sum.added;
    if (__builtin_add_overflow(side, static_cast<std::uint64_t>(std::abs(units)), &side)) {
      return overflow_error(place + "quantity");
    }
  }
  body.set_reason(request.reason);
  body.set_document(request.document);
  body.set_other_store(request.other_store);
  body.set_who(request.who);

  Ruling ruling;
  ruling.draft = start_draft(request.kind, request.key, request.business_date, context);
  if (request.kind == mesh::Kind::transfer_in) {
    ruling.draft.claim = transfer_in_claim(request.other_store, request.document);
  }
  for (const auto& [product, sum] : effects) {
    ruling.draft.stock_effects.push_back({product, sum.added, sum.removed});
  }
  if (const auto done = set_body(ruling.draft, body); !done) return done.error();
  return ruling;
}

Result<Ruling> make_products(mesh::Kind kind, Bytes body, const RuleContext& context) {
  // An import repeats harmlessly, so its entries need no key that a till screen would know.
  Ruling ruling;
  ruling.draft = start_draft(kind, RequestKey{}, std::nullopt, context);
  ruling.draft.body = std::move(body);
  return ruling;
}

}  // namespace titan::pos
