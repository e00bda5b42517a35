// The addresses of this machine's network cards: what a terminal tells others to dial.
#pragma once

#include <string>
#include <vector>

namespace titan::discovery {

struct CardAddress {
  std::string card;  // "eth0"
  std::string host;  // "10.77.0.3", "2001:db8::7"
  bool is_loopback = false;
  bool is_link_local = false;

  bool operator==(const CardAddress&) const = default;
};

// Of every card that is up; IPv4 first, then IPv6. Link-local IPv6 addresses are listed too, though
// one is worth nothing to a peer that does not know by which of its own cards to go there.
std::vector<CardAddress> card_addresses();

// "host:port" for every address that a peer on another machine can dial; the loopback's only if
// there is no other, so that several terminals on one machine without a network find each other.
std::vector<std::string> dialable_addresses(const std::vector<CardAddress>& cards,
                                            unsigned short port);

// "10.77.0.3:7411", "[2001:db8::7]:7411".
std::string join_host_port(const std::string& host, unsigned short port);

}  // namespace titan::discovery
