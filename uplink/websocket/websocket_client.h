// The store's end of the uplink: one WebSocket to the cloud, with TLS for wss://.
//
// Everything runs on the io_context given; not thread-safe. Every step has a time limit of its own
// (resolve, connect, TLS, WebSocket handshake, each write), so that a cloud which accepts and then
// says nothing holds nothing up. A ping goes out when the connection is idle; one that stays
// unanswered ends it. What waits to be written is bounded by bytes; beyond that the connection is
// closed, since the upload window keeps the queue short in any healthy case.
//
// Each connection has the number its caller gave. on_closed comes exactly once for every connection
// that connect() began and disconnect() did not end; after disconnect() nothing more is heard of
// it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace titan::uplink {

struct CloudUrl {
  bool tls = false;
  std::string host;
  std::string port;
  std::string target;  // "/v1/uplink"

  // ws://host[:port][/path] or wss://…; the path defaults to /v1/uplink.
  static Result<CloudUrl> parse(const std::string& url);
};

struct WebSocketLimits {
  int resolve_ms = 3'000;
  int connect_ms = 3'000;
  int tls_ms = 5'000;
  int handshake_ms = 5'000;
  int write_ms = 10'000;
  int idle_ms = 20'000;  // a ping goes out at half of it
  int close_ms = 500;
  std::size_t queued_bytes_max = 16 * 1024 * 1024;
};

struct WebSocketHandlers {
  std::function<void(std::uint64_t connection)> on_connected;
  std::function<void(std::uint64_t connection, Bytes message)> on_message;
  std::function<void(std::uint64_t connection, const std::string& reason)> on_closed;
};

class WebSocketClient {
 public:
  // `ca_file`: whom to trust for wss; empty: the system's store. Fails if the file cannot be read.
  static Result<std::unique_ptr<WebSocketClient>> make(boost::asio::io_context& context,
                                                       CloudUrl url, const std::string& ca_file,
                                                       WebSocketHandlers handlers,
                                                       WebSocketLimits limits = {});
  ~WebSocketClient();

  // Ends any earlier connection first.
  void connect(std::uint64_t connection);
  void send(std::uint64_t connection, Bytes message);
  // Closes politely within close_ms, then at once.
  void disconnect(std::uint64_t connection, const std::string& reason);
  // Calls `done` from the loop once every connection that was ended has said so to the cloud and
  // heard its answer, or came to its limit. To be asked once, before the client goes.
  void when_closed(std::function<void()> done);
  // Can a TCP connection be made at all? Independent of connect().
  void probe(std::function<void(bool reachable)> answer);

  std::uint64_t bytes_sent() const;
  std::uint64_t bytes_received() const;

 private:
  struct Shared;
  class Connection;
  template <class Stream>
  class StreamConnection;
  explicit WebSocketClient(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace titan::uplink
