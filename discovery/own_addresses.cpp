#include "discovery/own_addresses.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace titan::discovery {
namespace {

// "[::1]:7411" -> "::1", "10.77.0.3:7411" -> "10.77.0.3"; a bare host as it is.
std::string host_of(const std::string& address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const auto colon = address.find(':');
  const bool is_bare = colon == std::string::npos || address.rfind(':') != colon;
  return is_bare ? address : address.substr(0, colon);
}

bool is_ipv6(const std::string& host) {
  return host.find(':') != std::string::npos;
}

bool is_any(const std::string& host) {
  return host == "0.0.0.0" || host == "::" || host == "::0" || host == "*";
}

bool is_link_local_ipv6(const std::string& host) {
  return host.starts_with("fe8") || host.starts_with("fe9") || host.starts_with("fea") ||
         host.starts_with("feb");
}

}  // namespace

Protocols protocols_of(const std::string& listen) {
  const std::string host = host_of(listen);
  if (!is_ipv6(host)) return {true, false};
  return {is_any(host), true};
}

std::string join_host_port(const std::string& host, std::uint16_t port) {
  return (is_ipv6(host) ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_loopback(const std::string& address) {
  const std::string host = host_of(address);
  return host.starts_with("127.") || host == "::1" || host.starts_with("::ffff:127.");
}

OwnAddresses::OwnAddresses(const std::string& listen, std::uint16_t port,
                           std::vector<std::string> advertised)
    : protocols_(protocols_of(listen)), port_(port) {
  const std::string host = host_of(listen);
  if (!advertised.empty()) {
    is_fixed_ = true;
    told_ = std::move(advertised);
  } else if (!is_any(host)) {
    is_fixed_ = true;
    if (!is_link_local_ipv6(host)) told_ = {join_host_port(host, port)};
  }
}

std::vector<std::string> OwnAddresses::dialable(const std::vector<CardAddress>& cards) const {
  std::vector<std::string> dialable;
  for (const bool ipv6 : {false, true}) {
    if (!(ipv6 ? protocols_.ipv6 : protocols_.ipv4)) continue;
    for (const CardAddress& card : cards) {
      if (dialable.size() >= told_max) break;
      if (card.is_loopback || is_ipv6(card.host) != ipv6 || (ipv6 && card.is_link_local)) continue;
      dialable.push_back(join_host_port(card.host, port_));
    }
  }
  return dialable;
}

bool OwnAddresses::lacks_protocol() const {
  const auto reaches_others = [](const CardAddress& card) {
    return !card.is_loopback && !card.is_link_local;
  };
  return !is_fixed_ && std::any_of(cards_.begin(), cards_.end(), reaches_others) &&
         dialable(cards_).empty();
}

bool OwnAddresses::has_network() const {
  if (is_fixed_) return true;
  std::vector<CardAddress> plugged;
  std::copy_if(cards_.begin(), cards_.end(), std::back_inserter(plugged),
               [](const CardAddress& card) { return card.has_carrier; });
  return !dialable(plugged).empty();
}

OwnAddresses::Change OwnAddresses::on_cards(const std::vector<CardAddress>& cards) {
  Change change;
  change.of_network = cards != cards_;
  cards_ = cards;
  if (is_fixed_) return change;
  std::vector<std::string> now = dialable(cards);
  if (now.empty() || now == told_) return change;
  told_ = std::move(now);
  change.of_told = true;
  return change;
}

}  // namespace titan::discovery
