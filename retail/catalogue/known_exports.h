// The product exports of other systems, known by their own column names: Square, Shopify,
// WooCommerce, Odoo, Loyverse. docs/PRODUCT_LISTS.md has the table for people.
//
// Pure, thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retail/catalogue/product_patch.h"

namespace titan::retail {

enum class ColumnRole : std::uint8_t {
  field,      // the field as it is
  name,       // what the article is called, before its variation
  variation,  // "Large": stands behind the name
  handle,     // rows of one article: the name may stand in the first only
  for_sale,   // yes or no; no: delisted
  status,     // active, draft, archived
  weighed,    // yes: priced by the kilogram
  unit_name,  // "Units" is a piece
  row_type,   // a row that only groups others is no article
  ignored,
};

struct ColumnUse {
  ColumnRole role = ColumnRole::ignored;
  const FieldRule* rule = nullptr;  // of role field
  std::string header;               // as written
};

struct KnownExport {
  std::string_view system;  // "Shopify"
  std::vector<ColumnUse> columns;
  std::vector<std::string> ignored;  // headers
};

// Letter case, blanks and underscores do not matter in a header: "Item Name" -> "itemname".
// What follows "[" goes: "Price [Main Street]" -> "price[".
std::string canonical_header(std::string_view header);
std::optional<KnownExport> recognise_export(std::span<const std::string> headers);

}  // namespace titan::retail
