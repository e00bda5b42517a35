#include "tests/mesh/zmq/raw_client.h"

#include <utility>

namespace titan::mesh::test {

CurveKey server_key_of(const TransportConfig& config) {
  return CurveKeyPair::from_seed(derive_curve_seed(config.store_secret)).public_key;
}

RawClient::RawClient(const std::string& address, RawOptions settings)
    : options(std::move(settings)), socket_(context_, zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::linger, 0);
  if (options.server_key) {
    socket_.set(zmq::sockopt::curve_serverkey, options.server_key->view());
    socket_.set(zmq::sockopt::curve_publickey, options.client_keys.public_key.view());
    socket_.set(zmq::sockopt::curve_secretkey, options.client_keys.secret_key.view());
  }
  socket_.connect("tcp://" + address);
}

void RawClient::send(const Bytes& frame) {
  socket_.send(zmq::buffer(frame), zmq::send_flags::dontwait);
}

bool RawClient::send_part(const Bytes& part) {
  const auto flags = zmq::send_flags::dontwait | zmq::send_flags::sndmore;
  return socket_.send(zmq::buffer(part), flags).has_value();
}

std::optional<Bytes> RawClient::receive() {
  zmq::message_t frame;
  if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
  return frame.to_string();
}

Bytes RawClient::hello(const TransportConfig& config) const {
  HelloContext context{
      config.tenant,       config.store,        config.store_secret, options.client_keys.public_key,
      *options.server_key, config.protocol_min, config.protocol};
  return make_hello(context, config.device_key, config.member);
}

}  // namespace titan::mesh::test
