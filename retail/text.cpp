#include "retail/text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <vector>

#include "base/utf8.h"

namespace titan::retail {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

// Length of the well-formed character at `at` (Unicode 15, table 3-7), 0 if there is none.
std::size_t utf8_character_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return is_continuation(byte(1)) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && is_continuation(byte(2)) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && is_continuation(byte(2)) && is_continuation(byte(3))
               ? 4
               : 0;
  }
  return 0;
}

// A row of time texts is written for each sale, so without printf.
void append_digits(std::string& text, unsigned number, unsigned digits, char then = 0) {
  std::array<char, 4> written{};
  for (unsigned i = 0; i < digits; ++i, number /= 10) {
    written[digits - 1 - i] = static_cast<char>('0' + number % 10);
  }
  text.append(written.data(), digits);
  if (then != 0) text += then;
}

bool passes_luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i-- > 0;) {
    int digit = digits[i] - '0';
    if (twice) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
    twice = !twice;
  }
  return sum % 10 == 0;
}

}  // namespace

std::size_t first_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = utf8_character_bytes(text, at);
    if (bytes == 0) return at;
    at += bytes;
  }
  return text.size();
}

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    // C1 controls are C2 80 .. C2 9F in UTF-8.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

std::optional<std::string> text_fault(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return "is " + std::to_string(text.size()) + " bytes long; at most " +
           std::to_string(bytes_max) + " are allowed";
  }
  if (!is_utf8(text)) return "is not valid UTF-8";
  if (has_control_character(text)) return "contains a control character (tab, line break ...)";
  return std::nullopt;
}

std::optional<std::string> sku_fault(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.front() == ' ' || text.back() == ' ') return "begins or ends with a blank";
  return text_fault(text, sku_bytes_max);
}

std::string mask_card_numbers(std::string_view text) {
  std::string masked(text);
  std::size_t at = 0;
  while (at < masked.size()) {
    if (!is_digit(masked[at])) {
      ++at;
      continue;
    }
    std::string digits;
    std::vector<std::size_t> places;
    std::size_t end = at;
    while (end < masked.size() &&
           (is_digit(masked[end]) || masked[end] == ' ' || masked[end] == '-')) {
      if (is_digit(masked[end])) {
        digits += masked[end];
        places.push_back(end);
      }
      ++end;
    }
    if (digits.size() >= 13 && digits.size() <= 19 && digits.front() >= '2' &&
        digits.front() <= '6' && passes_luhn(digits)) {
      for (std::size_t i = 0; i + 4 < places.size(); ++i) masked[places[i]] = '*';
    }
    at = end;
  }
  return masked;
}

std::optional<std::uint32_t> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  const auto number = [&](std::size_t at, std::size_t length, auto& value) {
    const char* first = text.data() + at;
    const auto [end, error] = std::from_chars(first, first + length, value);
    return error == std::errc{} && end == first + length && is_digit(*first);
  };
  if (!number(0, 4, year) || !number(5, 2, month) || !number(8, 2, day)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (!date.ok()) return std::nullopt;
  return static_cast<std::uint32_t>(year) * 10000 + month * 100 + day;
}

std::string date_text(std::uint32_t date) {
  std::string text;
  append_digits(text, date / 10000 % 10000, 4, '-');
  append_digits(text, date / 100 % 100, 2, '-');
  append_digits(text, date % 100, 2);
  return text;
}

std::string time_text(WallTime time, std::int32_t utc_offset_minutes) {
  using std::chrono::sys_time;
  // Years 0 to 9999 are all that RFC 3339 can write; a clock beyond them is shown at the edge.
  constexpr std::int64_t utc_ms_max = 253402300799999 - 24LL * 3600 * 1000;
  const std::int64_t utc_ms = std::min(std::max<std::int64_t>(time.utc_ms, 0), utc_ms_max);
  const std::int32_t offset = utc_offset_minutes % (24 * 60);
  const sys_time<milliseconds> local{milliseconds{utc_ms} + std::chrono::minutes{offset}};
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{local - day};
  std::string text;
  text.reserve(sizeof "2011-10-06T09:17:00.000+00:00");
  append_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4, '-');
  append_digits(text, static_cast<unsigned>(date.month()), 2, '-');
  append_digits(text, static_cast<unsigned>(date.day()), 2, 'T');
  append_digits(text, static_cast<unsigned>(clock.hours().count()), 2, ':');
  append_digits(text, static_cast<unsigned>(clock.minutes().count()), 2, ':');
  append_digits(text, static_cast<unsigned>(clock.seconds().count()), 2, '.');
  append_digits(text, static_cast<unsigned>(clock.subseconds().count()), 3);
  if (offset == 0) return text + 'Z';
  text += offset < 0 ? '-' : '+';
  const auto magnitude = static_cast<unsigned>(offset < 0 ? -offset : offset);
  append_digits(text, magnitude / 60, 2, ':');
  append_digits(text, magnitude % 60, 2);
  return text;
}

std::string id_text(const mesh::EntryId& id) {
  return id.journal.hex() + ":" + std::to_string(id.number);
}

std::optional<mesh::EntryId> parse_id(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto journal = JournalId::from_hex_text(text.substr(0, colon));
  const std::string_view digits = text.substr(colon + 1);
  mesh::EntryId id;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), id.number);
  if (!journal || error != std::errc{} || end != digits.data() + digits.size() || id.number == 0) {
    return std::nullopt;
  }
  id.journal = *journal;
  return id;
}

}  // namespace titan::retail
