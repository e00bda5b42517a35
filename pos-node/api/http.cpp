#include "pos-node/api/http.h"

#include "pos-node/api/answers.h"

namespace titan::pos {
const std::string* ApiRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

Status check_charset(const MediaType& media) {
  if (media.is_utf8()) return {};
  return make_error(
      ErrorCode::unsupported,
      "The body is declared as charset=" + media.charset.substr(0, 40) + "; send it as UTF-8.",
      "Content-Type");
}

Status check_json(const ApiRequest& request) {
  const auto media = parse_media_type(request.content_type);
  if (!media || media->type != "application/json") {
    return make_error(ErrorCode::unsupported,
                      "Send the body as JSON, with Content-Type: application/json.",
                      "Content-Type");
  }
  return check_charset(*media);
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
  return {http_status(error.code), error_json(error)};
}

ApiAnswer ok(std::string json) {
  return {200, std::move(json)};
}

}  // namespace titan::pos
