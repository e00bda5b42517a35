// Which taxes a line bears: the screen's word first, then the sold line's, then the product's.
#pragma once

#include "pos-node/domain/requests.h"
#include "retail/product.h"
#include "retail/tax.h"

namespace titan::pos {

// Sets the taxes, their mirror in the single fields, and whether the price has them in it. An
// article that nobody knows is taken as taxed within its price, at the rate stated or zero.
void set_line_taxes(const LineRequest& line, const titan::entry::v1::Line* original,
                    const Product* product, titan::entry::v1::Line& out);

}  // namespace titan::pos
