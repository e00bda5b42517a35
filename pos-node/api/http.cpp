#include "pos-node/api/http.h"

#include "base/utf8.h"
#include "pos-node/api/answers.h"

namespace titan::pos {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Nothing if an escape is broken or the result is no text.
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

}  // namespace

const std::string* ApiRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

Status parse_target(std::string_view target, ApiRequest& request) {
  if (target.empty() || target.front() != '/') return target_error("must begin with /");
  if (target.size() > target_bytes_max) return target_error("is too long");
  const std::size_t question = target.find('?');
  std::string_view path =
      target.substr(1, question == std::string_view::npos ? std::string_view::npos : question - 1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    auto segment = percent_decode(path.substr(0, slash), false);
    if (!segment) return target_error("has a broken %-escape or is not UTF-8");
    if (request.path.size() == path_segments_max) return target_error("has too many parts");
    request.path.push_back(std::move(*segment));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  if (question == std::string_view::npos) return {};
  std::string_view query = target.substr(question + 1);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    auto name = percent_decode(item.substr(0, equals), true);
    auto value = percent_decode(
        equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1), true);
    if (!name || !value) return target_error("has a broken %-escape or is not UTF-8");
    if (request.query.size() == query_items_max) return target_error("has too many parameters");
    request.query.emplace_back(std::move(*name), std::move(*value));
  }
  return {};
}

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return 400;
    case ErrorCode::refused:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::unsupported:
      return 415;
    case ErrorCode::unavailable:
    case ErrorCode::unknown_outcome:
      return 503;
    case ErrorCode::io:
    case ErrorCode::corrupt:
      return 500;
  }
  return 500;
}

ApiAnswer error_answer(const Error& error) {
  return {http_status(error.code), error_json(error), "application/json", nullptr};
}

ApiAnswer ok(std::string json) {
  return {200, std::move(json), "application/json", nullptr};
}

}  // namespace titan::pos
