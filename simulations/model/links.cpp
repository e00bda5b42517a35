#include "simulations/model/links.h"

#include <algorithm>
#include <utility>

#include "base/overloaded.h"

namespace titan::simulations {
namespace {

using Step = mesh::DialledAddress::Step;
using Phase = mesh::DialledAddress::Phase;

// Bytes of a packet that opens a connection or says hello.
constexpr std::uint64_t handshake_bytes = 200;

mesh::TransportTimings timings_of(const Scenario& scenario) {
  return scenario.topology.timing == Timing::wired ? mesh::TransportTimings::wired()
                                                   : mesh::TransportTimings::wireless();
}

TcpLimits limits_of(const mesh::TransportTimings& timings) {
  TcpLimits limits;
  limits.stalled_max = timings.stalled_max;
  limits.heartbeat_every = timings.heartbeat_every;
  return limits;
}

}  // namespace

Links::Links(Surroundings& surroundings, std::shared_ptr<Gate> gate, std::uint32_t place,
             Callbacks callbacks)
    : surroundings_(surroundings),
      gate_(std::move(gate)),
      place_(place),
      callbacks_(std::move(callbacks)),
      timings_(timings_of(surroundings.scenario)),
      limits_(limits_of(timings_)) {}

void Links::start(const std::vector<mesh::RememberedMember>& remembered,
                  const std::vector<std::string>& seeds) {
  const Now now = callbacks_.now();
  const DeviceId own = callbacks_.member().device();
  for (const mesh::RememberedMember& known : remembered) {
    if (known.member.device() == own) continue;
    if (!known.last_good_address.empty()) {
      address_book_.remember_last_good(known.member.device(), known.last_good_address);
    }
    for (const std::string& address : known.member.addresses) {
      address_book_.found(now, discovery::AddressSource::remembered, address,
                          known.member.device());
    }
  }
  for (const std::string& address : seeds)
    address_book_.found(now, discovery::AddressSource::seed, address);
  carry_out();
}

void Links::wanted(const std::string& address) {
  address_book_.wanted(callbacks_.now(), address);
  carry_out();
}

void Links::found(discovery::AddressSource source, const std::string& address,
                  std::optional<DeviceId> device) {
  address_book_.found(callbacks_.now(), source, address, device);
  carry_out();
}

void Links::lost(discovery::AddressSource source, const std::string& address) {
  address_book_.lost(callbacks_.now(), source, address);
  carry_out();
}

void Links::network_changed() {
  address_book_.network_changed(callbacks_.now());
  carry_out();
}

void Links::carry_out() {
  for (discovery::Effect& effect : address_book_.take_effects()) {
    std::visit(
        Overloaded{
            [&](const discovery::Dial& e) { dial(e.address, e.retry_every); },
            [&](const discovery::HangUp& e) { hang_up(e.address); },
            [&](const discovery::Remember& e) { callbacks_.on_good_address(e.device, e.address); },
            [&](const discovery::Note&) {},
        },
        effect);
  }
  const MonoTime deadline = address_book_.next_deadline();
  if (deadline >= address_book_armed_for_) return;
  address_book_armed_for_ = deadline;
  gate_->at(deadline, [this, deadline] {
    if (address_book_armed_for_ != deadline) return;
    address_book_armed_for_ = MonoTime::never();
    address_book_.tick(callbacks_.now());
    carry_out();
  });
}

// ---- dialling ----------------------------------------------------------------------------------

void Links::dial(const std::string& address, Duration retry_every) {
  const MonoTime now = gate_->now();
  auto found = dialled_.find(address);
  if (found == dialled_.end()) {
    found =
        dialled_.emplace(address, Outgoing(mesh::DialledAddress(timings_.dial, now, retry_every)))
            .first;
  }
  perform(address, found->second, found->second.machine.on_dial(now, retry_every));
}

void Links::hang_up(const std::string& address) {
  const auto found = dialled_.find(address);
  if (found == dialled_.end()) return;
  Outgoing out = std::move(found->second);
  dialled_.erase(found);
  if (out.tcp) out.tcp->close(0);
  if (std::exchange(out.linked, false)) on_unlinked(address, out);
}

void Links::perform(const std::string& address, Outgoing& out, Step step) {
  switch (step) {
    case Step::nothing:
      break;
    case Step::open:
      open(address, out);
      break;
    case Step::greet:
      greet(address, out);
      break;
    case Step::close: {
      out.attempt = 0;
      if (const auto tcp = std::exchange(out.tcp, nullptr)) tcp->close(0);
      const bool was_linked = std::exchange(out.linked, false);
      arm(address, out);
      if (was_linked) on_unlinked(address, out);
      return;
    }
  }
  arm(address, out);
}

void Links::arm(const std::string& address, Outgoing& out) {
  const MonoTime deadline = out.machine.deadline();
  if (deadline >= out.armed_for) return;
  out.armed_for = deadline;
  gate_->at(deadline, [this, address, deadline] {
    const auto found = dialled_.find(address);
    if (found == dialled_.end() || found->second.armed_for != deadline) return;
    Outgoing& due = found->second;
    due.armed_for = MonoTime::never();
    perform(address, due, due.machine.on_tick(gate_->now()));
  });
}

Links::Outgoing* Links::attempt_of(const std::string& address, std::uint64_t attempt) {
  const auto found = dialled_.find(address);
  if (found == dialled_.end() || found->second.attempt != attempt) return nullptr;
  return &found->second;
}

void Links::lose(const std::string& address, std::uint64_t attempt) {
  Outgoing* out = attempt_of(address, attempt);
  if (out == nullptr) return;
  perform(address, *out, out->machine.on_connection_lost(gate_->now()));
}

// The first packet, its answer, and the handshake of the encryption: two round trips.
void Links::open(const std::string& address, Outgoing& out) {
  out.attempt = next_attempt_++;
  const std::uint32_t there = surroundings_.place_of(address);
  Lan& lan = surroundings_.lan;
  const MonoTime now = gate_->now();
  const std::uint64_t attempt = out.attempt;
  if (there >= lan.places()) surroundings_.recorder.reach("dead_address_dialled");
  if (there >= lan.places() || (there != place_ && !lan.is_open_both_ways(place_, there))) {
    gate_->in(timings_.connect_max, [this, address, attempt] { lose(address, attempt); });
    return;
  }
  const Duration way = there == place_ ? Duration(20) : lan.transit(now, place_, there, 60);
  surroundings_.schedule.in(way, [gate = gate_, this, address, attempt, way] {
    if (gate->is_closed()) return;
    Links* listener = surroundings_.listener(address);
    if (listener == nullptr) {
      gate->in(way, [this, address, attempt] { lose(address, attempt); });
      return;
    }
    listener->gate()->pass([gate, this, address, attempt, way] {
      if (gate->is_closed()) return;
      gate->in(3 * way, [this, address, attempt] {
        Outgoing* present = attempt_of(address, attempt);
        if (present == nullptr) return;
        perform(address, *present, present->machine.on_encrypted(gate_->now()));
      });
    });
  });
}

void Links::greet(const std::string& address, Outgoing& out) {
  const std::uint32_t there = surroundings_.place_of(address);
  Lan& lan = surroundings_.lan;
  if (there >= lan.places()) return;  // nobody has this address any more
  if (there != place_ && lan.way(place_, there) != Way::open) return;  // time limits judge it
  const Duration way =
      there == place_ ? Duration(20) : lan.transit(gate_->now(), place_, there, handshake_bytes);
  surroundings_.schedule.in(
      way, [gate = gate_, this, address, attempt = out.attempt, member = callbacks_.member()] {
        if (gate->is_closed()) return;
        Links* listener = surroundings_.listener(address);
        if (listener == nullptr) return;
        listener->gate()->pass([gate, this, address, attempt, member] {
          if (gate->is_closed()) return;
          Links* accepting = surroundings_.listener(address);
          if (accepting == nullptr) return;
          accepting->on_greeted(address, attempt, *this, member);
        });
      });
}

// At the side that listens: `dialler` is alive, its hello is taken, the answer goes back.
void Links::on_greeted(const std::string& address, std::uint64_t attempt, Links& dialler,
                       const mesh::MemberInfo& member) {
  Lan& lan = surroundings_.lan;
  if (&dialler != this && lan.way(place_, dialler.place_) != Way::open) return;
  const mesh::MemberInfo own = callbacks_.member();
  Tcp::Side dialled;
  dialled.place = dialler.place_;
  dialled.on_end = [links = &dialler, gate = dialler.gate_, address, attempt](TcpEnd end) {
    if (gate->is_closed()) return;
    if (end == TcpEnd::timed_out) links->surroundings_.recorder.reach("connection_timed_out");
    gate->pass([links, address, attempt] { links->lose(address, attempt); });
  };
  Tcp::Side listened;
  listened.place = place_;
  auto tcp_slot = std::make_shared<std::weak_ptr<Tcp>>();
  listened.on_frame = [this, gate = gate_, from = member.process, tcp_slot](Bytes frame) {
    gate->pass([this, from, tcp_slot, frame = std::move(frame)]() mutable {
      if (const auto tcp = tcp_slot->lock()) tcp->taken(1, frame.size());
      callbacks_.on_frame(from, std::move(frame));
    });
  };
  const auto tcp = std::make_shared<Tcp>(surroundings_.schedule, lan, limits_, std::move(dialled),
                                         std::move(listened));
  *tcp_slot = tcp;
  std::erase_if(inbound_, [](const auto& old) { return !old->is_open(1); });
  inbound_.push_back(tcp);
  surroundings_.connection_made(tcp);
  const Duration way = &dialler == this
                           ? Duration(20)
                           : lan.transit(gate_->now(), place_, dialler.place_, handshake_bytes);
  dialler.gate_->in(way, [links = &dialler, address, attempt, tcp, own] {
    links->on_accepted(address, attempt, tcp, own);
  });
  if (member.process == own.process) return;
  const bool is_own_device = member.device() == own.device();
  if (surroundings_.scenario.planted_bug != PlantedBug::stale_addresses) {
    address_book_.greeted(callbacks_.now(), member.device(), is_own_device, member.addresses,
                          dialler.callbacks_.address());
  } else if (!is_own_device) {
    address_book_.greeted(callbacks_.now(), member.device(), false, member.addresses, "");
  }
  carry_out();
}

void Links::on_accepted(const std::string& address, std::uint64_t attempt,
                        const std::shared_ptr<Tcp>& tcp, const mesh::MemberInfo& peer) {
  Outgoing* out = attempt_of(address, attempt);
  if (out == nullptr) return tcp->close(0);
  out->tcp = tcp;
  out->peer = peer;
  const Now now = callbacks_.now();
  if (peer.process == callbacks_.member().process) {
    perform(address, *out, out->machine.on_self());
    address_book_.is_self(now, address);
    return carry_out();
  }
  if (const auto linked = linked_at_.find(peer.process);
      linked != linked_at_.end() && linked->second != address) {
    perform(address, *out, out->machine.on_parked());
    address_book_.parked(now, address);
    return carry_out();
  }
  perform(address, *out, out->machine.on_accepted(now.mono));
  if (out->machine.phase() != Phase::linked || out->linked) return;
  out->linked = true;
  linked_at_[peer.process] = address;
  address_book_.link_up(now, address, peer.device());
  carry_out();
  callbacks_.on_link_up(peer);
}

void Links::on_unlinked(const std::string& address, Outgoing& out) {
  const ProcessId process = out.peer->process;
  linked_at_.erase(process);
  for (auto& [other, link] : dialled_) {
    if (other == address || !link.peer || link.peer->process != process) continue;
    perform(other, link, link.machine.on_released(gate_->now()));
  }
  address_book_.link_down(callbacks_.now(), address);
  carry_out();
  callbacks_.on_link_down(process, mesh::LinkEnd::closed);
  check_refused(process, address);
}

// Does anything listen there still? One round trip, if the way is open.
void Links::check_refused(const ProcessId& process, const std::string& address) {
  const std::uint32_t there = surroundings_.place_of(address);
  Lan& lan = surroundings_.lan;
  if (there >= lan.places() || !lan.is_open_both_ways(place_, there)) return;
  const Duration way = 2 * lan.transit(gate_->now(), place_, there, 60);
  gate_->in(way, [this, process, address] {
    if (linked_at_.contains(process) || surroundings_.listener(address) != nullptr) return;
    callbacks_.on_link_down(process, mesh::LinkEnd::refused);
  });
}

// ---- frames ------------------------------------------------------------------------------------

bool Links::send(const ProcessId& to, Bytes frame) {
  const auto linked = linked_at_.find(to);
  if (linked == linked_at_.end()) return false;
  const auto out = dialled_.find(linked->second);
  if (out == dialled_.end() || !out->second.tcp) return false;
  const std::uint32_t there = out->second.tcp->place_of(1);
  surroundings_.recorder.frame(place_, there, frame);
  if (surroundings_.on_frame_sent) surroundings_.on_frame_sent(there, frame);
  if (out->second.tcp->send(0, std::move(frame))) return true;
  surroundings_.recorder.reach("frame_dropped");
  return false;
}

void Links::close() {
  for (auto& [address, out] : dialled_) {
    if (out.tcp) out.tcp->close(0);
  }
  for (const auto& tcp : inbound_) tcp->close(1);
  dialled_.clear();
  inbound_.clear();
  linked_at_.clear();
}

std::vector<ProcessId> Links::linked() const {
  std::vector<ProcessId> peers;
  for (const auto& [process, address] : linked_at_) peers.push_back(process);
  return peers;
}

std::uint64_t Links::queued_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [process, address] : linked_at_) {
    const auto out = dialled_.find(address);
    if (out != dialled_.end() && out->second.tcp) sum += out->second.tcp->queued_bytes(0);
  }
  return sum;
}

}  // namespace titan::simulations
