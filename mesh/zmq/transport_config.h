// Settings of the ZeroMQ transport: who we are, where we listen, and every limit by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/time.h"
#include "mesh/messages.h"
#include "mesh/wire/hello.h"
#include "mesh/zmq/dial_budget.h"
#include "mesh/zmq/dialled_address.h"
#include "mesh/zmq/doorkeeper.h"

namespace titan::mesh {

struct TransportLimits {
  // Frames waiting inside libzmq per peer. Rises: longer bursts pass without our own queue; falls:
  // less memory for a peer that does not read.
  int socket_frames_max = 128;
  // Our own queue in front of it, per peer; beyond either, a frame is dropped and counted, and
  // anti-entropy repairs what it carried.
  std::size_t queue_frames_max = 4096;
  std::size_t queue_bytes_max = 4 * 1024 * 1024;
  // Read from the peers in one turn of the loop before others get theirs.
  int turn_frames_max = 64;
  std::size_t turn_bytes_max = 1024 * 1024;
  // Incoming connections that are remembered; beyond it the ones without a hello go first.
  std::size_t sessions_max = 1024;
  // Refusals said on one incoming connection; later hellos on it are dropped unanswered.
  int refusals_per_session_max = 3;
  // A connection that sends frames without a hello is asked for one at most this often.
  Duration hello_wanted_every = milliseconds(200);
  // (address, reason) pairs already reported; beyond it all are forgotten and told once more.
  std::size_t reported_refusals_max = 1024;
  // Addresses that are tried in turn; how many attempts are in flight is `dials`.
  std::size_t addresses_max = 1024;
  DialLimits dials;
  DoorLimits door;
};

struct TransportTimings {
  DialTimings dial;
  // For a dial() without a pace of its own.
  Duration retry_every = milliseconds(200);
  // The TCP connect of one attempt. Linux repeats a lost SYN only after 1 s: a shorter limit makes
  // a healed cut usable before TCP would notice it.
  Duration connect_max = milliseconds(300);
  // Data that stays unacknowledged this long ends the connection (TCP_USER_TIMEOUT); the next
  // attempt starts at once instead of waiting for TCP's doubled retransmission timer. It costs no
  // traffic, and a stalled process is not a stalled connection: its kernel acknowledges.
  Duration stalled_max = milliseconds(800);
  // Of the CURVE handshake, on both sides. A busy peer, or thirty that start at once, must not fail
  // for their load; a cut in the middle of it is stalled_max's matter.
  Duration handshake_max = milliseconds(2000);
  // ZMTP heartbeats find a peer that vanished while nothing was said. They cost about 84 bytes per
  // connection and interval, so they are rare: probes of the membership do the quick work.
  Duration heartbeat_every = seconds(5);
  Duration heartbeat_answer_max = seconds(3);
  // The listening side drops a connection that was silent this long.
  Duration heartbeat_life = seconds(15);
  // Frames already sent when the transport closes or hangs up get this long to leave.
  Duration goodbye_max = milliseconds(100);

  static TransportTimings wired() { return {}; }
  // Roaming gaps of up to 3 s should not end connections.
  static TransportTimings wireless();
};

struct TransportConfig {
  std::string listen = "0.0.0.0:0";  // "address:port", "[v6]:port"; port 0: a free one
  std::string tenant;
  std::string store;
  StoreSecret store_secret;
  KeyPair device_key;
  MemberInfo member;  // says the hello
  std::uint32_t protocol = protocol_version;
  std::uint32_t protocol_min = protocol_version_min;
  TransportTimings timings;
  TransportLimits limits;

  // All complaints, empty if there is none.
  std::vector<std::string> validate() const;
};

// "10.77.0.3:7411", "[fe80::1%eth0]:7411": a numeric host and a port from 1 (or 0 where
// `any_port`). Names are not accepted: libzmq would resolve them on its only thread and hold up
// every peer.
bool is_numeric_address(const std::string& address, bool any_port = false);

}  // namespace titan::mesh
