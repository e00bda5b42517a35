// Wakes the loop when a ZeroMQ socket may have something to do.
//
// ZMQ_FD is signalled only when libzmq's mailbox goes from empty to non-empty, and any call on the
// socket may consume the signal. Hence the rule: `on_ready` reads (or asks ZMQ_EVENTS) until there
// is nothing more before the watch waits again, and whoever sends on a watched socket calls
// check_soon() afterwards or knows that a later turn will look.
//
// Lives on the loop thread. Destroying the watch inside its own on_ready is allowed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

namespace titan::mesh {

class SocketWatch {
 public:
  // `on_ready` answers whether work is left; then it is called again after the others' turns.
  SocketWatch(boost::asio::io_context& loop, void* zmq_socket, std::function<bool()> on_ready);
  ~SocketWatch();
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  void check_soon();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace titan::mesh
