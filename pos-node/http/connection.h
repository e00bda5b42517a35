// What the sessions of the API server share. Internal to api/.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>

#include "base/host/connection_quota.h"
#include "pos-node/api/api.h"
#include "pos-node/api/events.h"
#include "pos-node/http/server.h"
#include "pos-node/service/metrics.h"

namespace titan::pos {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
// Of the loop's own executor type, which spares a virtual call at each step.
using Socket = asio::basic_stream_socket<Tcp, asio::io_context::executor_type>;

// One open connection. A single sweep calls on those past their deadline, which is cheaper than a
// timer at each step of each request.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Connection() = default;
  virtual void close() = 0;
  virtual void on_deadline() { close(); }
  bool is_overdue(Clock::time_point now) const { return now > deadline_; }

 protected:
  void set_deadline(Clock::duration wait) { deadline_ = Clock::now() + wait; }
  void clear_deadline() { deadline_ = Clock::time_point::max(); }

 private:
  Clock::time_point deadline_ = Clock::time_point::max();
};

struct ServerState {
  ServerState(Service& service, Metrics& metrics_of_node, ApiThreads threads, ServerLimits all)
      : api(service, metrics_of_node, std::move(threads)),
        metrics(metrics_of_node),
        limits(all),
        unproven({all.unproven_per_source_max, all.unproven_max}),
        bodies(all.bodies_bytes_max) {}

  Api api;
  EventHub hub;
  Metrics& metrics;
  ServerLimits limits;
  ConnectionQuota unproven;
  ByteBudget bodies;
  std::map<std::uint64_t, std::weak_ptr<Connection>> connections;
  std::uint64_t last_connection = 0;
  // From here on sessions only unwind: the service and the metrics may be gone before them.
  bool closed = false;

  std::uint64_t add(const std::shared_ptr<Connection>& connection) {
    connections.emplace(++last_connection, connection);
    metrics.api_connections.Set(static_cast<double>(connections.size()));
    return last_connection;
  }
  void remove(std::uint64_t id) {
    if (closed) return;
    connections.erase(id);
    metrics.api_connections.Set(static_cast<double>(connections.size()));
  }
};
using ServerStatePointer = std::shared_ptr<ServerState>;

// Reads requests from the socket until it closes or turns into an event stream. `place` is given
// back with the first whole request.
void start_http_session(Socket socket, const ServerStatePointer& state,
                        ConnectionQuota::Place place);

}  // namespace titan::pos
