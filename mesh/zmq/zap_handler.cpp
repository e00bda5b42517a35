#include "mesh/zmq/zap_handler.h"

#include <array>
#include <string>
#include <vector>

#include "base/hex.h"

namespace titan::mesh {
namespace {

constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
constexpr const char* zap_version = "1.0";
// Frames of a request: version, request id, domain, address, routing id, mechanism, client key.
constexpr std::size_t request_frames = 7;
constexpr std::size_t curve_key_bytes = 32;

zmq::socket_t bound_socket(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind(zap_endpoint);
  return socket;
}

}  // namespace

ZapHandler::ZapHandler(boost::asio::io_context& loop, zmq::context_t& context)
    : socket_(bound_socket(context)),
      watch_(loop, socket_.handle(), [this] { return on_ready(); }) {}

bool ZapHandler::on_ready() {
  for (int i = 0; i < turn_requests_max; ++i) {
    if ((socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) == 0) return false;
    answer();
  }
  return true;
}

void ZapHandler::answer() {
  std::vector<std::string> request;
  zmq::message_t part;
  do {
    if (!socket_.recv(part, zmq::recv_flags::dontwait)) return;
    request.push_back(part.to_string());
  } while (part.more());

  const bool good = request.size() == request_frames && request[0] == zap_version &&
                    request[5] == "CURVE" && request[6].size() == curve_key_bytes;
  const std::string request_id = request.size() > 1 ? request[1] : std::string();
  const std::array<std::string, 6> reply = {zap_version,
                                            request_id,
                                            good ? "200" : "400",
                                            good ? "OK" : "CURVE only",
                                            good ? to_hex(request[6]) : std::string(),
                                            std::string()};
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const auto flags = i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    socket_.send(zmq::buffer(reply[i]), flags | zmq::send_flags::dontwait);
  }
}

}  // namespace titan::mesh
