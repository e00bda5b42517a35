#include "mesh/zmq/doorkeeper.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace titan::mesh {
namespace {

struct Peer {
  std::string host;
  std::string host_and_port;
};

std::optional<Peer> peer_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return std::nullopt;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  std::uint16_t port = 0;
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    port = v6.sin6_port;
  } else if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    port = v4.sin_port;
  } else {
    return std::nullopt;
  }
  const std::string host = text.data();
  return Peer{host, host + " " + std::to_string(ntohs(port))};
}

// What was read of it so far: what came, less what the kernel still holds for a busy I/O thread.
std::uint64_t bytes_read(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  int waiting = 0;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  if (::ioctl(descriptor, FIONREAD, &waiting) != 0 || waiting < 0) return 0;
  const auto unread = static_cast<std::uint64_t>(waiting);
  return info.tcpi_bytes_received > unread ? info.tcpi_bytes_received - unread : 0;
}

}  // namespace

void Doorkeeper::on_accepted(MonoTime now, int descriptor) {
  const auto peer = peer_of(descriptor);
  if (!peer) return;  // gone already; its end is told next
  Connection& connection = connections_[descriptor] = {};
  connection.source = peer->host;
  connection.peer = peer->host_and_port;
  connection.since = now;
  connection.order = next_order_++;
  if (unproven_from(peer->host) > limits_.unproven_per_source_max) {
    end(connections_.find(descriptor));
  } else if (unproven() > limits_.unproven_max) {
    make_room(peer->host);
  }
  arm(now);
}

void Doorkeeper::on_ended(int descriptor) {
  connections_.erase(descriptor);
}

void Doorkeeper::on_whole_message(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found != connections_.end()) found->second.had_message = true;
}

void Doorkeeper::on_proven(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found != connections_.end()) found->second.is_proven = true;
}

std::size_t Doorkeeper::unproven() const {
  return static_cast<std::size_t>(std::count_if(
      connections_.begin(), connections_.end(),
      [](const auto& item) { return !item.second.is_proven && !item.second.is_ended; }));
}

std::size_t Doorkeeper::unproven_from(const std::string& source) const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [&](const auto& item) {
        return !item.second.is_proven && !item.second.is_ended && item.second.source == source;
      }));
}

// The oldest of the source that has most of them; `newest` is the source of the one that came.
void Doorkeeper::make_room(const std::string& newest) {
  std::map<std::string, std::size_t> counts;
  for (const auto& [descriptor, connection] : connections_) {
    if (!connection.is_proven && !connection.is_ended) ++counts[connection.source];
  }
  std::string greediest = newest;
  for (const auto& [source, count] : counts) {
    if (count > counts[greediest]) greediest = source;
  }
  auto oldest = connections_.end();
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    const Connection& connection = it->second;
    if (connection.is_proven || connection.is_ended || connection.source != greediest) continue;
    if (oldest == connections_.end() || connection.order < oldest->second.order) oldest = it;
  }
  if (oldest != connections_.end()) end(oldest);
}

void Doorkeeper::end(Connections::iterator connection) {
  connection->second.is_ended = true;
  const auto peer = peer_of(connection->first);
  if (!peer || peer->host_and_port != connection->second.peer) return;
  ::shutdown(connection->first, SHUT_RDWR);
  if (on_turned_away_) on_turned_away_();
}

void Doorkeeper::look(MonoTime now, bool is_read_empty) {
  std::uint64_t unfinished_in_all = 0;
  std::vector<std::pair<std::uint64_t, int>> unfinished;
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    Connection& connection = it->second;
    if (connection.is_ended) continue;
    const std::uint64_t bytes = bytes_read(it->first);
    if (!connection.is_proven) {
      const bool is_late = now - connection.since >= limits_.unproven_wait;
      if (is_late || bytes > limits_.unproven_bytes_max) end(it);
      continue;
    }
    if (std::exchange(connection.had_message, false) || bytes < connection.bytes_then) {
      connection.bytes_then = bytes;
    }
    if (!is_read_empty) continue;
    const std::uint64_t open = bytes - connection.bytes_then;
    unfinished_in_all += open;
    unfinished.emplace_back(open, it->first);
    if (open <= limits_.unfinished_bytes_max) continue;
    unfinished_in_all -= open;
    unfinished.pop_back();
    end(it);
  }
  std::sort(unfinished.rbegin(), unfinished.rend());
  for (const auto& [open, descriptor] : unfinished) {
    if (unfinished_in_all <= limits_.unfinished_bytes_in_all_max) break;
    unfinished_in_all -= open;
    end(connections_.find(descriptor));
  }
  arm(now);
}

void Doorkeeper::arm(MonoTime now) {
  if (connections_.empty()) {
    next_look_ = MonoTime::never();
  } else {
    next_look_ = now + (unproven() > 0 ? limits_.look_at_unproven_every : limits_.look_every);
  }
}

}  // namespace titan::mesh
