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
  if (line.tax_rate_micropercent) {
    // One rate for the line, whatever the product has.
    taxes = {Tax{taxes.front().code, *line.tax_rate_micropercent, false}};
  }
  if (line.tax_exempt) {
    if (*line.tax_exempt) taxes = {Tax{taxes.front().code, 0, true}};
    for (Tax& tax : taxes) tax.exempt = *line.tax_exempt;
  }
  if (line.tax_code) taxes.front().code = *line.tax_code;
  for (Tax& tax : taxes) {
    if (tax.exempt)
      tax.rate_micropercent = 0;  // exempt is not taxed, whatever rate is named beside
  }
  if (line.tax_included) out.set_tax_included(*line.tax_included);
  set_taxes(out, taxes);
}

}  // namespace titan::pos
