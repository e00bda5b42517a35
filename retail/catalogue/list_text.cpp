#include "retail/catalogue/list_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "retail/text.h"

namespace titan::retail {
namespace {

// 0x80 to 0x9F of Windows-1252 (WHATWG encoding standard, index windows-1252); 0: not assigned.
constexpr std::array<char16_t, 32> high_controls = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// In Western languages letters beyond ASCII stand singly; a run of so many is another alphabet.
constexpr std::size_t foreign_run = 4;

enum class Encoding { unstated, utf8, utf16, utf16_little, utf16_big, windows_1252, unknown };

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

std::string lower(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return low;
}

std::string declared_charset(std::string_view content_type) {
  const std::string low = lower(content_type);
  const std::size_t at = low.find("charset=");
  if (at == std::string::npos) return "";
  std::string name = low.substr(at + 8, low.find(';', at) - at - 8);
  std::erase_if(name, [](char c) { return c == '"' || c == ' ' || c == '\''; });
  return name;
}

Encoding encoding_of(const std::string& charset) {
  if (charset.empty()) return Encoding::unstated;
  if (charset == "utf-8" || charset == "utf8") return Encoding::utf8;
  if (charset == "utf-16" || charset == "utf16" || charset == "unicode") return Encoding::utf16;
  if (charset == "utf-16le") return Encoding::utf16_little;
  if (charset == "utf-16be") return Encoding::utf16_big;
  // Browsers read the next ones as Windows-1252 too, for that is what they hold.
  for (const char* name :
       {"windows-1252", "cp1252", "cp-1252", "iso-8859-1", "latin1", "ansi", "us-ascii", "ascii"}) {
    if (charset == name) return Encoding::windows_1252;
  }
  return Encoding::unknown;
}

Result<std::string> from_utf16(std::string_view bytes, bool big) {
  std::string text;
  text.reserve(bytes.size());
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint32_t>(big ? first << 8 | second : second << 8 | first);
  };
  const Error broken =
      make_error(ErrorCode::invalid,
                 "The list is broken UTF-16: it ends in the middle of a character.", "line 1");
  if (bytes.size() % 2 != 0) return broken;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::uint32_t code = unit(at);
    if (code >= 0xD800 && code < 0xE000) {
      const bool has_low = code < 0xDC00 && at + 4 <= bytes.size() && unit(at + 2) >= 0xDC00 &&
                           unit(at + 2) < 0xE000;
      if (!has_low) return broken;
      code = 0x10000 + ((code - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    }
    append_utf8(text, code);
  }
  return text;
}

bool is_windows_1252(std::string_view bytes) {
  std::size_t run = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xA0 && high_controls[byte - 0x80] == 0) return false;
    run = byte >= 0xC0 ? run + 1 : 0;
    if (run >= foreign_run) return false;
  }
  return true;
}

std::string from_windows_1252(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 16);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xA0 && high_controls[byte - 0x80] != 0) {
      append_utf8(text, high_controls[byte - 0x80]);
    } else {
      append_utf8(text, byte);
    }
  }
  return text;
}

// Whether one character beyond ASCII is good UTF-8: then a bad one later is damage, not an
// encoding.
bool has_utf8_character(std::string_view bytes) {
  for (std::size_t at = 0; at + 1 < bytes.size(); ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (byte < 0xC2 || byte > 0xF4) continue;
    const std::size_t length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    if (first_invalid_utf8(bytes.substr(at, length)) >= length && at + length <= bytes.size()) {
      return true;
    }
  }
  return false;
}

Error not_utf8(std::string_view bytes, std::size_t bad, const std::string& more) {
  const std::string_view before = bytes.substr(0, bad);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;
  return make_error(ErrorCode::invalid,
                    "Line " + std::to_string(line) + ", column " +
                        std::to_string(bad - line_start + 1) + ": not UTF-8" + more +
                        ". Save the list as UTF-8 (in spreadsheets: \"CSV UTF-8\").",
                    "line " + std::to_string(line));
}

// Classic Mac files end lines with CR alone; a program that writes CRLF as text ends them with CR
// CR LF; DOS programs end the file with Ctrl-Z.
std::string with_line_feeds(std::string text) {
  while (text.ends_with('\x1A')) text.pop_back();
  if (text.find('\n') == std::string::npos) std::replace(text.begin(), text.end(), '\r', '\n');
  if (text.find("\r\r\n") == std::string::npos) return text;
  std::string mended;
  mended.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_extra = text.compare(at, 3, "\r\r\n") == 0;
    if (!is_extra) mended += text[at];
  }
  return mended;
}

// "s\0k\0u\0": a header is ASCII, so UTF-16 without a mark shows in the zeros.
std::optional<bool> evident_utf16_is_big(std::string_view bytes) {
  if (bytes.size() < 4 || bytes.size() % 2 != 0) return std::nullopt;
  if (bytes[0] != 0 && bytes[1] == 0 && bytes[2] != 0 && bytes[3] == 0) return false;
  if (bytes[0] == 0 && bytes[1] != 0 && bytes[2] == 0 && bytes[3] != 0) return true;
  return std::nullopt;
}

Result<ListText> utf16_list(std::string_view bytes, bool big) {
  auto text = from_utf16(bytes, big);
  if (!text) return text.error();
  return ListText{with_line_feeds(std::move(*text)), ""};
}

}  // namespace

Result<ListText> list_text(std::string_view bytes, std::string_view content_type) {
  const std::string charset = declared_charset(content_type);
  const Encoding declared = encoding_of(charset);
  if (declared == Encoding::unknown) {
    return make_error(ErrorCode::unsupported,
                      "The charset \"" + charset.substr(0, 40) +
                          "\" is not known here; known are utf-8, utf-16 and windows-1252. Save "
                          "the list as UTF-8 (in spreadsheets: \"CSV UTF-8\").",
                      "Content-Type");
  }
  // A byte order mark is part of the file; who declares otherwise was mistaken.
  if (bytes.starts_with("\xEF\xBB\xBF")) {
    bytes.remove_prefix(3);
    const std::size_t bad = first_invalid_utf8(bytes);
    if (bad < bytes.size()) return not_utf8(bytes, bad, "");
    return ListText{with_line_feeds(std::string(bytes)), ""};
  }
  if (bytes.starts_with("\xFF\xFE")) return utf16_list(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF")) return utf16_list(bytes.substr(2), true);
  if (declared == Encoding::utf16_big) return utf16_list(bytes, true);
  if (declared == Encoding::utf16_little || declared == Encoding::utf16) {
    return utf16_list(bytes, false);
  }
  if (const auto big = evident_utf16_is_big(bytes)) return utf16_list(bytes, *big);

  const std::size_t bad = first_invalid_utf8(bytes);
  const bool is_utf8 = bad == bytes.size();
  if (declared == Encoding::windows_1252) {
    ListText list{with_line_feeds(from_windows_1252(bytes)), ""};
    if (is_utf8 && has_utf8_character(bytes)) {
      list.warning =
          "The list is declared as " + charset + ", but reads like UTF-8; look at the names.";
    }
    return list;
  }
  if (is_utf8) return ListText{with_line_feeds(std::string(bytes)), ""};
  if (declared == Encoding::utf8) return not_utf8(bytes, bad, ", although it is declared so");
  if (has_utf8_character(bytes) || !is_windows_1252(bytes)) {
    return not_utf8(bytes, bad, " and not evidently Windows-1252");
  }
  return ListText{with_line_feeds(from_windows_1252(bytes)),
                  "The list is not UTF-8; it was read as Windows-1252. Look at names with accents, "
                  "or save it as UTF-8."};
}

}  // namespace titan::retail
