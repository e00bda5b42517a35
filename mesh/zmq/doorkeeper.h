// Bounds what connections to the listening socket may cost before they prove themselves, and what
// one may send without ever coming to an end.
//
// libzmq takes every connection, keeps up to a frame (1 MB) of what a stranger sends while it
// shakes hands, and keeps the parts of a message, without a limit, until its last one. It has no
// option for either. So this class watches its connections from outside: it learns of each from the
// monitor's events, counts the bytes that came on it (TCP_INFO), and shuts down the socket of one
// that is over a bound, upon which libzmq frees all that it kept of it.
//
// A connection is proven by a hello that was accepted. An unproven one may send few bytes, for a
// short time; of one source and in all there may be few. If there are too many in all, the source
// that has most of them loses its oldest, so that a flood keeps out who floods.
//
// A descriptor is shut down only while it still leads to where it led when it was accepted: between
// libzmq's closing of a socket and its event another could have got the number.
//
// Lives on the loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/time.h"

namespace titan::mesh {

struct DoorLimits {
  // Without an accepted hello. A till takes milliseconds for it; thirty behind one address (a
  // laboratory, a demonstration) start in one second.
  std::size_t unproven_per_source_max = 32;
  std::size_t unproven_max = 128;
  // Greeting, CURVE handshake and hello take about 1.5 kB.
  std::uint64_t unproven_bytes_max = 32 * 1024;
  // A little longer than handshake and hello may take (TransportTimings); then it is closed.
  Duration unproven_wait = seconds(5);
  // Received on a connection since its last whole message, and on all of them together.
  std::uint64_t unfinished_bytes_max = 4 * 1024 * 1024;
  std::uint64_t unfinished_bytes_in_all_max = 32 * 1024 * 1024;
  // Between two looks, while there are connections. Falls: a stranger sends more before it is seen.
  Duration look_every = milliseconds(200);
  Duration look_at_unproven_every = milliseconds(20);
};

class Doorkeeper {
 public:
  // `on_turned_away`: for the count; a connection was ended.
  Doorkeeper(const DoorLimits& limits, std::function<void()> on_turned_away)
      : limits_(limits), on_turned_away_(std::move(on_turned_away)) {}

  // What the monitor of the listening socket tells.
  void on_accepted(MonoTime now, int descriptor);
  void on_ended(int descriptor);
  // What the reader of the listening socket tells.
  void on_whole_message(int descriptor);
  void on_proven(int descriptor);

  // Ends what is over a bound. `is_read_empty`: no whole message waits to be read, so what came
  // since the last one is unfinished.
  void look(MonoTime now, bool is_read_empty);
  MonoTime next_look() const { return next_look_; }

  std::size_t connections() const { return connections_.size(); }
  std::size_t unproven() const;

 private:
  struct Connection {
    std::string source;  // host
    std::string peer;    // host and port, as the kernel has them
    MonoTime since;
    std::uint64_t order = 0;
    bool is_proven = false;
    bool is_ended = false;         // shut down; libzmq's event follows
    bool had_message = true;       // since the last look
    std::uint64_t bytes_then = 0;  // at the last whole message
  };
  using Connections = std::map<int, Connection>;

  void end(Connections::iterator connection);
  void make_room(const std::string& source);
  std::size_t unproven_from(const std::string& source) const;
  void arm(MonoTime now);

  const DoorLimits limits_;
  const std::function<void()> on_turned_away_;
  Connections connections_;  // by descriptor
  std::uint64_t next_order_ = 0;
  MonoTime next_look_ = MonoTime::never();
};

}  // namespace titan::mesh
