// A request and its answer, free of the HTTP library, so that handlers can be read and tested
// alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/media_type.h"
#include "base/result.h"

namespace titan::pos {

inline constexpr std::size_t body_bytes_max = 1024 * 1024;
inline constexpr std::size_t products_body_bytes_max = 32 * 1024 * 1024;

enum class Method { get, head, put, post, options, other };

struct ApiRequest {
  Method method = Method::get;
  bool is_preflight = false;  // a browser asks what a page may do
  bool is_of_server = false;  // OPTIONS *
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;
  std::string content_type;
  std::string body;

  // Null if absent.
  const std::string* parameter(std::string_view name) const;
};

struct ApiAnswer {
  unsigned status = 200;
  std::string body;
  const char* content_type = "application/json";
  std::string allow = {};  // the address's methods: with 405, and to OPTIONS
};
using AnswerCallback = std::function<void(ApiAnswer)>;

// Whether the body is declared as JSON in UTF-8.
Status check_json(const ApiRequest& request);
// Whether a body of this declared charset is read: UTF-8 only.
Status check_charset(const MediaType& media);

ApiAnswer error_answer(const Error& error);
ApiAnswer ok(std::string json);

}  // namespace titan::pos
