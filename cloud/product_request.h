// The body of PUT …/products: checked whole before anything is written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace titan::cloud {

inline constexpr std::size_t products_per_request_max = 100'000;

struct ProductRequest {
  std::vector<std::string> skus;
  std::vector<Bytes> products;  // serialised titan.entry.v1.Product, beside `skus`
};

// The error names the product and the field.
Result<ProductRequest> parse_products(std::string_view body);

// "12.50" -> 1250 with 2 decimal places. Nothing for what is no such number.
struct Decimal {
  std::int64_t value = 0;
  std::uint32_t places = 0;
};
std::optional<Decimal> parse_decimal(std::string_view text);
// 1250, 2 -> "12.50".
std::string decimal_text(std::int64_t value, std::uint32_t places);
// Millionths as a number of units without needless zeros: -1500000 -> "-1.5".
std::string units_text(std::int64_t micro);

}  // namespace titan::cloud
