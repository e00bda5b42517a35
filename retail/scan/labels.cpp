#include "retail/scan/labels.h"

#include <algorithm>

#include "base/digits.h"
#include "retail/check_digits.h"

namespace titan::retail {
namespace {

constexpr std::size_t ean8_digits = 8;
constexpr std::size_t upc_a_digits = 12;
constexpr std::size_t ean13_digits = 13;

constexpr std::uint32_t decimals_max = 6;

std::size_t count(std::string_view layout, char letter) {
  return static_cast<std::size_t>(std::count(layout.begin(), layout.end(), letter));
}

// The letters of one kind stand together.
bool is_one_field(std::string_view layout, char letter) {
  const std::size_t first = layout.find(letter);
  return first == std::string_view::npos ||
         layout.rfind(letter) - first + 1 == count(layout, letter);
}

std::string field(std::string_view layout, std::string_view code, char letter) {
  std::string digits;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (layout[i] == letter) digits += code[i];
  }
  return digits;
}

bool fits(std::string_view layout, std::string_view code) {
  if (layout.size() != code.size()) return false;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (is_digit(layout[i]) && layout[i] != code[i]) return false;
  }
  return true;
}

// A UPC-A is read as an EAN-13 with a zero before it, so both are brought to thirteen.
std::string widened(std::string_view digits) {
  return (digits.size() == upc_a_digits ? "0" : "") + std::string(digits);
}

std::string article_number(std::string_view layout, std::string_view code) {
  std::string number(code);
  const std::string zero_value(count(layout, 'V'), '0');
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (layout[i] == 'V' || layout[i] == 'X') number[i] = '0';
    if (layout[i] == 'P') number[i] = value_check_digit(zero_value).value_or('0');
  }
  number.pop_back();
  number += check_digit_of(number);
  return number;
}

LabelRule row(std::string_view layout, LabelValue what, std::uint32_t decimals) {
  return {std::string(layout), what, decimals, {}};
}

std::vector<LabelRule> weights_by_23_24_25() {
  return {row("23IIIIIIVVVVC", LabelValue::weight, 3), row("24IIIIIIVVVVC", LabelValue::weight, 2),
          row("25IIIIIIVVVVC", LabelValue::weight, 1)};
}

std::vector<LabelRule> swedish() {
  std::vector<LabelRule> rules = {row("20IIIIIIVVVVC", LabelValue::price, 2),
                                  row("21IIIIIIVVVVC", LabelValue::price, 1),
                                  row("22IIIIIIVVVVC", LabelValue::price, 0)};
  for (LabelRule& rule : weights_by_23_24_25()) rules.push_back(std::move(rule));
  return rules;
}

}  // namespace

std::string_view to_string(LabelValue what) {
  switch (what) {
    case LabelValue::price:
      return "price";
    case LabelValue::weight:
      return "weight";
    case LabelValue::pieces:
      return "pieces";
  }
  return "";
}

std::optional<LabelValue> parse_label_value(std::string_view text) {
  for (const LabelValue what : {LabelValue::price, LabelValue::weight, LabelValue::pieces}) {
    if (text == to_string(what)) return what;
  }
  return std::nullopt;
}

std::optional<std::string> label_rule_fault(const LabelRule& rule) {
  const std::string_view layout = rule.layout;
  if (layout.size() != ean8_digits && layout.size() != upc_a_digits &&
      layout.size() != ean13_digits) {
    return "the layout must have 13 letters (EAN-13), 12 (UPC-A) or 8 (EAN-8), it has " +
           std::to_string(layout.size());
  }
  if (layout.find_first_not_of("0123456789IVPXC") != std::string_view::npos) {
    return "the layout may hold digits (the prefix), I (item), V (value), P (check digit of the "
           "value), X (anything) and C (check digit of the whole)";
  }
  if (!is_digit(layout.front())) return "the layout must begin with the digits of its prefix";
  if (layout.back() != 'C' || count(layout, 'C') != 1) {
    return "the layout must end with C, the check digit of the whole, and have it there only";
  }
  if (count(layout, 'I') == 0 || !is_one_field(layout, 'I')) {
    return "the layout needs the item's digits, I, in one place";
  }
  const std::size_t values = count(layout, 'V');
  if (values == 0 || !is_one_field(layout, 'V')) {
    return "the layout needs the value's digits, V, in one place";
  }
  if (count(layout, 'P') > 1 || (count(layout, 'P') == 1 && values != 4 && values != 5)) {
    return "a value has at most one check digit, P, and only if it has 4 or 5 digits";
  }
  if (rule.decimals > decimals_max || rule.decimals > values) {
    return "decimals must be at most the number of the value's digits, and at most 6";
  }
  if (rule.what == LabelValue::pieces && rule.decimals != 0) return "pieces have no decimals";
  if (rule.what != LabelValue::weight && !rule.unit.empty()) return "only a weight has a unit";
  return std::nullopt;
}

std::optional<LabelReading> LabelTable::read(std::string_view code) const {
  if (!has_right_check_digit(code)) return std::nullopt;
  const std::string number = widened(code);
  for (const LabelRule& rule : rules_) {
    const std::string layout = widened(rule.layout);
    if (!fits(layout, number)) continue;
    LabelReading reading;
    reading.rule = &rule;
    reading.value_digits = field(layout, number, 'V');
    for (const char digit : reading.value_digits) {
      reading.value.value = reading.value.value * 10 + (digit - '0');
    }
    if (reading.value.value == 0) return std::nullopt;
    reading.value.scale = rule.decimals;
    reading.item = field(layout, number, 'I');
    reading.prefix_item =
        rule.layout.substr(0, rule.layout.find_first_not_of("0123456789")) + reading.item;
    reading.article = article_number(layout, number);
    if (rule.layout.size() == upc_a_digits) reading.article.erase(0, 1);
    const std::string verifier = field(layout, number, 'P');
    reading.value_is_sound =
        verifier.empty() || verifier.front() == value_check_digit(reading.value_digits);
    return reading;
  }
  return std::nullopt;
}

const std::vector<LabelPreset>& label_presets() {
  static const std::vector<LabelPreset> all = {
      {"CA", {row("2IIIIIPVVVVC", LabelValue::price, 2)}},
      {"DE",
       {row("22IIIIPVVVVVC", LabelValue::price, 2), row("23IIIIPVVVVVC", LabelValue::price, 2),
        row("25IIIIPVVVVVC", LabelValue::pieces, 0), row("26IIIIPVVVVVC", LabelValue::pieces, 0),
        row("28IIIIPVVVVVC", LabelValue::weight, 3), row("29IIIIPVVVVVC", LabelValue::weight, 3)}},
      {"EE", weights_by_23_24_25()},
      {"FI", weights_by_23_24_25()},
      {"GB",
       {row("20IIIIIPVVVVC", LabelValue::price, 2), row("28IIIIIPVVVVC", LabelValue::price, 2)}},
      {"LT", weights_by_23_24_25()},
      {"LV", weights_by_23_24_25()},
      {"SE", swedish()},
      {"US", {row("2IIIIIPVVVVC", LabelValue::price, 2)}},
  };
  return all;
}

std::string label_preset_names() {
  std::string names;
  for (const LabelPreset& preset : label_presets()) {
    names += (names.empty() ? "" : ", ") + std::string(preset.country);
  }
  return names;
}

Result<LabelTable> make_label_table(std::string_view preset, std::vector<LabelRule> own) {
  if (preset.empty()) return LabelTable(std::move(own));
  for (const LabelPreset& known : label_presets()) {
    if (known.country != preset) continue;
    own.insert(own.end(), known.rules.begin(), known.rules.end());
    return LabelTable(std::move(own));
  }
  return make_error(ErrorCode::invalid, "\"" + std::string(preset) + "\" is no preset; there are " +
                                            label_preset_names() +
                                            ". Write the rows of another country as rules.");
}

}  // namespace titan::retail
