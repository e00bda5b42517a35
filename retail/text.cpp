#include "retail/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <vector>

#include "base/digits.h"
#include "base/utf8.h"

namespace titan::retail {
namespace {

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

std::uint32_t code_point_at(std::string_view text, std::size_t at, std::size_t bytes) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
  };
  if (bytes == 1) return byte(0);
  std::uint32_t code_point = byte(0) & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code_point = code_point << 6 | (byte(i) & 0x3FU);
  return code_point;
}

// The end of a text, at most so many characters.
std::string_view last_characters(std::string_view text, std::size_t characters) {
  std::size_t at = text.size();
  while (at > 0 && characters > 0) {
    --at;
    if (!is_continuation(static_cast<unsigned char>(text[at]))) --characters;
  }
  return text.substr(at);
}

// Unicode 15: general categories Zs (but U+0020), Zl, Zp and Cf, and letters and marks that are
// drawn as nothing. In ascending order.
struct InvisibleRange {
  std::uint32_t first;
  std::uint32_t last;
  std::string_view name;
};
constexpr InvisibleRange invisible_ranges[] = {
    {0x00A0, 0x00A0, "no-break space"},
    {0x00AD, 0x00AD, "soft hyphen"},
    {0x034F, 0x034F, "combining grapheme joiner"},
    {0x061C, 0x061C, "Arabic letter mark"},
    {0x115F, 0x1160, "Hangul filler"},
    {0x1680, 0x1680, "Ogham space mark"},
    {0x17B4, 0x17B5, "Khmer inherent vowel"},
    {0x180B, 0x180F, "Mongolian separator"},
    {0x2000, 0x200A, "typographic space"},
    {0x200B, 0x200B, "zero width space"},
    {0x200C, 0x200C, "zero width non-joiner"},
    {0x200D, 0x200D, "zero width joiner"},
    {0x200E, 0x200E, "left-to-right mark"},
    {0x200F, 0x200F, "right-to-left mark"},
    {0x2028, 0x2028, "line separator"},
    {0x2029, 0x2029, "paragraph separator"},
    {0x202A, 0x202E, "direction mark"},
    {0x202F, 0x202F, "narrow no-break space"},
    {0x205F, 0x205F, "mathematical space"},
    {0x2060, 0x2060, "word joiner"},
    {0x2061, 0x2065, "invisible operator"},
    {0x2066, 0x206F, "direction mark"},
    {0x2800, 0x2800, "Braille blank"},
    {0x3000, 0x3000, "ideographic space"},
    {0x3164, 0x3164, "Hangul filler"},
    {0xFE00, 0xFE0F, "variation selector"},
    {0xFEFF, 0xFEFF, "zero width no-break space, a byte order mark"},
    {0xFFA0, 0xFFA0, "Hangul filler"},
    {0xFFF0, 0xFFFB, "annotation mark"},
    {0x13430, 0x1345F, "hieroglyph format control"},
    {0x1BCA0, 0x1BCA3, "shorthand format control"},
    {0x1D159, 0x1D159, "null notehead"},
    {0x1D173, 0x1D17A, "musical format control"},
    {0xE0000, 0xE007F, "tag"},
    {0xE0080, 0xE00FF, "unassigned, drawn as nothing"},
    {0xE0100, 0xE01EF, "variation selector"},
    {0xE01F0, 0xE0FFF, "unassigned, drawn as nothing"},
};

bool is_invisible(std::uint32_t code_point) {
  return std::any_of(std::begin(invisible_ranges), std::end(invisible_ranges),
                     [&](const InvisibleRange& range) {
                       return range.first <= code_point && code_point <= range.last;
                     });
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

constexpr std::size_t card_digits_max = 19;

bool is_card_number(std::string_view digits) {
  if (digits.size() < 13 || digits.size() > card_digits_max || !passes_luhn(digits)) return false;
  if (digits.front() != '2') return digits.front() >= '3' && digits.front() <= '6';
  const std::string_view issuer = digits.substr(0, 4);
  return digits.size() == 16 &&
         ((issuer >= "2200" && issuer <= "2204") || (issuer >= "2221" && issuer <= "2720"));
}

struct DigitGroup {
  std::size_t begin;
  std::size_t end;
};

// The groups of digits from `at` on that only blanks and dashes divide; `at` is a digit.
std::vector<DigitGroup> digit_groups(std::string_view text, std::size_t at) {
  std::vector<DigitGroup> groups;
  while (at < text.size() && is_digit(text[at])) {
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    groups.push_back({at, end});
    at = end;
    while (at < text.size() && (text[at] == ' ' || text[at] == '-')) ++at;
  }
  return groups;
}

// All but the last four digits between the two places.
void mask_digits(std::string& text, std::size_t begin, std::size_t end) {
  std::size_t shown = 4;
  for (std::size_t i = end; i-- > begin;) {
    if (!is_digit(text[i])) continue;
    if (shown > 0) {
      --shown;
    } else {
      text[i] = '*';
    }
  }
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

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return !is_continuation(static_cast<unsigned char>(c));
  }));
}

std::optional<std::string> text_fault(std::string_view text, std::size_t characters_max) {
  if (!is_utf8(text)) return "is not valid UTF-8";
  if (const std::size_t characters = character_count(text); characters > characters_max) {
    return "is " + std::to_string(characters) + " characters long; at most " +
           std::to_string(characters_max) + " are allowed";
  }
  if (has_control_character(text)) return "contains a control character (tab, line break ...)";
  return std::nullopt;
}

std::optional<std::string> sku_fault(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.front() == ' ' || text.back() == ' ') return "begins or ends with a blank";
  if (auto fault = text_fault(text, sku_characters_max)) return fault;
  return invisible_fault(text);
}

std::optional<std::string> invisible_fault(std::string_view text) {
  const auto invisible = first_invisible_character(text);
  if (!invisible) return std::nullopt;
  const std::string before(last_characters(text.substr(0, invisible->at), 20));
  return "contains an invisible character (" + invisible->name() + ") " +
         (before.empty() ? "at its beginning" : "after \"" + before + "\"");
}

std::optional<std::string> scan_fault(std::string_view text) {
  constexpr std::string_view of_scanners = "\r\n\t\x1D\x1E\x04";
  // Scanners on a serial line send a frame, STX and ETX, around it all.
  constexpr std::string_view of_frame = "\x02\x03\r\n\t ";
  const std::size_t first = text.find_first_not_of(of_frame);
  const std::size_t last = text.find_last_not_of(of_frame);
  std::string visible(first == std::string_view::npos ? std::string_view{}
                                                      : text.substr(first, last + 1 - first));
  std::erase_if(visible, [&](char c) { return of_scanners.find(c) != std::string_view::npos; });
  return text_fault(visible, scan_characters_max);
}

std::optional<InvisibleCharacter> first_invisible_character(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bytes = utf8_character_bytes(text, at);
    if (bytes == 0) return std::nullopt;
    const std::uint32_t code_point = code_point_at(text, at, bytes);
    if (is_invisible(code_point)) return InvisibleCharacter{at, code_point};
    at += bytes;
  }
  return std::nullopt;
}

std::string InvisibleCharacter::name() const {
  std::string text = "U+";
  for (int shift = code_point > 0xFFFFF  ? 20
                   : code_point > 0xFFFF ? 16
                                         : 12;
       shift >= 0; shift -= 4) {
    text += "0123456789ABCDEF"[code_point >> shift & 0xF];
  }
  for (const InvisibleRange& range : invisible_ranges) {
    if (range.first <= code_point && code_point <= range.last) {
      return text + " " + std::string(range.name);
    }
  }
  return text;
}

std::string mask_card_numbers(std::string_view text) {
  std::string masked(text);
  std::size_t at = 0;
  while (at < masked.size()) {
    if (!is_digit(masked[at])) {
      ++at;
      continue;
    }
    // A card's number begins and ends where a group of digits does; other digits may stand beside
    // it.
    const std::vector<DigitGroup> groups = digit_groups(masked, at);
    for (std::size_t first = 0; first < groups.size(); ++first) {
      std::string digits;
      std::size_t last = first;
      std::size_t card_end = 0;
      for (; last < groups.size() && digits.size() < card_digits_max; ++last) {
        digits += masked.substr(groups[last].begin, groups[last].end - groups[last].begin);
        if (is_card_number(digits)) card_end = last + 1;
      }
      if (card_end == 0) continue;
      mask_digits(masked, groups[first].begin, groups[card_end - 1].end);
      first = card_end - 1;
    }
    at = groups.back().end;
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
