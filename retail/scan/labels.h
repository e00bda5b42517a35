// The shop's own labels: thirteen digits from a scale that name an article and its price, weight or
// number of pieces.
//
// What the digits mean is agreed country by country and shop by shop: the same number is 12.34 in
// one and kilograms in the other. So nothing is read without a table, which the store's settings
// make: a preset of the national rules, and rows of its own, which go before the preset's.
//
// A row's layout has one letter a digit: digits are the prefix, I the item's number, V the value, P
// the value's check digit (GS1 General Specifications, section 7.9), X what does not matter, C, the
// last one, the check digit of the whole. 13 letters are an EAN-13, 12 a UPC-A, 8 an EAN-8.
//
// Pure values, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "retail/money.h"

namespace titan::retail {

enum class LabelValue { price, weight, pieces };

struct LabelRule {
  std::string layout;  // "29IIIIPVVVVVC"
  LabelValue what = LabelValue::price;
  std::uint32_t decimals = 2;
  std::string unit;  // of a weight; empty: kg

  bool operator==(const LabelRule&) const = default;
};

inline constexpr std::size_t label_rules_max = 100;

// "price", "weight", "pieces".
std::string_view to_string(LabelValue what);
std::optional<LabelValue> parse_label_value(std::string_view text);
// What is wrong with a row, or nothing.
std::optional<std::string> label_rule_fault(const LabelRule& rule);

// What a label says.
struct LabelReading {
  const LabelRule* rule = nullptr;
  std::string item;         // "3071"
  std::string prefix_item;  // "293071"
  std::string article;      // the number with a value of zero: what the article is filed under
  std::string value_digits;
  Decimal value;
  bool value_is_sound = true;  // the value's check digit is right, or there is none
};

class LabelTable {
 public:
  LabelTable() = default;
  // Each row must be without fault; the first that fits a number counts.
  explicit LabelTable(std::vector<LabelRule> rules) : rules_(std::move(rules)) {}

  // Nothing unless a row fits, the number's own check digit is right and the value is not zero
  // (such a number is the article itself). `code`: 8, 12 or 13 digits.
  std::optional<LabelReading> read(std::string_view code) const;

  bool empty() const { return rules_.empty(); }
  const std::vector<LabelRule>& rules() const { return rules_; }

 private:
  std::vector<LabelRule> rules_;
};

// National rules as GS1's member organisations publish them; docs/SCANNING.md names each source.
struct LabelPreset {
  std::string_view country;  // ISO 3166: "DE"
  std::vector<LabelRule> rules;
};
const std::vector<LabelPreset>& label_presets();
// "CA, DE, EE ...".
std::string label_preset_names();
// The shop's own rows first, then the preset's; an empty preset adds none. Refused if there is no
// such preset.
Result<LabelTable> make_label_table(std::string_view preset, std::vector<LabelRule> own);

}  // namespace titan::retail
