// Reads a product list from a spreadsheet or another system's export: columns in any order, named
// by product_fields() or by a known export.
//
// What spreadsheets do to a list is undone where it can only mean one thing, and refused with the
// reason where it cannot; docs/PRODUCT_LISTS.md is the table of it.
#pragma once

#include <string>
#include <string_view>

#include "retail/catalogue/product_list.h"

namespace titan::retail {

struct CsvListRules {
  std::string currency;      // the store's; empty where the list is for several stores
  std::string content_type;  // as sent; its charset counts
  ListMode mode = ListMode::update;
};

ProductList read_product_csv(std::string_view bytes, const CsvListRules& rules);

}  // namespace titan::retail
