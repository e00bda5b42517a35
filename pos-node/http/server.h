// The local API on the network: HTTP/1.1 and WebSocket on one address, on the loop thread.
//
// Requests of one connection are answered in their order, one at a time (pipelining is safe). All
// limits are named in ServerLimits; what happens at each is said there. The API has no password, so
// pages of other origins are turned away, and names that a stranger's DNS could point here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "pos-node/api/events.h"
#include "pos-node/config/config.h"
#include "pos-node/service/metrics.h"
#include "pos-node/service/service.h"

namespace titan::pos {

struct ServerLimits {
  std::size_t connections_max = 256;  // one more is answered 503 and closed
  // Of them those that have sent no whole request yet; likewise.
  std::size_t unproven_max = 128;
  std::size_t unproven_per_source_max = 64;
  std::chrono::seconds first_request_wait{10};  // from connecting to its first request's header
  // Bodies of all requests together, product lists above all; one more is answered 503.
  std::size_t bodies_bytes_max = 96 * 1024 * 1024;
  std::size_t header_bytes_max = 16 * 1024;  // 431 and closed
  std::chrono::seconds request_wait{75};     // from one answer to the next request's header
  std::chrono::seconds body_wait{30};        // for the whole body; then closed
  std::chrono::seconds write_wait{30};       // for a client to take its answer; then closed
  std::chrono::seconds linger{2};            // to let a refused client read why
  std::size_t event_queue_bytes_max = 4 * 1024 * 1024;  // of one subscriber; then cut off
  std::size_t event_queue_length_max = 50'000;          // of one subscriber; then cut off
  std::size_t event_client_bytes_max = 4096;  // of a message from a subscriber; then closed
  // A subscriber silent for half of it is pinged; without an answer for all of it, closed.
  std::chrono::seconds event_idle{30};
};

class Server {
 public:
  // All of them outlive the server.
  Server(boost::asio::io_context& loop, Service& service, Metrics& metrics,
         ServerLimits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The address that is really listened on (port 0 takes a free one). Names the cause on failure:
  // port taken, address not of this machine ...
  Result<HostPort> listen(const HostPort& address);

  EventHub& events();

  // Takes no new connection; open ones go on, so that answers under way still arrive.
  void stop_accepting();
  // Closes everything. The loop must run once more for the handlers to unwind.
  void close();

 private:
  class Acceptor;
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace titan::pos
