#include "base/http_target.h"

#include <algorithm>

#include "base/digits.h"
#include "base/utf8.h"

namespace titan {
namespace {

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Nothing if an escape is broken or the result is no text that a database takes.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!is_utf8(decoded) || decoded.find('\0') != std::string::npos) return std::nullopt;
  return decoded;
}

Error target_error(const char* why) {
  return make_error(ErrorCode::invalid, std::string("The address of the request ") + why + ".");
}

constexpr const char* not_text = "has a broken %-escape, a NUL, or is not UTF-8";

// The text up to `mark`, which is taken away with it.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t end = text.find(mark);
  const std::string_view head = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return head;
}

// "http://host/path" -> "/path"; the host goes to `target`.
Status take_authority(std::string_view& text, HttpTarget& target) {
  const std::size_t mark = text.find("://");
  const std::string scheme = ascii_lower_case(text.substr(0, std::min<std::size_t>(mark, 8)));
  if (mark == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return target_error("must begin with / or http://");
  }
  text.remove_prefix(mark + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  target.authority = std::string(text.substr(0, end));
  text.remove_prefix(end);
  if (!parse_http_authority(target.authority)) {
    return target_error("names no host behind http://, or one that cannot be read");
  }
  return {};
}

Status read_path(std::string_view path, HttpTarget& target) {
  while (!path.empty()) {
    auto segment = percent_decode(take_until(path, '/'), false);
    if (!segment) return target_error(not_text);
    if (target.path.size() == path_segments_max) return target_error("has too many parts");
    target.path.push_back(std::move(*segment));
  }
  return {};
}

Status read_query(std::string_view query, HttpTarget& target) {
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    if (value.empty()) continue;
    auto name = percent_decode(take_until(value, '='), true);
    auto decoded = percent_decode(value, true);
    if (!name) return target_error(not_text);
    if (!decoded) {
      return make_error(ErrorCode::invalid, "The parameter " + *name + " " + not_text + ".", *name);
    }
    if (target.query.size() == query_items_max) return target_error("has too many parameters");
    const bool twice = std::any_of(target.query.begin(), target.query.end(),
                                   [&](const auto& item) { return item.first == *name; });
    if (twice) {
      return make_error(ErrorCode::invalid, "The parameter " + *name + " is there twice.", *name);
    }
    target.query.emplace_back(std::move(*name), std::move(*decoded));
  }
  return {};
}

}  // namespace

std::string ascii_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Result<HttpTarget> parse_http_target(std::string_view text) {
  HttpTarget target;
  if (text.size() > target_bytes_max) return target_error("is too long");
  if (text == "*") {
    target.is_asterisk = true;
    return target;
  }
  if (text.find('#') != std::string_view::npos) {
    return target_error("must not hold a #; in a name write it as %23");
  }
  if (!text.starts_with('/')) {
    if (const auto taken = take_authority(text, target); !taken) return taken.error();
  }
  std::string_view path = take_until(text, '?');
  if (!path.empty()) path.remove_prefix(1);
  if (const auto read = read_path(path, target); !read) return read.error();
  if (const auto read = read_query(text, target); !read) return read.error();
  return target;
}

std::optional<HttpAuthority> parse_http_authority(std::string_view text) {
  const bool in_brackets = text.starts_with('[');
  std::size_t end = in_brackets ? text.find(']') : text.find(':');
  if (in_brackets && end == std::string_view::npos) return std::nullopt;
  end = std::min(end, text.size());
  const std::string_view host = in_brackets ? text.substr(1, end - 1) : text.substr(0, end);
  std::string_view port = text.substr(in_brackets ? end + 1 : end);
  if (host.empty() || host.find_first_of("@/\\ \t[]") != std::string_view::npos) {
    return std::nullopt;
  }
  if (!port.empty()) {
    if (port.front() != ':') return std::nullopt;
    port.remove_prefix(1);
    if (port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)) return std::nullopt;
  }
  return HttpAuthority{ascii_lower_case(host), std::string(port)};
}

}  // namespace titan
