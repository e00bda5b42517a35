#include "pos-node/domain/line_taxes.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

void set_line_taxes(const LineRequest& line, const v1::Line* original, const Product* product,
                    v1::Line& out) {
  std::vector<Tax> taxes{Tax{}};
  out.set_tax_included(true);
  if (original) {
    taxes = taxes_of(*original);
    out.set_tax_included(original->tax_included());
  } else if (product) {
    taxes = taxes_of(*product);
    out.set_tax_included(product->tax_included());
  }
  if (!line.taxes.empty()) taxes = line.taxes;
  if (line.tax_rate_micropercent || line.tax_exempt) {
    // One rate for the line, whatever the product has.
    taxes = {Tax{taxes.front().code, line.tax_rate_micropercent.value_or(0),
                 line.tax_exempt.value_or(false)}};
  }
  if (line.tax_code) taxes.front().code = *line.tax_code;
  if (line.tax_included) out.set_tax_included(*line.tax_included);
  set_taxes(out, taxes);
}

}  // namespace titan::pos
