#include "mesh/zmq/outgoing.h"

#include <utility>

#include "mesh/wire/hello.h"

namespace titan::mesh {
namespace {

using Phase = DialledAddress::Phase;
using Step = DialledAddress::Step;

constexpr int watched_events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED;
// Only answers to our hello come this way.
constexpr int turn_answers_max = 16;
// One broken handshake may be a peer that was just killed; so many in a row are a stranger.
constexpr int failed_handshakes_told = 3;
// CURVE wraps a frame in a command of its own.
constexpr std::size_t curve_overhead_bytes = 128;

int in_ms(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<milliseconds>(duration).count());
}

}  // namespace

Outgoing::Outgoing(OutgoingSockets& sockets, OutgoingHost& host, std::string address,
                   Duration retry_every)
    : sockets_(sockets),
      host_(host),
      address_(std::move(address)),
      machine_(sockets.config.timings.dial, host.now(), retry_every),
      queue_(sockets.config.limits.queue_frames_max, sockets.config.limits.queue_bytes_max) {}

Outgoing::~Outgoing() {
  close(Duration::zero());
}

void Outgoing::dial(Duration retry_every) {
  perform(machine_.on_dial(host_.now(), retry_every), LinkDown::closed);
}

void Outgoing::release() {
  perform(machine_.on_released(host_.now()), LinkDown::closed);
}

void Outgoing::resume() {
  perform(machine_.on_turn(host_.now()), LinkDown::closed);
}

void Outgoing::tick() {
  perform(machine_.on_tick(host_.now()), LinkDown::timed_out);
}

void Outgoing::hang_up() {
  const bool was_linked = linked_;
  machine_.on_self();  // no step of it follows
  close(sockets_.config.timings.goodbye_max);
  if (was_linked) host_.on_unlinked(*this, LinkDown::closed);
}

void Outgoing::perform(Step step, LinkDown reason) {
  switch (step) {
    case Step::nothing:
      break;
    case Step::open:
      if (host_.may_dial(*this)) {
        open();
      } else {
        perform(machine_.on_postponed(), reason);
      }
      break;
    case Step::greet:
      greet();
      break;
    case Step::close: {
      const bool was_linked = linked_;
      close(Duration::zero());
      if (was_linked) host_.on_unlinked(*this, reason);
      break;
    }
  }
  host_.on_stepped(*this);
}

void Outgoing::open() {
  close(Duration::zero());
  ++sockets_.counters.attempts;
  const TransportConfig& config = sockets_.config;
  const TransportTimings& timings = config.timings;
  try {
    socket_ = zmq::socket_t(sockets_.context, zmq::socket_type::dealer);
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::ipv6, true);
    socket_.set(zmq::sockopt::immediate, true);
    socket_.set(zmq::sockopt::reconnect_ivl, -1);  // an attempt has one connection
    socket_.set(zmq::sockopt::connect_timeout, in_ms(timings.connect_max));
    socket_.set(zmq::sockopt::handshake_ivl, in_ms(timings.handshake_max));
    socket_.set(zmq::sockopt::tcp_maxrt, in_ms(timings.stalled_max));
    socket_.set(zmq::sockopt::heartbeat_ivl, in_ms(timings.heartbeat_every));
    socket_.set(zmq::sockopt::heartbeat_timeout, in_ms(timings.heartbeat_answer_max));
    socket_.set(zmq::sockopt::heartbeat_ttl, in_ms(timings.heartbeat_life));
    socket_.set(zmq::sockopt::sndhwm, config.limits.socket_frames_max);
    socket_.set(zmq::sockopt::rcvhwm, config.limits.socket_frames_max);
    socket_.set(zmq::sockopt::maxmsgsize,
                static_cast<std::int64_t>(frame_bytes_max + curve_overhead_bytes));
    socket_.set(zmq::sockopt::curve_serverkey, sockets_.server_key.view());
    socket_.set(zmq::sockopt::curve_publickey, sockets_.client_keys.public_key.view());
    socket_.set(zmq::sockopt::curve_secretkey, sockets_.client_keys.secret_key.view());
    monitor_ = std::make_unique<SocketMonitor>(
        sockets_.loop, sockets_.context, socket_.handle(),
        "inproc://titan-monitor-" + std::to_string(sockets_.next_monitor++), watched_events,
        [this](std::uint16_t event, std::uint32_t) { on_event(event); });
    socket_.connect("tcp://" + address_);
    watch_ = std::make_unique<SocketWatch>(sockets_.loop, socket_.handle(),
                                           [this] { return on_ready(); });
  } catch (const zmq::error_t&) {
    // No such card, no free socket: the next attempt comes at its time.
    lost();
  }
}

void Outgoing::close(Duration linger) {
  watch_.reset();
  monitor_.reset();
  connected_ = false;
  linked_ = false;
  sockets_.counters.dropped_with_link += queue_.frames();
  queue_.clear();
  if (!socket_) return;
  if (linger > Duration::zero()) socket_.set(zmq::sockopt::linger, in_ms(linger));
  socket_.close();
}

bool Outgoing::on_ready() {
  const int events = socket_.get(zmq::sockopt::events);
  if (phase() == Phase::connecting && (events & ZMQ_POLLOUT) != 0) {
    failed_handshakes_ = 0;
    perform(machine_.on_encrypted(host_.now()), LinkDown::closed);
    if (!socket_) return false;
  }
  if ((events & ZMQ_POLLOUT) != 0) flush_queue();

  zmq::message_t frame;
  for (int i = 0; i < turn_answers_max; ++i) {
    if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return false;
    on_frame({static_cast<const char*>(frame.data()), frame.size()});
    if (!socket_) return false;
  }
  return true;
}

void Outgoing::on_frame(BytesView frame) {
  switch (hello_kind(frame)) {
    case HelloKind::accepted:
      on_accepted(frame);
      break;
    case HelloKind::refused:
      if (phase() != Phase::greeting && phase() != Phase::linked) break;
      host_.on_refused(*this, frame);
      perform(machine_.on_refused(host_.now()), LinkDown::refused);
      host_.on_resting(*this);
      break;
    case HelloKind::wanted:
      perform(machine_.on_hello_wanted(host_.now()), LinkDown::closed);
      break;
    default:
      ++sockets_.counters.dropped_malformed;
  }
}

void Outgoing::on_accepted(BytesView frame) {
  if (phase() != Phase::greeting && phase() != Phase::linked) return;
  switch (host_.on_accepted(*this, frame)) {
    case OutgoingHost::Verdict::linked:
      perform(machine_.on_accepted(host_.now()), LinkDown::closed);
      if (!std::exchange(linked_, true)) host_.on_linked(*this);
      break;
    case OutgoingHost::Verdict::parked:
      perform(machine_.on_parked(), LinkDown::closed);
      break;
    case OutgoingHost::Verdict::self:
      perform(machine_.on_self(), LinkDown::closed);
      break;
    case OutgoingHost::Verdict::malformed:
      ++sockets_.counters.dropped_malformed;
      perform(machine_.on_refused(host_.now()), LinkDown::refused);
      host_.on_resting(*this);
      break;
  }
}

void Outgoing::on_event(std::uint16_t event) {
  switch (event) {
    case ZMQ_EVENT_CONNECTED:
      connected_ = true;
      connected_at_ = host_.now();
      break;
    case ZMQ_EVENT_DISCONNECTED:
      // libzmq reports some broken handshakes as nothing but a disconnect.
      if (phase() == Phase::connecting && is_failed_handshake()) {
        not_understood();
      } else {
        lost();
      }
      break;
    case ZMQ_EVENT_CLOSED:
      failed_handshakes_ = 0;
      lost();
      break;
    default:
      break;
  }
}

bool Outgoing::is_failed_handshake() {
  // One that ran out of time says nothing about who is there.
  if (!connected_ || host_.now() - connected_at_ >= sockets_.config.timings.handshake_max) {
    return false;
  }
  return ++failed_handshakes_ >= failed_handshakes_told;
}

void Outgoing::not_understood() {
  failed_handshakes_ = 0;
  host_.on_not_understood(*this);
  perform(machine_.on_refused(host_.now()), LinkDown::refused);
  host_.on_resting(*this);
}

void Outgoing::lost() {
  perform(machine_.on_connection_lost(host_.now()), LinkDown::closed);
}

void Outgoing::greet() {
  try_send(host_.make_hello());
}

bool Outgoing::send(Bytes frame) {
  const std::size_t bytes = frame.size();
  sent_ = true;
  if (queue_.empty() && try_send(frame)) {
    ++sockets_.counters.frames_sent;
    sockets_.counters.bytes_sent += bytes;
    return true;
  }
  if (!queue_.push(std::move(frame))) {
    ++sockets_.counters.dropped_queue_full;
    return false;
  }
  if (watch_) watch_->check_soon();
  return true;
}

bool Outgoing::try_send(const Bytes& frame) {
  return socket_.send(zmq::buffer(frame), zmq::send_flags::dontwait).has_value();
}

void Outgoing::flush_queue() {
  if (!linked_) return;
  while (!queue_.empty() && try_send(queue_.front())) {
    ++sockets_.counters.frames_sent;
    sockets_.counters.bytes_sent += queue_.front().size();
    queue_.pop();
  }
}

void Outgoing::look_after_send() {
  if (std::exchange(sent_, false) && watch_) watch_->check_soon();
}

}  // namespace titan::mesh
