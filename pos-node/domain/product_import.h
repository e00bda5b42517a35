// Reads a product list, JSON or CSV, whole: either every row is good, or the list is refused with
// the place of the first faults and nothing is taken from it.
//
// Pure and slow enough for a big list (50,000 rows) to be run beside the loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pos-node/domain/catalogue.h"

namespace titan::pos {

inline constexpr std::size_t import_products_max = 200'000;
inline constexpr std::size_t import_warnings_max = 100;  // shown; the count says how many there are
inline constexpr std::size_t import_gtins_max = 50;      // per product

struct ProductList {
  std::vector<ProductPointer> products;  // each sku once, in the order of the list
  std::vector<std::string> warnings;
  std::size_t warning_count = 0;
  std::size_t rows = 0;

  void warn(std::string text);
};

// RFC 4180 with a header line; columns in any order: sku, gtin, description (or name), price,
// currency, brand, category, unit, tax_code, tax_rate_basis_points, tax_included, low_stock,
// delisted, price_version. A row without sku takes its GTIN as sku; several GTINs are separated by
// blanks or semicolons. `currency` is the store's.
Result<ProductList> read_product_csv(std::string_view text, const std::string& currency);

// Shared with the JSON list (api/product_reader.h): takes a product into the list, the later of two
// with one sku winning, with warnings for odd barcodes. `place` names it: "line 7", "products[6]".
class ProductCollector {
 public:
  // The product's texts are checked already; sku and GTINs are looked at here.
  Status add(titan::entry::v1::Product product, const std::string& place);
  ProductList take();

 private:
  struct Seen {
    std::size_t index;
    std::string place;
  };
  ProductList list_;
  std::vector<titan::entry::v1::Product> products_;
  std::map<std::string, Seen, std::less<>> by_sku_;
  std::map<std::string, std::string, std::less<>> sku_by_gtin_;
};

}  // namespace titan::pos
