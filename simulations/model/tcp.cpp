#include "simulations/model/tcp.h"

#include <algorithm>
#include <utility>

namespace titan::simulations {
namespace {

// What a sender puts on the wire before it must hear of the first: ten segments (RFC 6928).
constexpr int first_window_frames = 10;

}  // namespace

Tcp::Tcp(Schedule& schedule, Lan& lan, TcpLimits limits, Side dialled, Side listened)
    : schedule_(schedule), lan_(lan), limits_(limits) {
  sides_[0].user = std::move(dialled);
  sides_[1].user = std::move(listened);
}

bool Tcp::send(int side, Bytes frame) {
  if (!end(side).open) return false;
  Direction& way = direction(side);
  if (way.frames >= limits_.frames_max || way.bytes + frame.size() > limits_.bytes_max) {
    return false;
  }
  ++way.frames;
  way.bytes += frame.size();
  const Way there = way_from(side);
  const Way back = way_from(1 - side);
  if (there == Way::open && (back != Way::cut || way.unacknowledged < first_window_frames) &&
      way.waiting.empty()) {
    if (back == Way::cut) {
      ++way.unacknowledged;
      stall(side);
    }
    launch(side, std::move(frame));
    return true;
  }
  way.waiting.push_back(std::move(frame));
  stall(side);
  return true;
}

void Tcp::launch(int side, Bytes frame) {
  Direction& way = direction(side);
  const MonoTime now = schedule_.now();
  const Duration transit = lan_.transit(now, place(side), place(1 - side), frame.size());
  if (transit >= limits_.stalled_max && limits_.stalled_max < seconds(4)) {
    // Lost so often that the sender gives up before the repeat that would have come through.
    way.waiting.push_back(std::move(frame));
    schedule_.in(limits_.stalled_max,
                 [self = shared_from_this(), side] { self->end_of(side, TcpEnd::timed_out); });
    return;
  }
  way.last_arrival = std::max(now + transit, way.last_arrival);
  schedule_.at(way.last_arrival,
               [self = shared_from_this(), side, frame = std::move(frame)]() mutable {
                 self->arrive(side, std::move(frame));
               });
}

void Tcp::arrive(int side, Bytes frame) {
  End& receiver = end(1 - side);
  if (!receiver.open) {
    // A process that is gone answers with a reset, if the answer gets through.
    tell_other(1 - side);
    return;
  }
  if (way_from(side) != Way::open) {
    direction(side).waiting.push_back(std::move(frame));
    if (end(side).open) stall(side);
    return;
  }
  receiver.user.on_frame(std::move(frame));
}

void Tcp::taken(int side, std::size_t bytes) {
  Direction& way = direction(1 - side);
  --way.frames;
  way.bytes -= bytes;
}

void Tcp::stall(int side) {
  Direction& way = direction(side);
  if (way.stalled) return;
  way.stalled = true;
  way.stalled_since = schedule_.now();
  way.repeat = repeat_after;
  schedule_.in(std::min(way.repeat, limits_.stalled_max),
               [self = shared_from_this(), side] { self->repeat(side); });
}

void Tcp::repeat(int side) {
  Direction& way = direction(side);
  if (!end(side).open || !way.stalled) return;
  const MonoTime now = schedule_.now();
  const Way there = way_from(side);
  const Way back = way_from(1 - side);
  if (there == Way::open && back == Way::open) {
    way.stalled = false;
    way.unacknowledged = 0;
    if (!end(1 - side).open) {
      tell_other(1 - side);
      return;
    }
    for (Bytes& frame : std::exchange(way.waiting, {})) launch(side, std::move(frame));
    return;
  }
  if (there != Way::cut && back != Way::cut) {
    way.stalled_since = now;  // frozen: it waits for as long as that lasts
    way.repeat = repeat_after;
  } else if (now - way.stalled_since >= limits_.stalled_max) {
    end_of(side, TcpEnd::timed_out);
    return;
  } else {
    way.repeat *= 2;
  }
  const Duration left = way.stalled_since + limits_.stalled_max - now;
  schedule_.in(std::min(way.repeat, left),
               [self = shared_from_this(), side] { self->repeat(side); });
}

void Tcp::end_of(int side, TcpEnd reason) {
  End& ended = end(side);
  if (!ended.open) return;
  ended.open = false;
  direction(side).waiting.clear();
  if (ended.user.on_end) ended.user.on_end(reason);
  tell_other(side);
}

// Tells the other side that `side` is gone.
void Tcp::tell_other(int side) {
  if (!end(1 - side).open || way_from(side) != Way::open) return;
  Direction& way = direction(side);
  const MonoTime now = schedule_.now();
  way.last_arrival =
      std::max(now + lan_.transit(now, place(side), place(1 - side), 60), way.last_arrival);
  schedule_.at(way.last_arrival,
               [self = shared_from_this(), side] { self->end_of(1 - side, TcpEnd::closed); });
}

void Tcp::close(int side) {
  End& closing = end(side);
  if (!closing.open) return;
  closing.open = false;
  tell_other(side);
}

void Tcp::reset() {
  end_of(0, TcpEnd::closed);
  end_of(1, TcpEnd::closed);
}

void Tcp::strand() {
  is_stranded_ = true;
  on_ways_changed();
}

void Tcp::on_ways_changed() {
  if (heartbeat_due_ || (!sides_[0].open && !sides_[1].open)) return;
  if (way_from(0) == Way::open && way_from(1) == Way::open) return;
  heartbeat_due_ = true;
  // In the middle of the interval: no draw, so that a fault does not shift later draws.
  schedule_.in(limits_.heartbeat_every / 2, [self = shared_from_this()] {
    self->heartbeat_due_ = false;
    if (self->way_from(0) == Way::open && self->way_from(1) == Way::open) return;
    if (self->sides_[0].open) self->stall(0);
    if (self->sides_[1].open) self->stall(1);
    self->on_ways_changed();
  });
}

}  // namespace titan::simulations
