// Which addresses a terminal tells others to dial, followed while its network cards change.
//
// - Who listens on one protocol tells addresses of that one; who listens at one address tells that.
// - Loopback is told only by who listens on nothing else: all terminals on one machine. To a peer
//   elsewhere it would be the peer itself.
// - A link-local IPv6 address is worth nothing to a peer that does not know by which of its own
//   cards to go there; mDNS and greetings bring those.
// - While no card has an address (a cable that is out, between two leases) the last ones stay told:
//   nobody can be told anything then, and most often they come back.
//
// Pure: the cards come in. CardWatch is the port through which a host hears of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace titan::discovery {

struct CardAddress {
  std::string card;  // "eth0"
  std::string host;  // "10.77.0.3", "2001:db8::7"
  bool is_loopback = false;
  bool is_link_local = false;
  bool has_carrier = true;

  bool operator==(const CardAddress&) const = default;
};

// Tells the cards of this machine, at once and whenever they may have changed.
class CardWatch {
 public:
  using OnCards = std::function<void(const std::vector<CardAddress>& cards)>;
  virtual ~CardWatch() = default;
  // Called once; on_cards comes until the watch is destroyed.
  virtual void start(OnCards on_cards) = 0;
};

struct Protocols {
  bool ipv4 = false;
  bool ipv6 = false;
  bool operator==(const Protocols&) const = default;
};
// Of "0.0.0.0:7411" (IPv4), "[::]:7411" (both), or one numeric address.
Protocols protocols_of(const std::string& listen);

// "10.77.0.3:7411", "[2001:db8::7]:7411".
std::string join_host_port(const std::string& host, std::uint16_t port);
// Of a host, "127.0.0.1", or an address with port, "[::1]:7411".
bool is_loopback(const std::string& address);

class OwnAddresses {
 public:
  // What a peer accepts at most in a member's facts is more.
  static constexpr std::size_t told_max = 16;

  // `listen`: numeric; `port`: the one that was bound; `advertised`: told instead of the cards',
  // unless empty.
  OwnAddresses(const std::string& listen, std::uint16_t port, std::vector<std::string> advertised);

  struct Change {
    bool of_network = false;  // some card: whoever can be reached may be reached again
    bool of_told = false;
  };
  Change on_cards(const std::vector<CardAddress>& cards);

  const std::vector<std::string>& told() const { return told_; }
  Protocols protocols() const { return protocols_; }
  // There is a network, and none of its addresses is of a protocol that is listened on.
  bool lacks_protocol() const;
  // Some card that is plugged in has an address that others could be told. True as well for who
  // listens at one address only, as on loopback: it needs no other.
  bool has_network() const;

 private:
  std::vector<std::string> dialable(const std::vector<CardAddress>& cards) const;

  const Protocols protocols_;
  const std::uint16_t port_;
  bool is_fixed_ = false;  // by configuration
  std::vector<CardAddress> cards_;
  std::vector<std::string> told_;
};

}  // namespace titan::discovery
