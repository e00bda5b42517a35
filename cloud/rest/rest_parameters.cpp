#include "cloud/rest/rest_parameters.h"

#include <charconv>

#include "base/hex.h"
#include "retail/text.h"

namespace titan::cloud {
namespace {

constexpr std::size_t date_size = 10;
constexpr std::size_t sku_place_bytes_max = 1024;

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view take_part(std::string_view& text) {
  const std::size_t end = text.find(':');
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return part;
}

std::optional<EntryPlace> entry_place(std::string_view text) {
  EntryPlace place;
  const auto journal = from_hex(take_part(text));
  const auto number = whole_number<std::int64_t>(take_part(text));
  const auto hash = from_hex(text);
  if (!journal || journal->size() != 16 || !number || *number < 0 || !hash) return std::nullopt;
  if (!hash->empty() && hash->size() != 32) return std::nullopt;
  return EntryPlace{*journal, static_cast<std::uint64_t>(*number), *hash};
}

}  // namespace

std::string place_text(std::string_view journal_hex, std::string_view number,
                       std::string_view hash_hex) {
  return std::string(journal_hex) + ":" + std::string(number) + ":" + std::string(hash_hex);
}

Result<std::size_t> read_limit(std::string_view text) {
  const auto limit = whole_number<std::size_t>(text);
  if (limit && *limit > 0 && *limit <= page_rows_max) return *limit;
  return make_error(ErrorCode::invalid, "limit must be 1 to " + std::to_string(page_rows_max),
                    "limit");
}

Result<SalesPlace> read_sales_place(std::string_view text) {
  const Error unreadable = make_error(
      ErrorCode::invalid,
      "from must be a date that exists, like 2011-10-06, or a `next` of this list", "from");
  SalesPlace place;
  place.date = std::string(text.substr(0, date_size));
  // PostgreSQL knows no year 0.
  if (!retail::parse_date(place.date) || place.date.starts_with("0000")) return unreadable;
  if (text.size() == date_size) return place;
  if (text[date_size] != ':') return unreadable;
  place.entry = entry_place(text.substr(date_size + 1));
  if (!place.entry) return unreadable;
  return place;
}

Result<EntryPlace> read_entry_place(std::string_view text) {
  if (auto place = entry_place(text)) return std::move(*place);
  return make_error(ErrorCode::invalid, "after is no `next` of this list; begin again without it",
                    "after");
}

Result<std::string> read_sku_place(std::string_view text) {
  if (text.size() <= sku_place_bytes_max) return std::string(text);
  return make_error(ErrorCode::invalid, "after is longer than any sku; begin again without it",
                    "after");
}

}  // namespace titan::cloud
