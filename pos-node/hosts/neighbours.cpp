#include "pos-node/hosts/neighbours.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/overloaded.h"

namespace titan::pos {

using discovery::AddressSource;

namespace {
// A refused address is tried again each minute (AddressBookConfig::refused_rest): one that was not
// refused for this long is not there any more.
constexpr Duration refusal_lasts = seconds(180);
// Beyond it, the one refused longest ago is forgotten.
constexpr std::size_t refusals_max = 64;
// A terminal that is linked to nobody asks mDNS anew, ever more rarely: what was said while it
// could not hear is not said again by itself for up to an hour.
constexpr std::chrono::seconds ask_again_min(5);
constexpr std::chrono::seconds ask_again_max(60);

std::string joined(const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) text += (text.empty() ? "" : ", ") + address;
  return text.empty() ? "none" : text;
}
}  // namespace

Neighbours::Neighbours(boost::asio::io_context& loop, const ProcessClock& clock,
                       const Config& config, std::vector<mesh::RememberedMember> remembered,
                       const PublicKey& device_key, std::unique_ptr<discovery::CardWatch> cards)
    : loop_(loop),
      clock_(clock),
      config_(config),
      device_(device_of(device_key)),
      device_key_(device_key),
      is_on_loopback_(discovery::is_loopback(config.mesh_listen)),
      remembered_(std::move(remembered)),
      cards_(std::move(cards)),
      timer_(loop),
      alone_timer_(loop) {}

Neighbours::~Neighbours() {
  stop();
}

mesh::TransportCallbacks Neighbours::callbacks() {
  mesh::TransportCallbacks callbacks;
  callbacks.on_link_up = [this](const mesh::MemberInfo& peer, const std::string& address) {
    refusals_.erase(address);
    linked_.insert(address);
    address_book_.link_up(clock_.now(), address, peer.device());
    carry_out();
  };
  callbacks.on_link_down = [this](const ProcessId&, mesh::LinkDown, const std::string& address) {
    linked_.erase(address);
    if (linked_.empty()) alone_pause_ = ask_again_min;
    address_book_.link_down(clock_.now(), address);
    carry_out();
  };
  callbacks.on_refused = [this](const std::string& address, const std::string& reason) {
    spdlog::warn("{} refuses this terminal: {}", address, reason);
    note_refusal(address);
    refusals_[address].peer.reason = reason;
  };
  callbacks.on_not_understood = [this](const std::string& address) {
    note_refusal(address);
    refusals_[address].peer.wrong_secret = true;
  };
  callbacks.on_resting = [this](const std::string& address) {
    note_refusal(address);
    address_book_.refused(clock_.now(), address);
    carry_out();
  };
  callbacks.on_self = [this](const std::string& address) {
    refusals_.erase(address);
    address_book_.is_self(clock_.now(), address);
    carry_out();
  };
  callbacks.on_parked = [this](const std::string& address, const ProcessId&) {
    refusals_.erase(address);
    address_book_.parked(clock_.now(), address);
    carry_out();
  };
  callbacks.on_greeted = [this](const mesh::MemberInfo& member, const std::string& origin) {
    address_book_.greeted(clock_.now(), member.device(), member.device() == device_,
                          dialable(member.addresses), origin);
    carry_out();
  };
  callbacks.on_turned_away = [](const std::string& host, const std::string& reason) {
    spdlog::warn("turned away a stranger at {}: {}", host, reason);
  };
  return callbacks;
}

void Neighbours::note_refusal(const std::string& address) {
  const Now now = clock_.now();
  const auto found = refusals_.find(address);
  if (found != refusals_.end()) {
    Refusal& known = found->second;
    if (now.mono - known.last > refusal_lasts) known.peer.since = now.wall;
    known.last = now.mono;
    return;
  }
  if (refusals_.size() >= refusals_max) {
    refusals_.erase(std::min_element(
        refusals_.begin(), refusals_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
  }
  refusals_[address] = {{address, "", false, now.wall}, now.mono};
}

std::vector<RefusedPeer> Neighbours::refused_peers() const {
  std::vector<RefusedPeer> peers;
  const MonoTime now = clock_.now().mono;
  for (const auto& [address, refusal] : refusals_) {
    if (now - refusal.last <= refusal_lasts) peers.push_back(refusal.peer);
  }
  return peers;
}

std::optional<WallTime> Neighbours::last_met(const DeviceId& device) const {
  for (const mesh::RememberedMember& known : remembered_) {
    if (known.member.device() == device) return known.last_seen;
  }
  return std::nullopt;
}

Status Neighbours::start(MeshHost& mesh) {
  mesh_ = &mesh;
  if (Status started = mesh.start(); !started) return started;
  const std::uint16_t port = mesh.transport().bound_port();
  spdlog::info("mesh on port {}", port);
  own_.emplace(config_.mesh_listen, port, config_.advertise);
  mesh.tell_addresses(own_->told());
  cards_->start([this](const std::vector<discovery::CardAddress>& cards) { on_cards(cards); });
  for (const mesh::RememberedMember& known : remembered_) {
    if (!known.last_good_address.empty()) {
      address_book_.remember_last_good(known.member.device(), known.last_good_address);
      mesh.transport().vouch(known.last_good_address);
    }
    if (known.member.device() == device_) continue;
    for (const std::string& address : dialable(known.member.addresses)) {
      mesh.transport().vouch(address);
      address_book_.found(clock_.now(), AddressSource::remembered, address, known.member.device());
    }
  }
  resolve_seeds();
  if (config_.mdns) browse_and_publish(port);
  alone_pause_ = ask_again_min;
  ask_while_alone();
  carry_out();
  return {};
}

void Neighbours::resolve_seeds() {
  seeds_.reset();
  if (config_.seeds.empty()) return;
  seeds_ = std::make_unique<discovery::SeedResolver>(
      loop_, config_.seeds, own_->protocols(),
      discovery::SeedCallbacks{[this](const std::string&, const std::string& address) {
                                 mesh_->transport().vouch(address);
                                 found(AddressSource::seed, address, std::nullopt);
                               },
                               [](const std::string& seed, const std::string& reason) {
                                 spdlog::warn("seed {} has no address: {}", seed, reason);
                               }});
}

// What an earlier seed led to stays known: it may be a till of the store all the same.
void Neighbours::seeds_changed() {
  if (mesh_ && !stopped_) resolve_seeds();
}

void Neighbours::on_cards(const std::vector<discovery::CardAddress>& cards) {
  const discovery::OwnAddresses::Change change = own_->on_cards(cards);
  if (change.of_told) {
    spdlog::info("others reach this terminal at {}", joined(own_->told()));
    mesh_->tell_addresses(own_->told());
  }
  if (!change.of_network) return;
  if (own_->lacks_protocol() && !std::exchange(told_lacking_, true)) {
    spdlog::warn(
        "no network card has an address of the protocol that mesh.listen = \"{}\" takes, so no "
        "other terminal can reach this one; where there is only IPv6, set mesh.listen = "
        "\"[::]:7411\"",
        config_.mesh_listen);
  }
  address_book_.network_changed(clock_.now());
  alone_pause_ = ask_again_min;
  if (seeds_) seeds_->look_up_now();
  if (avahi_) avahi_->network_changed();
  carry_out();
}

std::string Neighbours::mdns_problem() const {
  if (avahi_ && avahi_->is_silent()) {
    return "the Avahi daemon does not answer: it hangs, is still being started, or its "
           "/etc/avahi/avahi-daemon.conf says enable-dbus=no";
  }
  return mdns_problem_;
}

void Neighbours::ask_while_alone() {
  alone_timer_.expires_after(alone_pause_);
  alone_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stopped_) return;
    if (avahi_ && linked_.empty()) avahi_->ask_again();
    alone_pause_ = linked_.empty() ? std::min(2 * alone_pause_, ask_again_max) : ask_again_min;
    ask_while_alone();
  });
}

void Neighbours::browse_and_publish(std::uint16_t port) {
  discovery::ServiceRecord own;
  own.protocol = mesh::protocol_version;
  own.tenant = config_.tenant;
  own.store = config_.store;
  own.terminal = mesh_->node().self().terminal;
  own.device_key = device_key_;
  own.port = port;
  own.protocols = own_->protocols();
  avahi_ = std::make_unique<discovery::AvahiDiscovery>(
      loop_, std::move(own),
      discovery::AvahiCallbacks{[this](const std::string& address, const DeviceId& device) {
                                  found(AddressSource::mdns, address, device);
                                },
                                [this](const std::string& address) {
                                  address_book_.lost(clock_.now(), AddressSource::mdns, address);
                                  carry_out();
                                },
                                [this](const std::string& reason) { mdns_problem_ = reason; },
                                [](const std::string& message) { spdlog::warn("{}", message); },
                                [](const std::string& message) { spdlog::info("{}", message); }});
}

void Neighbours::on_event(const mesh::Event& event) {
  if (const auto* wanted = std::get_if<mesh::LinkWanted>(&event)) {
    for (const std::string& address : dialable(wanted->addresses)) {
      address_book_.wanted(clock_.now(), address);
    }
    carry_out();
  }
}

void Neighbours::stop() {
  if (std::exchange(stopped_, true)) return;
  seeds_.reset();
  avahi_.reset();
  cards_.reset();
  timer_.cancel();
  alone_timer_.cancel();
}

void Neighbours::found(AddressSource source, const std::string& address,
                       std::optional<DeviceId> device) {
  // A name that a member says of itself may mean another host here; dialling it fails each time.
  if (!mesh::is_numeric_address(address)) return;
  address_book_.found(clock_.now(), source, address, device);
  carry_out();
}

std::vector<std::string> Neighbours::dialable(const std::vector<std::string>& told) const {
  std::vector<std::string> dialable;
  for (const std::string& address : told) {
    if (!mesh::is_numeric_address(address)) continue;
    // Its loopback is ours, unless all is on this machine.
    if (discovery::is_loopback(address) && !is_on_loopback_) continue;
    dialable.push_back(address);
  }
  return dialable;
}

void Neighbours::carry_out() {
  if (stopped_ || mesh_ == nullptr) return;
  for (discovery::Effect& effect : address_book_.take_effects()) {
    std::visit(
        Overloaded{
            [&](const discovery::Dial& dial) {
              const Status dialled = mesh_->transport().dial(dial.address, dial.retry_every);
              if (!dialled) {
                spdlog::warn("cannot dial {}: {}", dial.address, dialled.error().message);
              }
            },
            [&](const discovery::HangUp& hang_up) { mesh_->transport().hang_up(hang_up.address); },
            [&](const discovery::Remember& remember) {
              mesh_->input([&](mesh::Node& node, Now now) {
                node.on_last_good_address(now, remember.device, remember.address);
              });
            },
            [&](const discovery::Note& note) { spdlog::info("{}", note.message); },
        },
        effect);
  }
  const MonoTime deadline = address_book_.next_deadline();
  if (deadline == MonoTime::never()) return;
  timer_.expires_at(clock_.at(deadline));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stopped_) return;
    address_book_.tick(clock_.now());
    carry_out();
  });
}

}  // namespace titan::pos
