// HTTP by hand, over a loopback socket of its own for each exchange.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>

namespace titan::test {

// Of 127.0.0.1; free when it was asked for.
std::uint16_t free_port();

struct HttpAnswer {
  int status = 0;  // 0: there was no answer
  std::string body;
  boost::json::value json() const { return boost::json::parse(body); }
};

HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target,
                const std::string& body = {}, const std::string& key = "admin-key-1",
                const std::string& type = "application/json");

// Bytes as they are, as far as the other reads them; all that comes until it closes.
std::string exchange_bytes(std::uint16_t port, const std::string& bytes);

}  // namespace titan::test
