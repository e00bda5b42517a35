#include "retail/catalogue/list_numbers.h"

#include <algorithm>
#include <array>

#include "base/digits.h"
#include "retail/currency.h"

namespace titan::retail {
namespace {

// What stands between digits without a meaning of its own: blanks of every width, apostrophes.
constexpr std::array<std::string_view, 7> fillers = {
    " ", "\xC2\xA0", "\xE2\x80\x89", "\xE2\x80\xAF", "'", "\xE2\x80\x99", "\t"};
struct CurrencySign {
  std::string_view sign;
  std::string_view codes;  // that it may mean
};
constexpr CurrencySign signs[] = {
    {"\xE2\x82\xAC", "EUR"},
    {"R$", "BRL"},
    {"$",
     "USD CAD AUD NZD SGD HKD MXN ARS CLP COP TWD BBD BMD BSD BZD FJD GYD JMD KYD LRD NAD SBD "
     "SRD TTD XCD"},
    {"\xC2\xA3", "GBP EGP FKP GIP LBP SHP SYP"},
    {"\xC2\xA5", "JPY CNY"},
    {"kr.", "DKK SEK NOK ISK"},
    {"kr", "SEK NOK DKK ISK"},
    {"Fr.", "CHF"},
    {"z\xC5\x82", "PLN"},
    {"K\xC4\x8D", "CZK"},
    {"Ft", "HUF"},
};

void drop_all(std::string& text, std::string_view what) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.erase(at, what.size());
  }
}

// The sign or code in front of or behind a number; empty if there is none.
std::string_view mark_of(std::string_view text) {
  for (const CurrencySign& known : signs) {
    if (text.starts_with(known.sign) || text.ends_with(known.sign)) return known.sign;
  }
  if (text.size() <= 3) return "";
  if (is_known_currency(text.substr(0, 3))) return text.substr(0, 3);
  const std::string_view end = text.substr(text.size() - 3);
  return is_known_currency(end) ? end : "";
}

void drop_currency(std::string& text) {
  const std::size_t size = mark_of(text).size();
  if (size == 0) return;
  if (std::string_view(text).starts_with(std::string(mark_of(text)))) {
    text.erase(0, size);
  } else {
    text.resize(text.size() - size);
  }
}

// A number without signs, blanks and currency: digits, points and commas.
struct Bare {
  std::string digits;
  bool negative = false;
};

std::optional<Bare> bare_number(std::string_view cell, bool is_percent) {
  Bare bare;
  std::string& text = bare.digits;
  text = cell;
  for (const std::string_view filler : fillers) drop_all(text, filler);
  const auto take_sign = [&] {
    if (text.starts_with('-') || text.starts_with('+')) {
      bare.negative = text.front() == '-';
      text.erase(0, 1);
      return;
    }
    constexpr std::string_view minus = "\xE2\x88\x92";  // U+2212
    if (!text.starts_with(minus)) return;
    bare.negative = true;
    text.erase(0, minus.size());
  };
  take_sign();
  drop_currency(text);
  if (!bare.negative) take_sign();
  if (is_percent && text.ends_with('%')) text.pop_back();
  if (text.find_first_not_of("0123456789.,") != std::string::npos || text.empty()) {
    return std::nullopt;
  }
  return bare;
}

// "1.234.567": a first group of one to three digits, then groups of three.
bool is_grouped(std::string_view text, char mark) {
  const std::size_t first = text.find(mark);
  if (first == 0 || first > 3 || !is_digits(text.substr(0, first)) || text.front() == '0') {
    return false;
  }
  text.remove_prefix(first);
  while (!text.empty()) {
    if (text.front() != mark || text.size() < 4 || !is_digits(text.substr(1, 3))) return false;
    text.remove_prefix(4);
  }
  return true;
}

struct Readings {
  std::optional<std::string> with_point;  // if the decimal mark is a point
  std::optional<std::string> with_comma;
};

std::optional<std::string> reading(std::string_view text, char decimal, char thousands) {
  const std::size_t mark = text.find(decimal);
  const std::string_view whole = text.substr(0, mark);
  std::string number(whole);
  if (whole.find(thousands) != std::string_view::npos) {
    if (!is_grouped(whole, thousands)) return std::nullopt;
    std::erase(number, thousands);
  }
  if (!is_digits(number)) return std::nullopt;
  if (mark == std::string_view::npos) return number;
  const std::string_view fraction = text.substr(mark + 1);
  if (!is_digits(fraction)) return std::nullopt;
  return number + "." + std::string(fraction);
}

Readings readings_of(std::string_view text, bool is_percent) {
  Readings both{reading(text, '.', ','), reading(text, ',', '.')};
  // 8.875 % is no eight thousand percent.
  if (is_percent && both.with_point && both.with_comma && *both.with_point != *both.with_comma) {
    const bool has_point = text.find('.') != std::string_view::npos;
    (has_point ? both.with_comma : both.with_point).reset();
  }
  return both;
}

}  // namespace

bool currency_fits(std::string_view cell, std::string_view code) {
  std::string text(cell);
  for (const std::string_view filler : fillers) drop_all(text, filler);
  while (text.starts_with('-') || text.starts_with('+')) text.erase(0, 1);
  const std::string_view mark = mark_of(text);
  if (mark.empty() || code.empty()) return true;
  for (const CurrencySign& known : signs) {
    if (known.sign == mark) return known.codes.find(code) != std::string_view::npos;
  }
  return mark == code;
}

bool may_be_thousands(std::string_view decimal) {
  if (decimal.starts_with('-')) decimal.remove_prefix(1);
  const std::size_t point = decimal.find('.');
  return point != std::string_view::npos && decimal.size() - point == 4 && is_grouped(decimal, '.');
}

Result<std::string> NumberStyle::read_whole(std::string_view cell) const {
  auto bare = bare_number(cell, false);
  if (!bare || !(is_grouped(bare->digits, '.') || is_grouped(bare->digits, ','))) {
    return read(cell, false);
  }
  std::erase_if(bare->digits, [](char c) { return c == '.' || c == ','; });
  return (bare->negative ? "-" : "") + bare->digits;
}

void NumberStyle::learn(std::string_view cell, bool is_percent) {
  const auto bare = bare_number(cell, is_percent);
  if (!bare || bare->digits.find_first_of(".,") == std::string::npos) return;
  const Readings both = readings_of(bare->digits, is_percent);
  if (both.with_point && !both.with_comma) ++points_;
  if (both.with_comma && !both.with_point) ++commas_;
}

bool NumberStyle::decimal_comma() const {
  if (is_known()) return commas_ > points_;
  return separator_ == ';';
}

Result<std::string> NumberStyle::read(std::string_view cell, bool is_percent) const {
  const std::string shown = "\"" + std::string(cell.substr(0, 40)) + "\"";
  const auto bare = bare_number(cell, is_percent);
  if (!bare) return make_error(ErrorCode::invalid, "is " + shown + ", which is no number");
  const std::string sign = bare->negative ? "-" : "";
  const Readings both = readings_of(bare->digits, is_percent);
  if (!both.with_point && !both.with_comma) {
    return make_error(ErrorCode::invalid,
                      "is " + shown + ", which is no number: its points and commas do not fit");
  }
  if (both.with_point && both.with_comma && *both.with_point == *both.with_comma) {
    return sign + *both.with_point;
  }
  const bool comma = decimal_comma();
  if (!both.with_point || !both.with_comma) {
    const bool is_comma = !both.with_point;
    if (is_known() && points_ > 0 && commas_ > 0 && is_comma != comma) {
      return make_error(ErrorCode::invalid,
                        "is " + shown + " with a decimal " + (is_comma ? "comma" : "point") +
                            ", while other rows have a decimal " + (comma ? "comma" : "point") +
                            "; write all of them alike");
    }
    return sign + (is_comma ? *both.with_comma : *both.with_point);
  }
  // Both readings are possible. The list's other numbers decide; without any, its separator makes
  // one mark likely to be decimal, and the other mark proves nothing.
  const bool has_comma = bare->digits.find(',') != std::string::npos;
  const bool likely = separator_ == ',' ? !has_comma : separator_ == ';' ? has_comma : false;
  if (!is_known() && !likely) {
    return make_error(ErrorCode::invalid, "is " + shown + ", which may be " + *both.with_point +
                                              " or " + *both.with_comma +
                                              "; write it without a thousands mark, or with all " +
                                              "digits behind the decimal mark");
  }
  return sign + (comma ? *both.with_comma : *both.with_point);
}

}  // namespace titan::retail
