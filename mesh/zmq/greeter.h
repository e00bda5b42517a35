// The hellos of one transport: mesh/wire/hello.h with this terminal's side filled in.
#pragma once

#include "mesh/wire/hello.h"
#include "mesh/zmq/transport_config.h"

namespace titan::mesh {

class Greeter {
 public:
  Greeter(const TransportConfig& config, const CurveKey& server_key)
      : device_key_(config.device_key), context_{config.tenant,       config.store,
                                                 config.store_secret, {},
                                                 server_key,          config.protocol_min,
                                                 config.protocol} {}

  // Known once the listening socket is bound.
  void set_mesh_port(std::uint16_t port) { context_.mesh_port = port; }

  // `client_key` is of the side that dialled.
  Bytes hello(const MemberInfo& self, const CurveKey& client_key) const {
    return make_hello(context_of(client_key), device_key_, self);
  }
  HelloResult check(BytesView frame, const CurveKey& client_key) const {
    return check_hello(frame, context_of(client_key));
  }
  Bytes accepted(const MemberInfo& self, const CurveKey& client_key) const {
    return make_hello_accepted(context_of(client_key), device_key_, self);
  }
  HelloResult check_accepted(BytesView frame, const CurveKey& client_key) const {
    return check_hello_accepted(frame, context_of(client_key));
  }

 private:
  HelloContext context_of(const CurveKey& client_key) const {
    HelloContext context = context_;
    context.client_curve_key = client_key;
    return context;
  }

  KeyPair device_key_;
  HelloContext context_;
};

}  // namespace titan::mesh
