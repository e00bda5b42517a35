// The one port of titan-cloud: HTTP for head office, WebSocket at /v1/uplink for stores, both with
// or without TLS (Boost.Beast). All on the loop.
//
// Every step of a connection has a time limit and every queue a bound, so a peer that says nothing,
// or never reads, costs one closed connection. Before it has shown a key (the admin key in a
// header, a handshake that is accepted) it has a place among few, and no body of it is read.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/host/connection_quota.h"
#include "base/result.h"
#include "cloud/gateway/gateway.h"
#include "cloud/rest/rest.h"

namespace titan::cloud {

inline constexpr int http_step_s = 30;   // request head and body, response
inline constexpr int http_first_s = 10;  // TLS handshake, head; while no key was shown
inline constexpr int http_linger_s = 2;  // to let one that was refused read why
inline constexpr std::size_t discarded_bytes_max = 1024 * 1024;  // of its body, meanwhile
inline constexpr int uplink_handshake_s = 10;  // from the upgrade to the whole handshake
inline constexpr int websocket_step_s = 10;    // upgrade, close
inline constexpr int websocket_idle_s = 20;    // a ping goes out at half of it
inline constexpr int websocket_write_s = 20;   // one message; slower peers are cut off
inline constexpr std::size_t connections_max = 8192;
// Without a key shown. A balancer in front is one source for all stores, and those need a place for
// milliseconds only. Rises: more stores connect in the same moment; falls: strangers hold less.
inline constexpr std::size_t unproven_per_source_max = 128;
inline constexpr std::size_t unproven_max = 1024;
// Of all requests' bodies, and of all handshakes under way, together.
inline constexpr std::size_t bodies_bytes_max = 128 * 1024 * 1024;
inline constexpr std::size_t handshakes_bytes_max = 32 * 1024 * 1024;
inline constexpr std::size_t handshake_piece_bytes = 16 * 1024;

struct ServerBudgets {
  ByteBudget bodies{bodies_bytes_max};
  ByteBudget handshakes{handshakes_bytes_max};
};

class Server {
 public:
  Server(boost::asio::io_context& loop, Gateway& gateway, Rest& rest);

  // Binds and begins to accept. The error names the address.
  Status listen(const Config& config);
  std::uint16_t port() const;
  void stop();

 private:
  void accept();
  void admit(boost::asio::ip::tcp::socket socket, const std::string& source,
             const std::string& peer);

  boost::asio::io_context& loop_;
  Gateway& gateway_;
  Rest& rest_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  std::optional<boost::asio::ssl::context> tls_;
  std::shared_ptr<std::size_t> connections_ = std::make_shared<std::size_t>(0);
  ConnectionQuota quota_{{unproven_per_source_max, unproven_max}};
  ServerBudgets budgets_;
};

}  // namespace titan::cloud
