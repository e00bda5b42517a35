#include "pos-node/json/json_writer.h"

#include "base/utf8.h"
#include "retail/text.h"

namespace titan::pos {

using namespace titan::retail;
namespace {

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
}

}  // namespace

void JsonWriter::append_quoted(std::string_view text) {
  text_ += '"';
  std::size_t plain = 0;
  while (plain < text.size() && is_plain(text[plain])) ++plain;
  text_ += text.substr(0, plain);
  std::string_view rest = text.substr(plain);
  while (!rest.empty()) {
    const std::size_t valid = is_utf8(rest) ? rest.size() : first_invalid_utf8(rest);
    append_escaped(text_, rest.substr(0, valid));
    rest.remove_prefix(valid);
    if (rest.empty()) break;
    text_ += "\xEF\xBF\xBD";
    rest.remove_prefix(1);
  }
  text_ += '"';
}

}  // namespace titan::pos
