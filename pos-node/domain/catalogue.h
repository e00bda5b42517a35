// The look-ups that the sale rules need; the store's product table answers them.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "retail/product.h"

namespace titan::pos {

using namespace titan::retail;

class Catalogue {
 public:
  virtual ~Catalogue() = default;
  // Null if there is no such product; an error only if the table cannot be read. A sku is compared
  // byte for byte; a GTIN as a number, so 12, 13 and 14 digits of the same article agree.
  virtual Result<ProductPointer> product(std::string_view sku) = 0;
  virtual Result<ProductPointer> product_by_gtin(std::string_view gtin) = 0;
  // All that carry the code, delisted ones too, by sku.
  virtual Result<std::vector<ProductPointer>> products_by_gtin(std::string_view gtin) = 0;
};

}  // namespace titan::pos
