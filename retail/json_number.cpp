#include "retail/json_number.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "retail/money.h"

namespace titan::retail {
namespace {

std::string written(double number, std::chars_format format, int precision) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number, format, precision);
  return error == std::errc{} ? std::string(text, end) : std::string();
}

bool reads_as(const std::string& text, double number) {
  double again = 0;
  std::from_chars(text.data(), text.data() + text.size(), again);
  // The parser may be off by a unit in the last place, so exact equality asks too much.
  return std::fabs(again - number) <= 2 * std::fabs(std::nextafter(number, HUGE_VAL) - number);
}

}  // namespace

std::optional<std::string> decimal_of(double number) {
  if (!std::isfinite(number) || std::fabs(number) >= 1e15) return std::nullopt;
  std::string text = written(number, std::chars_format::general, 15);
  if (!reads_as(text, number)) return std::nullopt;
  if (text.find('e') != std::string::npos) {
    text = written(number, std::chars_format::fixed, static_cast<int>(decimal_scale_max));
    if (!reads_as(text, number)) return std::nullopt;
  }
  return text;
}

}  // namespace titan::retail
