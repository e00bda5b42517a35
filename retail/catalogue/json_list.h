// Reads a JSON product list: {"products": [{"sku", "gtins", "description", "price", ...}]}.
//
// A member that is null counts as absent; one that is "" (or an empty list) clears.
#pragma once

#include <string>
#include <string_view>

#include "retail/catalogue/product_list.h"

namespace titan::retail {

struct JsonListRules {
  std::string currency;              // the store's; empty where the list is for several stores
  bool may_clear_overrides = false;  // head office's lists only
  ListMode mode = ListMode::update;
};

ProductList read_product_json(std::string_view text, const JsonListRules& rules);

}  // namespace titan::retail
