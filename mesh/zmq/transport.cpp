#include "mesh/zmq/transport.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <set>
#include <utility>
#include <zmq.hpp>

#include "mesh/wire/hello.h"
#include "mesh/zmq/curve_keys.h"
#include "mesh/zmq/greeter.h"
#include "mesh/zmq/inbound.h"
#include "mesh/zmq/outgoing.h"
#include "mesh/zmq/refusal_check.h"
#include "mesh/zmq/zap_handler.h"

namespace titan::mesh {
namespace {

// Sends consume the sockets' signals; what they hid is looked for this much later at the latest.
constexpr auto look_after_send = milliseconds(10);
// A dialled address takes three: the DEALER and both ends of its monitor.
constexpr int zmq_sockets_max = 8192;

zmq::context_t make_context() {
  zmq::context_t context;
  context.set(zmq::ctxopt::max_sockets, zmq_sockets_max);  // counts from the first socket on
  return context;
}

}  // namespace

const char* to_string(LinkDown reason) {
  switch (reason) {
    case LinkDown::refused:
      return "refused";
    case LinkDown::closed:
      return "closed";
    case LinkDown::timed_out:
      return "timed out";
  }
  return "unknown";
}

struct Transport::State : OutgoingHost, InboundHost {
  State(boost::asio::io_context& io, TransportConfig settings, TransportCallbacks handlers)
      : loop(io),
        config(std::move(settings)),
        callbacks(std::move(handlers)),
        server_keys(CurveKeyPair::from_seed(derive_curve_seed(config.store_secret))),
        client_keys(CurveKeyPair::draw()),
        greeter(config, server_keys.public_key),
        member(config.member),
        context(make_context()),
        zap(loop, context),
        sockets{loop, context, config, client_keys, server_keys.public_key, counters},
        inbound(loop, context, config, greeter, server_keys, *this, counters),
        budget(config.limits.dials),
        timer(loop),
        alive(std::make_shared<bool>(true)) {}

  ~State() override { close(); }

  void close() {
    if (std::exchange(closed, true)) return;
    *alive = false;
    timer.cancel();
    for (auto& [process, check] : checks) check->stop();
    checks.clear();
    links.clear();
    for (auto& [address, outgoing] : addresses) outgoing->hang_up();
    buried.clear();
    inbound.close();
  }

  // ---- dialling

  Status dial(const std::string& address, Duration retry_every) {
    if (!is_numeric_address(address)) {
      return make_error(
          ErrorCode::invalid,
          "'" + address + "' is not a numeric address with a port; resolve names first", "address");
    }
    if (closed) return make_error(ErrorCode::unavailable, "the transport is closed");
    const auto found = addresses.find(address);
    if (found != addresses.end()) {
      found->second->dial(retry_every);
      return {};
    }
    if (addresses.size() >= config.limits.addresses_max) {
      return make_error(ErrorCode::too_large,
                        "already dialling " + std::to_string(addresses.size()) + " addresses; '" +
                            address + "' is left out",
                        "address");
    }
    auto outgoing = std::make_unique<Outgoing>(sockets, *this, address, retry_every);
    addresses.emplace(address, std::move(outgoing)).first->second->dial(retry_every);
    return {};
  }

  void hang_up(const std::string& address) {
    const auto found = addresses.find(address);
    if (found == addresses.end()) return;
    give_back(address);
    // Not deleted here: it may be the one that is calling.
    buried.push_back(std::move(found->second));
    addresses.erase(found);
    buried.back()->hang_up();
    boost::asio::post(loop, [this, token = alive] {
      if (*token) buried.clear();
    });
  }

  // ---- OutgoingHost

  MonoTime now() const override {
    return {
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
  }

  Bytes make_hello() override { return greeter.hello(member, client_keys.public_key); }

  Verdict on_accepted(Outgoing& link, BytesView frame) override {
    const auto peer = greeter.check_accepted(frame, client_keys.public_key);
    if (!peer) {
      report_refusal(link.address(), peer.error().reason);
      return Verdict::malformed;
    }
    if (peer->process == member.process) {
      if (!closed && callbacks.on_self) callbacks.on_self(link.address());
      return Verdict::self;
    }
    link.peer = *peer;
    const auto other = links.find(peer->process);
    if (other != links.end() && other->second != &link) {
      if (!closed && callbacks.on_parked) callbacks.on_parked(link.address(), peer->process);
      return Verdict::parked;
    }
    return Verdict::linked;
  }

  void on_linked(Outgoing& link) override {
    links[link.peer->process] = &link;
    end_check(link.peer->process);
    ++counters.links_up;
    forget_refusals(link.address());
    if (!closed && callbacks.on_link_up) callbacks.on_link_up(*link.peer, link.address());
  }

  void on_unlinked(Outgoing& link, LinkDown reason) override {
    const ProcessId process = link.peer->process;
    const auto found = links.find(process);
    if (found == links.end() || found->second != &link) return;
    links.erase(found);
    ++counters.links_down;
    for (auto& [address, other] : addresses) {
      if (other.get() != &link && other->peer && other->peer->process == process) other->release();
    }
    const std::string address = link.address();
    if (!closed && callbacks.on_link_down) callbacks.on_link_down(process, reason, address);
    if (!closed && reason == LinkDown::closed) begin_check(process, address);
  }

  // ---- is anybody still there?

  void begin_check(const ProcessId& process, const std::string& address) {
    end_check(process);
    if (!callbacks.on_nobody_there || links.contains(process)) return;
    checks[process] = RefusalCheck::start(loop, address, config.timings.connect_max,
                                          [this, process](bool is_refused) {
                                            checks.erase(process);
                                            if (!closed && is_refused && !links.contains(process))
                                              callbacks.on_nobody_there(process);
                                          });
  }

  void end_check(const ProcessId& process) {
    const auto under_way = checks.find(process);
    if (under_way == checks.end()) return;
    under_way->second->stop();
    checks.erase(under_way);
  }

  void on_refused(Outgoing& link, BytesView frame) override {
    ++counters.refused_by_peers;
    report_refusal(link.address(), read_hello_refused(frame).reason);
  }

  void on_not_understood(Outgoing& link) override {
    report_refusal(link.address(),
                   "the peer ends the encryption handshake: it has another store secret, is of "
                   "another store, or is no Titan terminal; compare store.secret on both");
    if (!closed && callbacks.on_not_understood) callbacks.on_not_understood(link.address());
  }

  void on_resting(Outgoing& link) override {
    if (!closed && callbacks.on_resting) callbacks.on_resting(link.address());
  }

  // ---- attempts in flight

  void vouch(const std::string& address) {
    if (vouched.size() >= config.limits.addresses_max) vouched.clear();
    vouched.insert(address);
  }

  bool may_dial(Outgoing& link) override {
    const bool is_proven = link.peer || vouched.contains(link.address());
    if (budget.take(link.address(), is_proven)) return true;
    ++counters.dials_put_off;
    return false;
  }

  void on_stepped(Outgoing& link) override {
    using Phase = DialledAddress::Phase;
    const bool is_under_way = link.phase() == Phase::connecting || link.phase() == Phase::greeting;
    if (!is_under_way && !link.is_postponed()) give_back(link.address());
    arm_timer();
  }

  void give_back(const std::string& address) {
    budget.give_back(address);
    if (budget.waiting() == 0 || std::exchange(turns_posted, true)) return;
    boost::asio::post(loop, [this, token = alive] {
      if (!*token) return;
      turns_posted = false;
      give_turns();
    });
  }

  void give_turns() {
    // Each round begins an attempt or forgets an address, so this ends.
    while (const auto address = budget.next()) {
      const auto found = addresses.find(*address);
      if (closed) return;
      if (found == addresses.end()) {
        budget.give_back(*address);
        continue;
      }
      found->second->resume();
      if (budget.is_waiting(*address)) budget.give_back(*address);  // it did not want to any more
    }
  }

  void on_deadline_changed() override { arm_timer(); }

  // ---- InboundHost

  const MemberInfo& self() const override { return member; }

  void on_frame(const ProcessId& from, BytesView frame) override {
    if (!closed && callbacks.on_frame) callbacks.on_frame(from, frame);
  }

  bool is_of_another_device(const MemberInfo& who) const override {
    const auto link = links.find(who.process);
    return link != links.end() && link->second->peer->device_key != who.device_key;
  }

  void on_greeted(const MemberInfo& peer, const std::string& origin) override {
    // It proved itself: where it says that it listens, and where it calls from, are worth
    // an attempt.
    for (const std::string& address : peer.addresses) vouch(address);
    if (!origin.empty()) vouch(origin);
    if (!closed && callbacks.on_greeted) callbacks.on_greeted(peer, origin);
  }

  void on_turned_away(const std::string& remote_host, const std::string& reason) override {
    if (closed || !callbacks.on_turned_away || !first_time(turned_away, remote_host, reason))
      return;
    callbacks.on_turned_away(remote_host, reason);
  }

  // ---- reports, each once

  using Reported = std::set<std::pair<std::string, std::string>>;

  bool first_time(Reported& reported, const std::string& where, const std::string& reason) {
    if (reported.size() >= config.limits.reported_refusals_max) reported.clear();
    return reported.emplace(where, reason).second;
  }

  void report_refusal(const std::string& address, const std::string& reason) {
    if (closed || !callbacks.on_refused || !first_time(refused, address, reason)) return;
    callbacks.on_refused(address, reason);
  }

  void forget_refusals(const std::string& address) {
    std::erase_if(refused, [&](const auto& report) { return report.first == address; });
  }

  // ---- time

  MonoTime next_deadline() const {
    MonoTime next = sent_since_look ? last_look + look_after_send : MonoTime::never();
    next = std::min(next, inbound.deadline());
    for (const auto& [address, outgoing] : addresses) next = std::min(next, outgoing->deadline());
    return next;
  }

  void arm_timer() {
    if (closed) return;
    const MonoTime next = next_deadline();
    if (next == armed_for || next == MonoTime::never()) return;
    armed_for = next;
    timer.expires_at(std::chrono::steady_clock::time_point(next.since_start));
    timer.async_wait([this, token = alive](const boost::system::error_code& error) {
      if (error || !*token) return;
      armed_for = MonoTime::never();
      on_timer();
    });
  }

  void on_timer() {
    const MonoTime time = now();
    inbound.tick();
    if (sent_since_look && time - last_look >= look_after_send) {
      sent_since_look = false;
      for (auto& [process, link] : links) link->look_after_send();
    }
    std::vector<std::string> due;
    for (const auto& [address, outgoing] : addresses) {
      if (outgoing->deadline() <= time) due.push_back(address);
    }
    // By name: a callback may hang up on another of them.
    for (const auto& address : due) {
      const auto found = addresses.find(address);
      if (found != addresses.end()) found->second->tick();
      if (closed) return;
    }
    arm_timer();
  }

  bool send(const ProcessId& to, Bytes frame) {
    if (frame.size() > frame_bytes_max) {
      ++counters.dropped_too_large;
      return false;
    }
    const auto link = links.find(to);
    if (link == links.end()) {
      ++counters.dropped_without_link;
      return false;
    }
    if (!std::exchange(sent_since_look, true)) {
      last_look = now();
      if (last_look + look_after_send < armed_for) arm_timer();
    }
    return link->second->send(std::move(frame));
  }

  boost::asio::io_context& loop;
  TransportConfig config;
  TransportCallbacks callbacks;
  TransportCounters counters;
  CurveKeyPair server_keys;
  CurveKeyPair client_keys;
  Greeter greeter;
  MemberInfo member;
  zmq::context_t context;  // outlives every socket below
  ZapHandler zap;
  OutgoingSockets sockets;
  Inbound inbound;
  DialBudget budget;
  std::set<std::string> vouched;  // addresses, at most addresses_max
  bool turns_posted = false;
  std::map<std::string, std::unique_ptr<Outgoing>> addresses;
  std::map<ProcessId, Outgoing*> links;
  std::map<ProcessId, std::shared_ptr<RefusalCheck>> checks;  // of links that closed
  std::vector<std::unique_ptr<Outgoing>> buried;
  Reported refused;
  Reported turned_away;
  boost::asio::steady_timer timer;
  MonoTime armed_for = MonoTime::never();
  MonoTime last_look;
  bool sent_since_look = false;
  bool closed = false;
  std::shared_ptr<bool> alive;
};

Transport::Transport(boost::asio::io_context& loop, TransportConfig config,
                     TransportCallbacks callbacks)
    : state_(std::make_unique<State>(loop, std::move(config), std::move(callbacks))) {}

Transport::~Transport() = default;

Status Transport::start() {
  const auto complaints = state_->config.validate();
  if (!complaints.empty()) return make_error(ErrorCode::invalid, complaints.front());
  const Status bound = state_->inbound.bind();
  if (bound) state_->greeter.set_mesh_port(state_->inbound.bound_port());
  return bound;
}

void Transport::close() {
  state_->close();
}

Status Transport::dial(const std::string& address, std::optional<Duration> retry_every) {
  return state_->dial(address, retry_every.value_or(state_->config.timings.retry_every));
}

void Transport::vouch(const std::string& address) {
  state_->vouch(address);
}

void Transport::hang_up(const std::string& address) {
  state_->hang_up(address);
}

bool Transport::send(const ProcessId& to, Bytes frame) {
  return state_->send(to, std::move(frame));
}

void Transport::set_member_info(MemberInfo member) {
  state_->member = std::move(member);
}

bool Transport::is_linked(const ProcessId& peer) const {
  return state_->links.contains(peer);
}

std::vector<LinkView> Transport::links() const {
  std::vector<LinkView> views;
  for (const auto& [address, outgoing] : state_->addresses) {
    views.push_back(
        {address, to_string(outgoing->phase()), outgoing->peer, outgoing->queued_frames()});
  }
  return views;
}

const TransportCounters& Transport::counters() const {
  return state_->counters;
}

std::uint16_t Transport::bound_port() const {
  return state_->inbound.bound_port();
}

}  // namespace titan::mesh
