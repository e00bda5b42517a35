// A small synchronous HTTP client for the terminal's own API.
//
// One connection, kept open between requests; each request has a time limit. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "pos-node/config/config.h"

namespace titan::pos {

struct HttpReply {
  unsigned status = 0;
  std::string content_type;
  std::string allow;
  std::string body;

  bool is_success() const { return status >= 200 && status < 300; }
};

class ApiClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit ApiClient(HostPort address, std::chrono::seconds wait = std::chrono::seconds(10));
  ~ApiClient();

  // Called about once a second while an answer is waited for.
  void set_on_waiting(std::function<void(std::chrono::seconds waited)> on_waiting);
  // An error only if no answer came: not running, time limit, connection lost. A connection that
  // the server closed in between is opened again, once.
  Result<HttpReply> request(const std::string& method, const std::string& target,
                            const std::string& content_type = {}, const std::string& body = {},
                            const Headers& headers = {});
  Result<HttpReply> get(const std::string& target) { return request("GET", target); }
  Result<HttpReply> post(const std::string& target, const std::string& json) {
    return request("POST", target, "application/json", json);
  }

 private:
  class Exchange;
  std::unique_ptr<Exchange> exchange_;
};

// For use in a path or query.
std::string percent_encode(std::string_view text);

}  // namespace titan::pos
