// What a stock figure means to a person: in stock, low, out of stock, back order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace titan::retail {

enum class StockState { in_stock, low, out_of_stock, back_order };

// "in_stock", "low", "out_of_stock", "back_order".
std::string_view to_string(StockState state);

// Figures in millionths of the product's unit. Below zero is a back order, zero is out of stock, up
// to the threshold (included) is low.
StockState stock_state(std::int64_t on_hand_units, std::int64_t low_stock_units);

// "3", "0.25", "-1".
std::string quantity_text(std::int64_t units);
// As a till shows it: "3", and "-1 (Back Order)" below zero.
std::string stock_display(std::int64_t on_hand_units);

// True for the step below zero, which somebody must answer by reordering.
bool crosses_below_zero(std::int64_t before_units, std::int64_t after_units);
std::string back_order_alarm(std::string_view sku, std::int64_t on_hand_units);

}  // namespace titan::retail
