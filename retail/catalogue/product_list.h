// A product list as read, CSV or JSON: either every row is good, or the list is refused with all
// its faults and nothing is taken from it.
//
// Pure and slow enough for a big list (50,000 rows) to be run beside the loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "retail/catalogue/product_patch.h"

namespace titan::retail {

inline constexpr std::size_t import_products_max = 200'000;
inline constexpr std::size_t import_warnings_max = 100;  // shown; the count says how many there are
inline constexpr std::size_t import_faults_max = 100;    // likewise

// What a list does with products that are there already.
enum class ListMode {
  update,   // each stated field
  replace,  // each listed product whole
};

struct ListFault {
  std::string row;     // "line 7", "products[6]"
  std::string column;  // its name; empty: the row as a whole
  std::string message;
};

struct ProductList {
  std::vector<ProductPatch> products;  // each sku once, in the order of the list
  std::vector<std::string> warnings;
  std::size_t warning_count = 0;
  std::size_t rows = 0;
  // If there is one, the list is refused and `products` means nothing.
  std::vector<ListFault> faults;
  std::size_t fault_count = 0;
  std::optional<Error> refusal;

  bool is_good() const { return !refusal; }
  void warn(std::string text);
  // A second row of the product `before`.
  void repeat(ProductPatch& before, ProductPatch later, ListMode mode);
  // Makes each sku be there once again, after rows got other skus.
  void gather_repeated(ListMode mode);
};

// Gathers rows, the later of two with one sku winning, with warnings for odd and shared barcodes.
class ListBuilder {
 public:
  // `currency`: the store's; empty where the list is for several stores.
  explicit ListBuilder(std::string currency, ListMode mode = ListMode::update)
      : currency_(std::move(currency)), mode_(mode) {}

  const std::string& currency() const { return currency_; }
  void warn(std::string text) { list_.warn(std::move(text)); }
  // `field` is what the error names: "line 3", "products[0].price". The whole sentence is
  // `sentence`, without a full stop.
  void fault(ListFault fault, std::string field, std::string sentence,
             ErrorCode code = ErrorCode::invalid);
  bool has_faults() const { return list_.fault_count > 0; }
  // More faults would not be shown, and the list is refused in any case.
  bool has_seen_enough() const { return list_.fault_count >= import_faults_max; }
  void count_row() { ++list_.rows; }
  // The patch is finished (finish_patch).
  void add(ProductPatch patch);
  ProductList take();

 private:
  const std::string currency_;
  const ListMode mode_;
  ProductList list_;
  std::vector<std::string> sentences_;  // of the first faults
  std::map<std::string, std::size_t, std::less<>> by_sku_;
  std::map<std::string, std::string, std::less<>> sku_by_gtin_;
};

// "line 7" -> "Line 7".
std::string capitalised(std::string text);
std::string shared_gtin_warning(const std::string& place, const std::string& gtin,
                                const std::string& other_sku);

}  // namespace titan::retail
