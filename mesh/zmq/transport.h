// The mesh's transport over ZeroMQ: one ROUTER that listens, one DEALER per dialled address, CURVE
// on all of them, a hello before anything else.
//
// Lives on the one loop thread, also its callbacks; libzmq's own I/O thread does the sockets and
// the encryption. A callback may call any function of the transport but the destructor.
//
// A *link* is a dialled connection whose hello was accepted: frames can be sent on it. What a peer
// sends comes on the connection that it dialled, so frames may arrive from a process before, after
// or without a link to it. Nothing passes a connection before its hello was checked against tenant,
// store, store secret, protocol and both CURVE keys of that very connection.
//
// A process is linked through one address at a time. Other addresses that reach the same process
// are parked, and dialled at once when that link goes. Dialling goes on until hang_up(): each
// attempt has time limits, and a lost link is dialled again at once (see dialled_address.h).
//
// Frames to a peer that does not read wait in bounded queues; beyond them they are dropped and
// counted. Delivery is at most once and in order per link.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "mesh/messages.h"
#include "mesh/zmq/counters.h"
#include "mesh/zmq/link_down.h"
#include "mesh/zmq/transport_config.h"

namespace titan::mesh {

struct TransportCallbacks {
  // `frame` is valid during the call.
  std::function<void(const ProcessId& from, BytesView frame)> on_frame;
  std::function<void(const MemberInfo& peer, const std::string& address)> on_link_up;
  std::function<void(const ProcessId& peer, LinkDown reason, const std::string& address)>
      on_link_down;
  // Soon after on_link_down(closed): nothing listens at the address of the link any more, while its
  // host is up. The process is gone.
  std::function<void(const ProcessId& peer)> on_nobody_there;
  // A peer at a dialled address will not have us; for the log, once per address and reason.
  std::function<void(const std::string& address, const std::string& reason)> on_refused;
  // Each time that a peer ended the encryption handshake: another store secret, or no terminal.
  std::function<void(const std::string& address)> on_not_understood;
  // Of any refusal, without words, each time: the address is at rest for a while.
  std::function<void(const std::string& address)> on_resting;
  // The dialled address is our own.
  std::function<void(const std::string& address)> on_self;
  // The process at this address is linked through another; it waits in reserve.
  std::function<void(const std::string& address, const ProcessId& peer)> on_parked;
  // A peer dialled us and was admitted: its addresses are worth dialling, and so is `origin`, the
  // host it called from with the port it listens at (empty: it did not tell one).
  std::function<void(const MemberInfo& peer, const std::string& origin)> on_greeted;
  // A stranger dialled us and was refused; for the log, once per host and reason.
  std::function<void(const std::string& remote_host, const std::string& reason)> on_turned_away;
};

struct LinkView {
  std::string address;
  std::string phase;  // waiting, connecting, greeting, linked, parked, resting, self
  std::optional<MemberInfo> peer;
  std::size_t queued_frames = 0;
};

class Transport {
 public:
  Transport(boost::asio::io_context& loop, TransportConfig config, TransportCallbacks callbacks);
  // Closes; blocks at most goodbye_max.
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Binds the listening socket. Fails if the configuration is wrong or the port is taken.
  Status start();
  // Lets frames already sent leave (goodbye_max), then ends every connection. No callback follows.
  void close();

  // Keeps trying `address` ("10.77.0.3:7411", "[fe80::1%eth0]:7411"; numeric) until hang_up(), with
  // `retry_every` between failed attempts. Dialled again: at the new pace, and at once.
  Status dial(const std::string& address, std::optional<Duration> retry_every = {});
  void hang_up(const std::string& address);
  // The address is configured or remembered: attempts at it do not wait for those at strangers'
  // (mesh/zmq/dial_budget.h).
  void vouch(const std::string& address);

  // False if the frame was dropped: no link, too large, or the peer's queue is full.
  bool send(const ProcessId& to, Bytes frame);
  // What our next hello says.
  void set_member_info(MemberInfo member);

  bool is_linked(const ProcessId& peer) const;
  std::vector<LinkView> links() const;
  const TransportCounters& counters() const;
  std::uint16_t bound_port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace titan::mesh
