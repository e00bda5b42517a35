// A request and its answer, free of the HTTP library, so that handlers can be read and tested
// alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace titan::pos {

inline constexpr std::size_t body_bytes_max = 1024 * 1024;
inline constexpr std::size_t products_body_bytes_max = 32 * 1024 * 1024;
inline constexpr std::size_t target_bytes_max = 4096;
inline constexpr std::size_t path_segments_max = 8;
inline constexpr std::size_t query_items_max = 16;

enum class Method { get, head, put, post, other };

struct ApiRequest {
  Method method = Method::get;
  std::vector<std::string> path;  // "/v1/sales/x" -> {"v1", "sales", "x"}, percent-decoded
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
  const char* allow = nullptr;  // methods, with 405
};
using AnswerCallback = std::function<void(ApiAnswer)>;

// Splits and decodes "/v1/products?q=caf%C3%A9"; refuses what is no such thing.
Status parse_target(std::string_view target, ApiRequest& request);

unsigned http_status(ErrorCode code);
ApiAnswer error_answer(const Error& error);
ApiAnswer ok(std::string json);

}  // namespace titan::pos
