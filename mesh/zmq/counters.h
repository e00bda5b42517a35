// What passed the transport and what it dropped, for /metrics and the benchmarks. Only grow.
#pragma once

#include <cstdint>

namespace titan::mesh {

struct TransportCounters {
  std::uint64_t frames_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_received = 0;
  // Frames to send that were dropped.
  std::uint64_t dropped_without_link = 0;
  std::uint64_t dropped_queue_full = 0;
  std::uint64_t dropped_too_large = 0;
  std::uint64_t dropped_with_link = 0;  // waited in the queue when the connection was lost
  // Frames received that were dropped.
  std::uint64_t dropped_without_hello = 0;
  std::uint64_t dropped_malformed = 0;
  // Connections.
  std::uint64_t attempts = 0;
  std::uint64_t links_up = 0;
  std::uint64_t links_down = 0;
  std::uint64_t accepted_connections = 0;
  std::uint64_t hellos_accepted = 0;
  std::uint64_t hellos_refused = 0;
  std::uint64_t handshakes_failed = 0;        // CURVE, as the listening side
  std::uint64_t refused_by_peers = 0;         // refusals we were told
  std::uint64_t connections_turned_away = 0;  // over a bound of the door
  std::uint64_t dials_put_off = 0;            // attempts that had to wait for their turn
};

}  // namespace titan::mesh
