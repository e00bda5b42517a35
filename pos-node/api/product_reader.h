// Reads a JSON product list: {"products": [{"sku", "gtins", "description", "price", ...}]}, whole
// or not at all, like its CSV sister in domain/product_import.h.
#pragma once

#include <string>
#include <string_view>

#include "pos-node/domain/product_import.h"

namespace titan::pos {

Result<ProductList> read_product_json(std::string_view text, const std::string& currency);

}  // namespace titan::pos
