#include "mesh/zmq/socket_watch.h"

#include <zmq.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <utility>

namespace titan::mesh {
namespace {

int descriptor_of(void* socket) {
  int descriptor = -1;
  std::size_t size = sizeof(descriptor);
  if (zmq_getsockopt(socket, ZMQ_FD, &descriptor, &size) != 0) {
    throw std::runtime_error("ZeroMQ socket without a file descriptor");
  }
  return descriptor;
}

}  // namespace

struct SocketWatch::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& loop, void* socket, std::function<bool()> handler)
      : descriptor(loop, descriptor_of(socket)), on_ready(std::move(handler)) {}

  void turn() {
    if (stopped) return;
    const bool work_left = on_ready();
    if (stopped) return;
    if (work_left) {
      check_soon();
    } else {
      wait();
    }
  }

  void check_soon() {
    if (std::exchange(posted, true)) return;
    boost::asio::post(descriptor.get_executor(), [self = shared_from_this()] {
      self->posted = false;
      self->turn();
    });
  }

  void wait() {
    if (std::exchange(waiting, true)) return;
    // Asio re-arms the descriptor for every wait, so a signal that came before it is seen.
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            self->waiting = false;
                            if (!error) self->turn();
                          });
  }

  boost::asio::posix::stream_descriptor descriptor;
  std::function<bool()> on_ready;
  bool waiting = false;
  bool posted = false;
  bool stopped = false;
};

SocketWatch::SocketWatch(boost::asio::io_context& loop, void* zmq_socket,
                         std::function<bool()> on_ready)
    : state_(std::make_shared<State>(loop, zmq_socket, std::move(on_ready))) {
  // The mailbox may hold commands already, without a further signal to come.
  state_->check_soon();
}

SocketWatch::~SocketWatch() {
  state_->stopped = true;
  // The descriptor is libzmq's: let go of it without closing.
  state_->descriptor.release();
}

void SocketWatch::check_soon() {
  state_->check_soon();
}

}  // namespace titan::mesh
