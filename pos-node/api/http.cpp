#include "pos-node/api/http.h"

#include "base/http_status.h"
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

ApiAnswer error_answer(const Error& error) {
  return {http_status(error.code, RefusedStatus::forbidden), error_json(error)};
}

ApiAnswer ok(std::string json) {
  return {200, std::move(json)};
}

}  // namespace titan::pos
