#include "base/media_type.h"

#include "base/http_target.h"

namespace titan {
namespace {

bool is_token_character(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_letter || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string_view take_token(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_token_character(text[end])) ++end;
  const std::string_view token = text.substr(0, end);
  text.remove_prefix(end);
  return token;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

bool take(std::string_view& text, char mark) {
  if (!text.starts_with(mark)) return false;
  text.remove_prefix(1);
  return true;
}

// Behind the opening quotation mark. Nothing if there is no closing one.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  while (!text.empty()) {
    if (take(text, '"')) return value;
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    value += text.front();
    text.remove_prefix(1);
  }
  return std::nullopt;
}

// ";charset=utf-8", with blanks where clients put them. False if it is no such thing.
bool read_parameter(std::string_view& text, MediaType& media) {
  skip_blanks(text);
  if (text.empty() || text.front() == ';') return true;  // an empty one is allowed
  const std::string_view name = take_token(text);
  skip_blanks(text);
  if (name.empty() || !take(text, '=')) return false;
  skip_blanks(text);
  std::optional<std::string> value;
  if (take(text, '"')) {
    value = take_quoted(text);
  } else if (const std::string_view token = take_token(text); !token.empty()) {
    value = std::string(token);
  }
  if (!value) return false;
  if (ascii_lower_case(name) == "charset") media.charset = ascii_lower_case(*value);
  return true;
}

}  // namespace

bool MediaType::is_utf8() const {
  return charset.empty() || charset == "utf-8" || charset == "utf8" || charset == "us-ascii";
}

std::optional<MediaType> parse_media_type(std::string_view text) {
  MediaType media;
  skip_blanks(text);
  const std::string_view type = take_token(text);
  if (type.empty() || !take(text, '/')) return std::nullopt;
  const std::string_view subtype = take_token(text);
  if (subtype.empty()) return std::nullopt;
  media.type = ascii_lower_case(type) + "/" + ascii_lower_case(subtype);
  for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
    if (!take(text, ';') || !read_parameter(text, media)) return std::nullopt;
  }
  return media;
}

}  // namespace titan
