// What happens to one dialled address, as a state machine without sockets or clocks.
//
//   waiting --time--> connecting --encrypted--> greeting --accepted--> linked
//      ^                  |                        |    \--other address is linked--> parked
//      |                  |                        |    \--it is ourselves----------> self
//      |                  |                        \--refused--> resting --time--> connecting
//      \-----lost or too slow, in any of them------/
//
// One connection belongs to one attempt: a lost connection is never continued, so no answer and no
// frame of an earlier connection can be taken for one of the present. Each step has a time limit,
// so that a peer that is wedged half-way holds up nobody but itself.
//
// The owner calls on_x() for what it saw and carries out the returned step. Single-threaded.
#pragma once

#include "base/time.h"

namespace titan::mesh {

struct DialTimings {
  // From the first packet until the encrypted connection stands: a net under the transport's own
  // limits for the TCP connect and the handshake, and longer than both together.
  Duration attempt_max = milliseconds(2500);
  // From our hello until its answer.
  Duration hello_max = milliseconds(2000);
  // A link that lived shorter than this waits retry_every before the next attempt, so that a peer
  // that accepts and drops us at once is not hammered; after a longer life the retry is immediate.
  Duration short_life = milliseconds(1000);
  // After a refusal (other store, other secret, newer protocol): a person must act first.
  Duration refused_rest = seconds(15);
  // Hellos on one connection; a peer that asks for more is dropped.
  int hellos_per_connection_max = 5;
};

class DialledAddress {
 public:
  enum class Phase { waiting, connecting, greeting, linked, parked, resting, self };
  // What the owner must do now. `close` drops the connection of this attempt, if any.
  enum class Step { nothing, open, greet, close };

  DialledAddress(DialTimings timings, MonoTime now, Duration retry_every)
      : timings_(timings), retry_every_(retry_every), deadline_(now) {}

  // Dialled again: at this pace from now on, and at once unless an attempt is under way.
  Step on_dial(MonoTime now, Duration retry_every);
  Step on_encrypted(MonoTime now);
  Step on_accepted(MonoTime now);
  // The process that answered has a link through another address already.
  Step on_parked();
  // That other link has gone.
  Step on_released(MonoTime now);
  Step on_self();
  Step on_refused(MonoTime now);
  // The peer knows no hello of ours on this connection.
  Step on_hello_wanted(MonoTime now);
  Step on_connection_lost(MonoTime now);
  Step on_tick(MonoTime now);
  // The attempt that was to begin has to wait for its turn (dial_budget.h): until on_turn().
  Step on_postponed();
  Step on_turn(MonoTime now);
  bool is_postponed() const { return phase_ == Phase::waiting && deadline_ == MonoTime::never(); }

  Phase phase() const { return phase_; }
  MonoTime deadline() const { return deadline_; }

 private:
  Step start_attempt(MonoTime now);
  Step wait(MonoTime until);

  DialTimings timings_;
  Duration retry_every_;
  Phase phase_ = Phase::waiting;
  MonoTime deadline_;  // of the present phase
  MonoTime linked_since_;
  int hellos_sent_ = 0;
};

const char* to_string(DialledAddress::Phase phase);

}  // namespace titan::mesh
