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
  // byte for byte.
  virtual Result<ProductPointer> product(std::string_view sku) = 0;
  // Every product that has this code, in the order of their skus; delisted ones too. Codes compare
  // as numbers, so 12, 13 and 14 digits of the same article agree (retail/check_digits.h,
  // code_key).
  virtual Result<std::vector<ProductPointer>> products_by_gtin(std::string_view gtin) = 0;
};

}  // namespace titan::pos
