// One TCP connection between two places, as far as its users can tell: frames arrive in order or
// late, or the connection ends; nothing is lost in the middle of it.
//
// Where the way is closed, data waits and is repeated after 200 ms, doubling; what stays
// unacknowledged for `stalled_max` ends the connection for that side. The other side learns of an
// end only over an open way. A connection without traffic finds a dead way by its heartbeat.
// Single-threaded; shared by its two ends and the tasks under way.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/time.h"
#include "simulations/engine/schedule.h"
#include "simulations/model/lan.h"

namespace titan::simulations {

struct TcpLimits {
  Duration stalled_max = milliseconds(800);  // TCP_USER_TIMEOUT
  Duration heartbeat_every = seconds(5);
  // Sent and not yet read at the other end; beyond either a frame is dropped.
  std::size_t frames_max = 4096 + 128;
  std::size_t bytes_max = 4 * 1024 * 1024;
};

enum class TcpEnd { closed, timed_out };

class Tcp : public std::enable_shared_from_this<Tcp> {
 public:
  // Sides are 0 (dialled) and 1 (listened).
  struct Side {
    std::uint32_t place = 0;
    std::function<void(Bytes frame)> on_frame;
    std::function<void(TcpEnd end)> on_end;
  };

  Tcp(Schedule& schedule, Lan& lan, TcpLimits limits, Side dialled, Side listened);

  // False if the frame was dropped: ended, or too much is under way.
  bool send(int side, Bytes frame);
  // The reader of `side` has taken a frame of so many bytes off the connection.
  void taken(int side, std::size_t bytes);
  // This side ends it; the other is told, if it can be.
  void close(int side);
  // Both sides are told.
  void reset();
  // One end's address is gone: nothing passes any more, and each side finds that out by itself.
  void strand();
  bool is_open(int side) const { return sides_[static_cast<std::size_t>(side)].open; }
  std::uint32_t place_of(int side) const { return place(side); }
  // Ways have changed.
  void on_ways_changed();
  std::size_t queued_bytes(int side) const { return ways_[static_cast<std::size_t>(side)].bytes; }
  std::size_t queued_frames(int side) const { return ways_[static_cast<std::size_t>(side)].frames; }

 private:
  // What one end sees.
  struct End {
    Side user;
    bool open = true;
  };
  // What travels from a side to the other.
  struct Direction {
    MonoTime last_arrival;      // what is sent later arrives no earlier: order is kept
    std::deque<Bytes> waiting;  // not through yet; sent anew, in order, when the way is open
    // While data is unacknowledged: the next try is due after `repeat`, and the connection ends
    // when `stalled_since` is stalled_max ago.
    bool stalled = false;
    MonoTime stalled_since;
    Duration repeat{};
    int unacknowledged = 0;  // delivered while the way back was cut
    // Sent and not taken by the reader: at most TcpLimits' of each.
    std::size_t frames = 0;
    std::size_t bytes = 0;
  };

  std::uint32_t place(int side) const { return sides_[static_cast<std::size_t>(side)].user.place; }
  Way way_from(int side) const {
    return is_stranded_ ? Way::cut : lan_.way(place(side), place(1 - side));
  }
  Direction& direction(int side) { return ways_[static_cast<std::size_t>(side)]; }
  End& end(int side) { return sides_[static_cast<std::size_t>(side)]; }
  void launch(int side, Bytes frame);
  void arrive(int side, Bytes frame);
  void stall(int side);
  void repeat(int side);
  void end_of(int side, TcpEnd reason);
  void tell_other(int side);

  Schedule& schedule_;
  Lan& lan_;
  const TcpLimits limits_;
  std::array<End, 2> sides_;
  std::array<Direction, 2> ways_;
  bool heartbeat_due_ = false;  // one is under way; there is never a second
  bool is_stranded_ = false;    // for good: both ways count as cut
};

}  // namespace titan::simulations
