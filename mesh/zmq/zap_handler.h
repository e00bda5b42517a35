// Answers libzmq's authentication requests (ZAP, RFC 27) of one context on the loop thread.
//
// Everyone who speaks CURVE to the store's server key passes; what counts is that the client's
// CURVE key becomes the "User-Id" of its frames, as hexadecimal text, so that the hello can be
// bound to the very connection it came through. Who belongs to the store is the hello's matter.
#pragma once

#include <boost/asio/io_context.hpp>
#include <zmq.hpp>

#include "mesh/zmq/socket_watch.h"

namespace titan::mesh {

class ZapHandler {
 public:
  // Must stand before the first socket of `context` binds.
  ZapHandler(boost::asio::io_context& loop, zmq::context_t& context);

  static constexpr int turn_requests_max = 32;
  static constexpr const char* domain = "titan-mesh";

 private:
  bool on_ready();
  void answer();

  zmq::socket_t socket_;
  SocketWatch watch_;
};

}  // namespace titan::mesh
