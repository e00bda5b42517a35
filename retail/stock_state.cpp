#include "retail/stock_state.h"

#include "retail/money.h"

namespace titan::retail {

std::string_view to_string(StockState state) {
  switch (state) {
    case StockState::in_stock:
      return "in_stock";
    case StockState::low:
      return "low";
    case StockState::out_of_stock:
      return "out_of_stock";
    case StockState::back_order:
      return "back_order";
  }
  return "in_stock";
}

StockState stock_state(std::int64_t on_hand_units, std::int64_t low_stock_units) {
  if (on_hand_units < 0) return StockState::back_order;
  if (on_hand_units == 0) return StockState::out_of_stock;
  return on_hand_units <= low_stock_units ? StockState::low : StockState::in_stock;
}

std::string quantity_text(std::int64_t units) {
  return to_short_text(units, 6);
}

std::string stock_display(std::int64_t on_hand_units) {
  std::string text = quantity_text(on_hand_units);
  if (on_hand_units < 0) text += " (Back Order)";
  return text;
}

bool crosses_below_zero(std::int64_t before_units, std::int64_t after_units) {
  return before_units >= 0 && after_units < 0;
}

std::string back_order_alarm(std::string_view sku, std::int64_t on_hand_units) {
  return "Reorder " + std::string(sku) + ": stock is " + stock_display(on_hand_units) + ".";
}

}  // namespace titan::retail
