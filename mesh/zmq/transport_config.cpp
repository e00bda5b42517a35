#include "mesh/zmq/transport_config.h"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace titan::mesh {

TransportTimings TransportTimings::wireless() {
  TransportTimings timings;
  timings.connect_max = milliseconds(1000);
  timings.stalled_max = milliseconds(4000);
  timings.handshake_max = milliseconds(3000);
  timings.dial.attempt_max = milliseconds(4500);
  timings.dial.hello_max = milliseconds(3000);
  timings.heartbeat_every = seconds(10);
  timings.heartbeat_answer_max = seconds(8);
  timings.heartbeat_life = seconds(30);
  return timings;
}

bool is_numeric_address(const std::string& address, bool any_port) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const std::string port_text = address.substr(colon + 1);
  unsigned port = 0;
  const auto [end, fault] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (fault != std::errc{} || end != port_text.data() + port_text.size()) return false;
  if (port > 65535 || (port == 0 && !any_port)) return false;

  std::string host = address.substr(0, colon);
  const bool bracketed = host.front() == '[';
  if (bracketed) {
    if (host.size() < 3 || host.back() != ']') return false;
    host = host.substr(1, host.size() - 2);
    host = host.substr(0, host.find('%'));  // the card's name says nothing about the number
  }
  boost::system::error_code wrong;
  const auto parsed = boost::asio::ip::make_address(host, wrong);
  return !wrong && parsed.is_v6() == bracketed;
}

std::vector<std::string> TransportConfig::validate() const {
  std::vector<std::string> complaints;
  const auto require = [&](bool good, const char* complaint) {
    if (!good) complaints.emplace_back(complaint);
  };
  require(is_numeric_address(listen, true),
          "mesh.listen: give a numeric address and a port, e.g. \"0.0.0.0:7411\"");
  require(!tenant.empty(), "store.tenant: must not be empty");
  require(!store.empty(), "store.store: must not be empty");
  require(!store_secret.is_none(), "store.secret: missing; titan-pos keygen makes one");
  require(!member.process.is_none(), "member.process: missing");
  require(timings.connect_max > Duration::zero() && timings.handshake_max > Duration::zero() &&
              timings.stalled_max > Duration::zero() && timings.retry_every > Duration::zero(),
          "transport timings: every time limit must be above 0");
  require(limits.socket_frames_max > 0 && limits.turn_frames_max > 0,
          "transport limits: frame limits must be above 0");
  return complaints;
}

}  // namespace titan::mesh
