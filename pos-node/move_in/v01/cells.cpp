#include "pos-node/move_in/v01/cells.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/printable.h"
#include "pos-node/move_in/move_in_rules.h"
#include "retail/text.h"

namespace titan::pos::v01 {
namespace {

constexpr std::size_t shown_bytes_max = 40;

// A number that SQLite keeps as binary, as somebody would have typed it: six places at most.
std::string typed_number(double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6f", number);
  std::string typed = text;
  while (typed.ends_with('0')) typed.pop_back();
  if (typed.ends_with('.')) typed.pop_back();
  return typed;
}

}  // namespace

std::string shown_value(const std::string& text) {
  std::string shown = printable(text);
  if (shown.size() > shown_bytes_max) {
    std::size_t end = shown_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xc0) == 0x80) --end;
    shown = shown.substr(0, end) + "...";
  }
  return "\"" + shown + "\"";
}

std::string Row::name(int column) const {
  return statement_.getColumnName(column);
}

void Row::fault(const std::string& column, std::string message) {
  good_ = false;
  faults_.add({table_, id_, column, std::move(message)});
}

void Row::fault(int column, std::string message) {
  fault(name(column), std::move(message));
}

bool Row::is_null(int column) const {
  return statement_.getColumn(column).isNull();
}

std::optional<std::string> Row::text(int column, std::size_t characters_max) {
  if (is_null(column)) return std::string();
  if (statement_.getColumn(column).isBlob()) {
    fault(column, "is binary, not text");
    return std::nullopt;
  }
  std::string text = statement_.getColumn(column).getString();
  if (const auto wrong = retail::text_fault(text, characters_max)) {
    fault(column, *wrong + ": " + shown_value(text));
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> Row::whole(int column) {
  const SQLite::Column cell = statement_.getColumn(column);
  if (cell.isInteger()) return cell.getInt64();
  const std::string text = cell.isNull() ? "" : cell.getString();
  if (cell.isFloat()) {
    const double number = cell.getDouble();
    constexpr double exact_max = 9e15;
    if (std::nearbyint(number) == number && std::fabs(number) < exact_max) {
      return static_cast<std::int64_t>(number);
    }
  } else if (cell.isText()) {
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc{} && stopped == end && !text.empty()) return number;
  }
  fault(column, cell.isNull() ? "is missing" : "must be a whole number, not " + shown_value(text));
  return std::nullopt;
}

std::optional<retail::Decimal> Row::decimal(int column) {
  const SQLite::Column cell = statement_.getColumn(column);
  if (cell.isNull()) {
    fault(column, "is missing");
    return std::nullopt;
  }
  const std::string text = cell.isFloat() ? typed_number(cell.getDouble()) : cell.getString();
  const auto number = retail::parse_decimal(text);
  if (number) return *number;
  fault(column, number.error().message + ": " + shown_value(text));
  return std::nullopt;
}

std::optional<bool> Row::flag(int column, bool otherwise) {
  if (is_null(column)) return otherwise;
  const std::string text = statement_.getColumn(column).getString();
  if (text == "0" || text == "1") return text == "1";
  fault(column, "must be 0 or 1, not " + shown_value(text));
  return std::nullopt;
}

std::optional<WallTime> Row::time(int column) {
  const std::string text = is_null(column) ? "" : statement_.getColumn(column).getString();
  const auto time = parse_utc_time(text);
  if (time) return time;
  fault(column, text.empty() ? "is missing"
                             : "must be a time in UTC from 1990 to 2099, such as "
                               "2025-03-01T09:15:00Z, not " +
                                   shown_value(text));
  return std::nullopt;
}

}  // namespace titan::pos::v01
