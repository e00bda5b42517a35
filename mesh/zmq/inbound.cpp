#include "mesh/zmq/inbound.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "mesh/zmq/zap_handler.h"

namespace titan::mesh {
namespace {

constexpr int watched_events =
    ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr int backlog = 256;  // a store that was powered on in one second
constexpr std::size_t curve_overhead_bytes = 128;
constexpr const char* monitor_endpoint = "inproc://titan-monitor-listener";

int in_ms(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<milliseconds>(duration).count());
}

std::string metadata(zmq::message_t& message, const char* name) {
  const char* value = zmq_msg_gets(message.handle(), name);
  return value == nullptr ? std::string() : value;
}

std::string remote_host_of(zmq::message_t& message) {
  const std::string host = metadata(message, "Peer-Address");
  // A socket that takes IPv6 too shows IPv4 in this form.
  constexpr std::string_view mapped = "::ffff:";
  return host.starts_with(mapped) ? host.substr(mapped.size()) : host;
}

// Where somebody listens who calls from there; empty if the port was not told.
std::string origin_of(const std::string& host, std::uint16_t port) {
  if (host.empty() || port == 0) return {};
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<CurveKey> client_key_of(zmq::message_t& message) {
  return CurveKey::from_hex_text(metadata(message, "User-Id"));
}

BytesView view_of(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

}  // namespace

Inbound::Inbound(boost::asio::io_context& loop, zmq::context_t& context,
                 const TransportConfig& config, const Greeter& greeter,
                 const CurveKeyPair& server_keys, InboundHost& host, TransportCounters& counters)
    : loop_(loop),
      context_(context),
      config_(config),
      greeter_(greeter),
      server_keys_(server_keys),
      host_(host),
      counters_(counters),
      door_(config.limits.door, [&counters] { ++counters.connections_turned_away; }) {}

void Inbound::tick() {
  if (!router_ || host_.now() < door_.next_look()) return;
  monitor_->drain();
  // Asking consumes the socket's signal: whoever asks sees to it that what waits is read.
  const bool is_read_empty = (router_.get(zmq::sockopt::events) & ZMQ_POLLIN) == 0;
  if (!is_read_empty) watch_->check_soon();
  door_.look(host_.now(), is_read_empty);
}

Status Inbound::bind() {
  try {
    router_ = zmq::socket_t(context_, zmq::socket_type::router);
    router_.set(zmq::sockopt::linger, 0);
    router_.set(zmq::sockopt::ipv6, true);
    router_.set(zmq::sockopt::backlog, backlog);
    router_.set(zmq::sockopt::router_mandatory, true);
    router_.set(zmq::sockopt::handshake_ivl, in_ms(config_.timings.handshake_max));
    router_.set(zmq::sockopt::tcp_maxrt, in_ms(config_.timings.stalled_max));
    router_.set(zmq::sockopt::sndhwm, config_.limits.socket_frames_max);
    router_.set(zmq::sockopt::rcvhwm, config_.limits.socket_frames_max);
    router_.set(zmq::sockopt::maxmsgsize,
                static_cast<std::int64_t>(frame_bytes_max + curve_overhead_bytes));
    router_.set(zmq::sockopt::curve_server, true);
    router_.set(zmq::sockopt::curve_secretkey, server_keys_.secret_key.view());
    router_.set(zmq::sockopt::zap_domain, ZapHandler::domain);
    monitor_ = std::make_unique<SocketMonitor>(
        loop_, context_, router_.handle(), monitor_endpoint, watched_events,
        [this](std::uint16_t event, std::uint32_t value) { on_event(event, value); });
    router_.bind("tcp://" + config_.listen);
    const std::string endpoint = router_.get(zmq::sockopt::last_endpoint);
    const char* port = endpoint.data() + endpoint.rfind(':') + 1;
    std::from_chars(port, endpoint.data() + endpoint.size(), bound_port_);
    watch_ = std::make_unique<SocketWatch>(loop_, router_.handle(), [this] { return on_ready(); });
    return {};
  } catch (const zmq::error_t& error) {
    close();
    const bool taken = error.num() == EADDRINUSE;
    return make_error(taken ? ErrorCode::conflict : ErrorCode::io,
                      "cannot listen for other terminals on " + config_.listen + ": " +
                          error.what() +
                          (taken ? "; another program uses this port: end it, or choose another "
                                   "port in mesh.listen"
                                 : "; check mesh.listen"),
                      "mesh.listen");
  }
}

void Inbound::close() {
  watch_.reset();
  monitor_.reset();
  if (router_) router_.close();
  sessions_.clear();
}

bool Inbound::on_ready() {
  std::size_t bytes = 0;
  for (int frames = 0; frames < config_.limits.turn_frames_max; ++frames) {
    const auto size = read_one();
    if (!size) {
      forget_ended();
      return false;
    }
    bytes += *size;
    if (!router_) return false;
    if (bytes >= config_.limits.turn_bytes_max) return true;
  }
  return true;
}

std::optional<std::size_t> Inbound::read_one() {
  zmq::message_t routing_id;
  zmq::message_t payload;
  if (!router_.recv(routing_id, zmq::recv_flags::dontwait)) return std::nullopt;
  bool whole = routing_id.more() && router_.recv(payload, zmq::recv_flags::dontwait);
  std::size_t bytes = payload.size();
  for (bool more = whole && payload.more(); more;) {
    // A Titan frame is one part; whatever follows is read and thrown away.
    zmq::message_t extra;
    whole = false;
    more = router_.recv(extra, zmq::recv_flags::dontwait) && extra.more();
    bytes += extra.size();
  }
  if (!whole || payload.size() > frame_bytes_max) {
    ++counters_.dropped_malformed;
    return bytes;
  }
  ++counters_.frames_received;
  counters_.bytes_received += bytes;
  on_message(routing_id, payload);
  return bytes;
}

void Inbound::on_message(zmq::message_t& routing_id, zmq::message_t& payload) {
  Session& session = session_of(routing_id.to_string(), payload);
  door_.on_whole_message(session.descriptor);
  switch (hello_kind(view_of(payload))) {
    case HelloKind::none:
      if (session.process) {
        // By value: the callback may close the transport.
        const ProcessId from = *session.process;
        host_.on_frame(from, view_of(payload));
      } else {
        on_frame_without_hello(routing_id, session);
      }
      break;
    case HelloKind::hello:
      on_hello(routing_id, session, payload);
      break;
    default:
      ++counters_.dropped_malformed;
  }
}

void Inbound::on_frame_without_hello(zmq::message_t& routing_id, Session& session) {
  ++counters_.dropped_without_hello;
  const MonoTime now = host_.now();
  const bool asked = session.hello_wanted_at != MonoTime::never();
  if (asked && now - session.hello_wanted_at < config_.limits.hello_wanted_every) return;
  session.hello_wanted_at = now;
  reply(routing_id, make_hello_wanted());
}

void Inbound::on_hello(zmq::message_t& routing_id, Session& session, zmq::message_t& payload) {
  monitor_->drain();  // marks what ended before; removes no session
  const auto client_key = client_key_of(payload);
  const std::string remote_host = remote_host_of(payload);
  if (!client_key) {
    ++counters_.dropped_malformed;
    return;
  }
  auto member = greeter_.check(view_of(payload), *client_key);
  if (member && host_.is_of_another_device(*member)) {
    member = HelloRefusal{RefusalCode::signature,
                          "the process it names is a terminal with another device key"};
  }
  if (!member) {
    session.process.reset();
    ++counters_.hellos_refused;
    if (session.refusals++ >= config_.limits.refusals_per_session_max) return;
    reply(routing_id, make_hello_refused(member.error()));
    host_.on_turned_away(remote_host, member.error().reason);
    return;
  }
  session.process = member->process;
  door_.on_proven(session.descriptor);
  ++counters_.hellos_accepted;
  reply(routing_id, greeter_.accepted(host_.self(), *client_key));
  if (member->process == host_.self().process) return;
  host_.on_greeted(*member, origin_of(remote_host, mesh_port_of(view_of(payload))));
}

Inbound::Session& Inbound::session_of(const std::string& id, zmq::message_t& payload) {
  const auto found = sessions_.find(id);
  if (found != sessions_.end()) return found->second;
  if (sessions_.size() >= config_.limits.sessions_max) make_room();
  Session& session = sessions_[id];
  session.order = next_order_++;
  session.descriptor = zmq_msg_get(payload.handle(), ZMQ_SRCFD);
  return session;
}

void Inbound::make_room() {
  // The oldest stranger goes first, else the oldest member: it will be asked for its hello again.
  const auto victim =
      std::min_element(sessions_.begin(), sessions_.end(), [](const auto& left, const auto& right) {
        const auto key = [](const Session& s) { return std::pair(s.process.has_value(), s.order); };
        return key(left.second) < key(right.second);
      });
  sessions_.erase(victim);
}

void Inbound::forget_ended() {
  if (!std::exchange(some_ended_, false)) return;
  std::erase_if(sessions_, [](const auto& item) { return item.second.ended; });
}

void Inbound::on_event(std::uint16_t event, std::uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      ++counters_.accepted_connections;
      door_.on_accepted(host_.now(), static_cast<int>(value));
      host_.on_deadline_changed();
      break;
    case ZMQ_EVENT_DISCONNECTED:
      door_.on_ended(static_cast<int>(value));
      for (auto& [id, session] : sessions_) {
        if (session.descriptor == static_cast<int>(value)) session.ended = some_ended_ = true;
      }
      if (some_ended_ && watch_) watch_->check_soon();
      break;
    default:
      ++counters_.handshakes_failed;
  }
}

void Inbound::reply(zmq::message_t& routing_id, const Bytes& frame) {
  // EHOSTUNREACH or a full pipe: the peer has gone or does not read; it will greet again.
  const int sent =
      zmq_send(router_.handle(), routing_id.data(), routing_id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
  if (sent < 0) return;
  zmq_send(router_.handle(), frame.data(), frame.size(), ZMQ_DONTWAIT);
}

}  // namespace titan::mesh
