#include "pos-node/hosts/mesh_settings.h"

#include <algorithm>

namespace titan::pos {
namespace {

bool is_wireless(const Config& config) {
  return config.profile == "wireless";
}

// An attempt takes four descriptors: at most a quarter of all may be attempts.
std::size_t dials_in_flight_max(std::size_t open_files) {
  return std::clamp<std::size_t>(open_files / 16, 8, mesh::DialLimits{}.in_flight_max);
}

}  // namespace

mesh::NodeConfig node_config_of(const Config& config, const std::string& terminal,
                                WallTime started) {
  const bool wireless = is_wireless(config);
  mesh::NodeConfig node;
  node.tenant = config.tenant;
  node.store = config.store;
  node.terminal = terminal;
  node.may_lead = config.may_lead;
  node.priority = static_cast<std::uint32_t>(config.priority);
  node.cloud_key = cloud_key_of(config);
  node.started = started;
  node.membership = wireless ? mesh::MembershipConfig::wireless() : mesh::MembershipConfig::wired();
  node.anti_entropy =
      wireless ? mesh::AntiEntropyConfig::wireless() : mesh::AntiEntropyConfig::wired();
  node.election = wireless ? election::Config::wireless() : election::Config::wired();
  return node;
}

mesh::TransportConfig transport_config_of(const Config& config, const std::string& terminal,
                                          const ProcessId& process, const KeyPair& device_key,
                                          std::size_t open_files) {
  mesh::TransportConfig transport;
  transport.listen = config.mesh_listen;
  transport.tenant = config.tenant;
  transport.store = config.store;
  transport.store_secret =
      mesh::StoreSecret::from_hex_text(config.secret).value_or(mesh::StoreSecret{});
  transport.device_key = device_key;
  transport.timings =
      is_wireless(config) ? mesh::TransportTimings::wireless() : mesh::TransportTimings::wired();
  transport.limits.dials.in_flight_max = dials_in_flight_max(open_files);
  transport.member.process = process;
  transport.member.device_key = device_key.public_key;
  transport.member.terminal = terminal;
  return transport;
}

}  // namespace titan::pos
