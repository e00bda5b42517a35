// The connection events of one ZeroMQ socket, read on the loop thread.
//
// libzmq's I/O thread writes the events into an inproc pair; the reading end has no high-water
// mark, so that a loop that is busy never blocks that thread. Destroy the monitor before its
// socket is closed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <zmq.hpp>

#include "mesh/zmq/socket_watch.h"

namespace titan::mesh {

class SocketMonitor {
 public:
  // `value`: the file descriptor, an errno or a ZMTP error code, by kind of event.
  using OnEvent = std::function<void(std::uint16_t event, std::uint32_t value)>;

  // `endpoint` names the pair within the context and is used once. `events`: ZMQ_EVENT_ flags.
  SocketMonitor(boost::asio::io_context& loop, zmq::context_t& context, void* socket,
                const std::string& endpoint, int events, OnEvent on_event);
  ~SocketMonitor();
  SocketMonitor(const SocketMonitor&) = delete;
  SocketMonitor& operator=(const SocketMonitor&) = delete;

  // Everything that was written up to now; `on_event` may destroy the monitor.
  void drain();

 private:
  void* socket_;
  zmq::socket_t pair_;
  OnEvent on_event_;
  std::shared_ptr<bool> alive_;
  std::unique_ptr<SocketWatch> watch_;
};

}  // namespace titan::mesh
