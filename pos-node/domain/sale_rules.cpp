#include "pos-node/domain/sale_rules.h"

#include "pos-node/domain/sale_builder.h"

namespace titan::pos {

Result<Ruling> make_sale(const SaleRequest& request, const RuleContext& context) {
  if (request.lines.empty()) {
    return make_error(ErrorCode::invalid, "A sale needs at least one line.", "lines");
  }
  if (request.lines.size() > sale_lines_max) {
    return make_error(ErrorCode::too_large,
                      "The sale has " + std::to_string(request.lines.size()) + " lines; at most " +
                          std::to_string(sale_lines_max) + " are allowed. Divide it.",
                      "lines");
  }
  SaleBuilder builder(request, context, SaleBuilder::Direction::sale);
  if (const auto done = builder.begin(); !done) return done.error();
  for (const LineRequest& line : request.lines) {
    if (const auto done = builder.add_line(line, nullptr); !done) return done.error();
  }
  if (const auto done = builder.finish(); !done) return done.error();

  Ruling ruling;
  ruling.draft = start_draft(mesh::Kind::sale, request.key, request.business_date, context);
  ruling.draft.wants_receipt = true;
  ruling.draft.stock_effects = builder.take_effects();
  if (const auto done = set_body(ruling.draft, builder.sale()); !done) return done.error();
  return ruling;
}

}  // namespace titan::pos
