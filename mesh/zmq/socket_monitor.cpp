#include "mesh/zmq/socket_monitor.h"

#include <cstring>
#include <utility>

namespace titan::mesh {

SocketMonitor::SocketMonitor(boost::asio::io_context& loop, zmq::context_t& context, void* socket,
                             const std::string& endpoint, int events, OnEvent on_event)
    : socket_(socket),
      pair_(context, zmq::socket_type::pair),
      on_event_(std::move(on_event)),
      alive_(std::make_shared<bool>(true)) {
  if (zmq_socket_monitor(socket_, endpoint.c_str(), events) != 0) throw zmq::error_t();
  pair_.set(zmq::sockopt::rcvhwm, 0);
  pair_.set(zmq::sockopt::linger, 0);
  pair_.connect(endpoint);
  watch_ = std::make_unique<SocketWatch>(loop, pair_.handle(), [this] {
    drain();
    return false;
  });
}

SocketMonitor::~SocketMonitor() {
  *alive_ = false;
  watch_.reset();
  // First the writer, then the pipe it writes into: a writer without a pipe would block.
  zmq_socket_monitor(socket_, nullptr, 0);
}

void SocketMonitor::drain() {
  const auto alive = alive_;
  zmq::message_t event;
  zmq::message_t address;
  while (*alive && pair_.recv(event, zmq::recv_flags::dontwait)) {
    if (event.more() && !pair_.recv(address, zmq::recv_flags::dontwait)) return;
    if (event.size() < 6) continue;
    std::uint16_t kind = 0;
    std::uint32_t value = 0;
    std::memcpy(&kind, event.data(), sizeof(kind));
    std::memcpy(&value, static_cast<const char*>(event.data()) + sizeof(kind), sizeof(value));
    on_event_(kind, value);
  }
}

}  // namespace titan::mesh
