#include "simulations/scenario/words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace titan::simulations {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};
// The largest first: duration_text() takes them in this order.
constexpr std::array<Unit, 5> units = {
    {{"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}, {"us", 1}}};
constexpr std::int64_t duration_us_max = std::int64_t{366} * 24 * 3'600'000'000;
constexpr std::size_t fraction_digits_max = 6;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct Decimal {
  std::uint64_t digits = 0;  // all of them, the point left out
  std::uint64_t scale = 1;   // 10 to the power of the digits behind the point
};

// Takes "12" or "1.25" off the front of `text`.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal decimal;
  const char* begin = text.data();
  const char* end = begin + text.size();
  auto read = std::from_chars(begin, end, decimal.digits);
  if (read.ec != std::errc{}) return std::nullopt;
  const char* next = read.ptr;
  if (next != end && *next == '.') {
    std::size_t places = 0;
    for (++next; next != end && is_digit(*next); ++next, ++places) {
      if (places == fraction_digits_max) return std::nullopt;
      if (decimal.digits > std::numeric_limits<std::uint64_t>::max() / 10 - 9) return std::nullopt;
      decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(*next - '0');
      decimal.scale *= 10;
    }
    if (places == 0) return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(next - begin));
  return decimal;
}

const Unit* take_unit(std::string_view& text) {
  const auto length = static_cast<std::size_t>(
      std::find_if(text.begin(), text.end(), [](char c) { return c < 'a' || c > 'z'; }) -
      text.begin());
  for (const auto& unit : units) {
    if (unit.name == text.substr(0, length)) {
      text.remove_prefix(length);
      return &unit;
    }
  }
  return nullptr;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration(0);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  while (!text.empty()) {
    const auto decimal = take_decimal(text);
    if (!decimal) return std::nullopt;
    const Unit* unit = take_unit(text);
    if (!unit || unit->microseconds >= smallest) return std::nullopt;
    smallest = unit->microseconds;
    const Wide part =
        Wide{decimal->digits} * static_cast<std::uint64_t>(unit->microseconds) / decimal->scale;
    if (part > static_cast<Wide>(duration_us_max - total)) return std::nullopt;
    total += static_cast<std::int64_t>(part);
  }
  return Duration(negative ? -total : total);
}

std::string duration_text(Duration duration) {
  auto rest = duration.count();
  if (rest == 0) return "0s";
  std::string text = rest < 0 ? "-" : "";
  if (rest < 0) rest = -rest;
  for (const auto& unit : units) {
    if (rest < unit.microseconds) continue;
    text += std::to_string(rest / unit.microseconds) + std::string(unit.name);
    rest %= unit.microseconds;
  }
  return text;
}

std::optional<Ratio> parse_ratio(std::string_view text) {
  const auto first = take_decimal(text);
  if (!first) return std::nullopt;
  if (text.empty()) return Ratio{first->digits, first->scale};
  if (text == "%") return Ratio{first->digits, first->scale * 100};
  if (text.front() != '/' || first->scale != 1) return std::nullopt;
  text.remove_prefix(1);
  const auto second = take_decimal(text);
  if (!second || !text.empty() || second->scale != 1 || second->digits == 0) return std::nullopt;
  return Ratio{first->digits, second->digits};
}

std::string ratio_text(const Ratio& ratio) {
  if (ratio.denominator == 1) return std::to_string(ratio.numerator);
  if (ratio.denominator == 100) return std::to_string(ratio.numerator) + "%";
  return std::to_string(ratio.numerator) + "/" + std::to_string(ratio.denominator);
}

Target parse_target(std::string_view text) {
  if (text == "leader") return {Target::Role::leader, ""};
  if (text == "follower") return {Target::Role::follower, ""};
  if (text == "any") return {Target::Role::any, ""};
  return {Target::Role::named, std::string(text)};
}

std::string target_text(const Target& target) {
  switch (target.role) {
    case Target::Role::leader:
      return "leader";
    case Target::Role::follower:
      return "follower";
    case Target::Role::any:
      return "any";
    case Target::Role::named:
      break;
  }
  return target.name;
}

bool same_ratio(const Ratio& a, const Ratio& b) {
  return Wide{a.numerator} * b.denominator == Wide{b.numerator} * a.denominator;
}

bool same_quality(const LinkQuality& a, const LinkQuality& b) {
  return a.delay_min == b.delay_min && a.delay_max == b.delay_max && same_ratio(a.loss, b.loss) &&
         same_ratio(a.duplication, b.duplication) && same_ratio(a.reordering, b.reordering) &&
         a.bytes_per_second == b.bytes_per_second;
}

std::optional<std::string> nearest(std::string_view wrong,
                                   const std::vector<std::string_view>& known) {
  std::size_t best = std::max<std::size_t>(1, wrong.size() / 3) + 1;
  std::optional<std::string> name;
  for (const auto& candidate : known) {
    const std::size_t away = distance(wrong, candidate);
    if (away >= best) continue;
    best = away;
    name = std::string(candidate);
  }
  return name;
}

std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& known) {
  const auto name = nearest(wrong, known);
  return name ? "; did you mean '" + *name + "'?" : std::string();
}

}  // namespace titan::simulations
