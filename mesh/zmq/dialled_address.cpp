#include "mesh/zmq/dialled_address.h"

namespace titan::mesh {

using Step = DialledAddress::Step;

Step DialledAddress::start_attempt(MonoTime now) {
  phase_ = Phase::connecting;
  deadline_ = now + timings_.attempt_max;
  hellos_sent_ = 0;
  return Step::open;
}

Step DialledAddress::wait(MonoTime until) {
  phase_ = Phase::waiting;
  deadline_ = until;
  return Step::close;
}

Step DialledAddress::on_dial(MonoTime now, Duration retry_every) {
  retry_every_ = retry_every;
  switch (phase_) {
    case Phase::waiting:
    case Phase::resting:
      return start_attempt(now);
    default:
      return Step::nothing;
  }
}

Step DialledAddress::on_encrypted(MonoTime now) {
  if (phase_ != Phase::connecting) return Step::nothing;
  phase_ = Phase::greeting;
  deadline_ = now + timings_.hello_max;
  hellos_sent_ = 1;
  return Step::greet;
}

Step DialledAddress::on_accepted(MonoTime now) {
  if (phase_ == Phase::greeting) linked_since_ = now;
  if (phase_ != Phase::greeting && phase_ != Phase::linked) return Step::nothing;
  phase_ = Phase::linked;
  deadline_ = MonoTime::never();
  return Step::nothing;
}

Step DialledAddress::on_parked() {
  phase_ = Phase::parked;
  deadline_ = MonoTime::never();
  return Step::close;
}

Step DialledAddress::on_released(MonoTime now) {
  if (phase_ != Phase::parked) return Step::nothing;
  return start_attempt(now);
}

Step DialledAddress::on_self() {
  phase_ = Phase::self;
  deadline_ = MonoTime::never();
  return Step::close;
}

Step DialledAddress::on_refused(MonoTime now) {
  phase_ = Phase::resting;
  deadline_ = now + timings_.refused_rest;
  return Step::close;
}

Step DialledAddress::on_hello_wanted(MonoTime now) {
  // In `greeting` our hello is on its way: the demand was for a frame that went before it.
  if (phase_ != Phase::linked) return Step::nothing;
  if (hellos_sent_ >= timings_.hellos_per_connection_max) {
    return wait(now + retry_every_);
  }
  ++hellos_sent_;
  deadline_ = now + timings_.hello_max;  // back to never() when it is accepted
  return Step::greet;
}

Step DialledAddress::on_connection_lost(MonoTime now) {
  switch (phase_) {
    case Phase::linked:
      if (now - linked_since_ >= timings_.short_life) return wait(now);
      [[fallthrough]];
    case Phase::connecting:
    case Phase::greeting:
      return wait(now + retry_every_);
    default:
      return Step::nothing;
  }
}

Step DialledAddress::on_tick(MonoTime now) {
  if (now < deadline_) return Step::nothing;
  switch (phase_) {
    case Phase::waiting:
    case Phase::resting:
      return start_attempt(now);
    case Phase::connecting:
    case Phase::greeting:
    case Phase::linked:
      return wait(now + retry_every_);
    default:
      return Step::nothing;
  }
}

Step DialledAddress::on_postponed() {
  return wait(MonoTime::never());
}

Step DialledAddress::on_turn(MonoTime now) {
  return is_postponed() ? start_attempt(now) : Step::nothing;
}

const char* to_string(DialledAddress::Phase phase) {
  switch (phase) {
    case DialledAddress::Phase::waiting:
      return "waiting";
    case DialledAddress::Phase::connecting:
      return "connecting";
    case DialledAddress::Phase::greeting:
      return "greeting";
    case DialledAddress::Phase::linked:
      return "linked";
    case DialledAddress::Phase::parked:
      return "parked";
    case DialledAddress::Phase::resting:
      return "resting";
    case DialledAddress::Phase::self:
      return "self";
  }
  return "unknown";
}

}  // namespace titan::mesh
