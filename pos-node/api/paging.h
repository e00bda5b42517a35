// Query parameters that several handlers read the same way.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "pos-node/api/http.h"

namespace titan::pos {

inline constexpr std::size_t page_items_max = 1000;  // products, stock
inline constexpr std::size_t page_items_default = 100;

// A whole number from 1 to `number_max`; `number_default` if the parameter is absent.
Result<std::uint64_t> number_parameter(const ApiRequest& request, std::string_view name,
                                       std::uint64_t number_default, std::uint64_t number_max);
// `after` of a list that is ordered by sku: the last sku told. Empty: from the beginning.
Result<std::string> sku_place(const ApiRequest& request);
// A mistyped parameter must not be swallowed.
Status known_parameters(const ApiRequest& request, std::initializer_list<std::string_view> known);

}  // namespace titan::pos
