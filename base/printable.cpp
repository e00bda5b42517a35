#include "base/printable.h"

#include <cstdint>

namespace titan {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
  bool is_valid = false;
};

Character read(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || text.size() < length) return {first, 1, false};
  std::uint32_t code = first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {first, 1, false};
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < smallest[length] || code > 0x10FFFF || is_surrogate) return {first, 1, false};
  return {code, length, true};
}

bool is_shown(const Character& c) {
  if (!c.is_valid || c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0)) return false;
  const bool is_separator = c.code == 0x2028 || c.code == 0x2029;
  const bool is_direction = c.code == 0x061C || c.code == 0x200E || c.code == 0x200F ||
                            (c.code >= 0x202A && c.code <= 0x202E) ||
                            (c.code >= 0x2066 && c.code <= 0x2069);
  return !is_separator && !is_direction;
}

std::string escaped(const Character& c) {
  if (c.is_valid && c.code == '\n') return "\\n";
  if (c.is_valid && c.code == '\r') return "\\r";
  if (c.is_valid && c.code == '\t') return "\\t";
  constexpr char digits[] = "0123456789abcdef";
  const bool is_byte = !c.is_valid || c.code < 0x80;
  std::string text = is_byte ? "\\x" : "\\u";
  for (int shift = is_byte ? 4 : 12; shift >= 0; shift -= 4) text += digits[(c.code >> shift) & 15];
  return text;
}

}  // namespace

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const Character next = read(text);
    if (!is_shown(next)) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const Character next = read(text);
    if (is_shown(next)) {
      line += text.substr(0, next.bytes);
    } else {
      line += escaped(next);
    }
    text.remove_prefix(next.bytes);
  }
  return line;
}

}  // namespace titan
