// The one port of titan-cloud: HTTP for head office, WebSocket at /v1/uplink for stores, both with
// or without TLS (Boost.Beast). All on the loop.
//
// Every step of a connection has a time limit and every queue a bound, so a peer that says nothing,
// or never reads, costs one closed connection.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "cloud/gateway.h"
#include "cloud/rest.h"

namespace titan::cloud {

inline constexpr int http_step_s = 30;        // request head and body, TLS handshake, response
inline constexpr int websocket_step_s = 10;   // upgrade, close
inline constexpr int websocket_idle_s = 20;   // a ping goes out at half of it
inline constexpr int websocket_write_s = 20;  // one message; slower peers are cut off
inline constexpr std::size_t connections_max = 8192;

class Server {
 public:
  Server(boost::asio::io_context& loop, Gateway& gateway, Rest& rest);

  // Binds and begins to accept. The error names the address.
  Status listen(const Config& config);
  std::uint16_t port() const;
  void stop();

 private:
  void accept();

  boost::asio::io_context& loop_;
  Gateway& gateway_;
  Rest& rest_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  std::optional<boost::asio::ssl::context> tls_;
  std::shared_ptr<std::size_t> connections_ = std::make_shared<std::size_t>(0);
};

}  // namespace titan::cloud
