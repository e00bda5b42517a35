#include "pos-node/neighbours.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace titan::pos {

Neighbours::Neighbours(boost::asio::io_context& loop, const ProcessClock&, const Config& config,
                       std::vector<mesh::RememberedMember> remembered, const DeviceId& device)
    : loop_(loop),
      config_(config),
      device_(device),
      remembered_(std::move(remembered)),
      resolver_(loop_) {}

MeshHost::Handlers Neighbours::handlers() {
  MeshHost::Handlers handlers;
  handlers.on_greeted = [this](const mesh::MemberInfo& member, const std::string&) {
    for (const std::string& address : member.addresses) dial(address);
  };
  handlers.on_refused = [](const std::string& address, const std::string& reason) {
    spdlog::warn("{} refuses this terminal: {}", address, reason);
  };
  handlers.on_turned_away = [](const std::string& host, const std::string& reason) {
    spdlog::warn("turned away a stranger from {}: {}", host, reason);
  };
  handlers.on_self = [this](const std::string& address) { mesh_->transport().hang_up(address); };
  return handlers;
}

Status Neighbours::start(MeshHost& mesh) {
  mesh_ = &mesh;
  Status started = mesh.start([this](std::uint16_t port) { return own_addresses(port); });
  if (!started) return started;
  spdlog::info("mesh on port {}", mesh.transport().bound_port());
  for (const std::string& seed : config_.seeds) resolve(seed);
  for (const mesh::RememberedMember& member : remembered_) {
    if (member.member.device() == device_) continue;
    if (!member.last_good_address.empty()) dial(member.last_good_address);
    for (const std::string& address : member.member.addresses) dial(address);
  }
  return {};
}

void Neighbours::on_event(const mesh::Event& event) {
  if (const auto* wanted = std::get_if<mesh::LinkWanted>(&event)) {
    for (const std::string& address : wanted->addresses) dial(address);
  }
}

void Neighbours::stop() { resolver_.cancel(); }

void Neighbours::dial(const std::string& address) {
  if (mesh_ == nullptr || !dialled_.insert(address).second) return;
  if (Status dialled = mesh_->transport().dial(address); !dialled) {
    spdlog::warn("cannot dial {}: {}", address, dialled.error().message);
  }
}

void Neighbours::resolve(const std::string& seed) {
  const auto parts = parse_host_port(seed);
  if (!parts) return;
  resolver_.async_resolve(
      parts->host, std::to_string(parts->port),
      [this, seed](const boost::system::error_code& failed, const auto& found) {
        if (failed) {
          spdlog::warn("seed {} has no address: {}", seed, failed.message());
          return;
        }
        for (const auto& one : found) {
          const auto endpoint = one.endpoint();
          const std::string host = endpoint.address().to_string();
          dial((endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
               std::to_string(endpoint.port()));
        }
      });
}

std::vector<std::string> Neighbours::own_addresses(std::uint16_t port) const {
  if (!config_.advertise.empty()) return config_.advertise;
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (const ifaddrs* card = list; card != nullptr; card = card->ifa_next) {
    if (card->ifa_addr == nullptr || (card->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if (card->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN];
    const auto* in = reinterpret_cast<const sockaddr_in*>(card->ifa_addr);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    addresses.push_back(std::string(text) + ":" + std::to_string(port));
  }
  if (addresses.empty()) addresses.push_back("127.0.0.1:" + std::to_string(port));
  return addresses;
}

}  // namespace titan::pos
