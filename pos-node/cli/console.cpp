#include "pos-node/cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace titan::pos {
namespace {

// One character of valid UTF-8, and how many bytes it takes; a bad byte counts as one character.
std::pair<char32_t, std::size_t> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  const char32_t first = byte(0);
  const std::size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (first < 0xC0 || bytes > text.size()) return {first, 1};
  char32_t character = first & (0x7F >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) character = character << 6 | (byte(i) & 0x3F);
  return {character, bytes};
}

std::size_t width_of(char32_t c) {
  const bool combining = (c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) || c == 0xFE0F;
  if (combining) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0x1F300 && c <= 0x1FAFF);
  return wide ? 2 : 1;
}

const char* escape_of(Colour colour) {
  switch (colour) {
    case Colour::plain:
      return "";
    case Colour::bold:
      return "\033[1m";
    case Colour::green:
      return "\033[32m";
    case Colour::yellow:
      return "\033[33m";
    case Colour::red:
      return "\033[31m";
    case Colour::dim:
      return "\033[2m";
  }
  return "";
}

}  // namespace

bool Console::wants_colours() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr &&
         !(terminal && std::string_view(terminal) == "dumb");
}

void Console::progress(const std::string& text) {
  if (isatty(STDERR_FILENO) == 0) return;
  errors_ << "\r\033[K" << text << std::flush;
}

std::string Console::paint(const std::string& text, Colour colour) const {
  if (!colours_ || colour == Colour::plain) return text;
  return escape_of(colour) + text + "\033[0m";
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto [character, bytes] = decode(text);
    width += width_of(character);
    text.remove_prefix(bytes);
  }
  return width;
}

std::string shorten(std::string_view text, std::size_t width_max) {
  if (display_width(text) <= width_max) return std::string(text);
  std::size_t width = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto [character, bytes] = decode(text.substr(at));
    if (width + width_of(character) + 1 > width_max) break;
    width += width_of(character);
    at += bytes;
  }
  return std::string(text.substr(0, at)) + "…";
}

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::print(Console& console) const {
  std::vector<std::size_t> widths;
  for (const std::string& name : header_) widths.push_back(display_width(name));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i].text));
    }
  }
  const auto print_row = [&](const std::vector<Cell>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - display_width(row[i].text), ' ');
      const std::string text = console.paint(row[i].text, row[i].colour);
      const bool last = i + 1 == row.size();
      line += row[i].right ? blanks + text : text + (last ? "" : blanks);
      if (!last) line += "  ";
    }
    console.line(line);
  };
  std::vector<Cell> names;
  for (std::size_t i = 0; i < header_.size(); ++i) {
    const bool right = !rows_.empty() && i < rows_.front().size() && rows_.front()[i].right;
    names.push_back({header_[i], Colour::dim, right});
  }
  print_row(names);
  for (const auto& row : rows_) print_row(row);
}

const json::value& member_at(const json::value& value, std::string_view path) {
  static const json::value nothing;
  const json::value* at = &value;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view step = path.substr(0, dot);
    path.remove_prefix(std::min(dot + 1, path.size()));
    const json::value* inner = nullptr;
    if (const auto* object = at->if_object()) {
      inner = object->if_contains(step);
    } else if (const auto* array = at->if_array()) {
      std::size_t index = 0;
      std::from_chars(step.data(), step.data() + step.size(), index);
      inner = array->if_contains(index);
    }
    if (!inner) return nothing;
    at = inner;
  }
  return *at;
}

std::string text_at(const json::value& value, std::string_view path) {
  const json::value& found = member_at(value, path);
  if (found.is_null()) return "";
  if (found.is_string()) return std::string(found.get_string());
  if (found.is_double()) {
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%.6g", found.get_double());
    return std::string(text, static_cast<std::size_t>(size));
  }
  return json::serialize(found);
}

}  // namespace titan::pos
