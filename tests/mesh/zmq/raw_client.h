// A client on bare ZeroMQ that plays the enemy, or a terminal that says its hello by hand.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "base/bytes.h"
#include "mesh/wire/hello.h"
#include "mesh/zmq/curve_keys.h"
#include "mesh/zmq/transport_config.h"

namespace titan::mesh::test {

struct RawOptions {
  CurveKeyPair client_keys = CurveKeyPair::draw();
  std::optional<CurveKey> server_key;  // none: no CURVE at all
  bool overlarge_allowed = true;
};

class RawClient {
 public:
  RawClient(const std::string& address, RawOptions options);

  void send(const Bytes& frame);
  // A part of a message that goes on. False: it cannot be sent now.
  bool send_part(const Bytes& part);
  // The next frame, if one is there.
  std::optional<Bytes> receive();
  // A hello as `config` would say it on this connection.
  Bytes hello(const TransportConfig& config) const;

  RawOptions options;

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

// The server key of the store to which the configuration belongs.
CurveKey server_key_of(const TransportConfig& config);

}  // namespace titan::mesh::test
