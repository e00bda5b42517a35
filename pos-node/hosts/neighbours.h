// Finding the other terminals of the store, and being found: the address book's host. Feeds it what
// mDNS, the seeds, the disk, other members and the transport tell, and lets the transport dial what
// it decides. Tells the others where this terminal listens, and again when its network cards
// change.
//
// Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "discovery/address_book.h"
#include "discovery/avahi/avahi_discovery.h"
#include "discovery/own_addresses.h"
#include "discovery/system/seed_resolver.h"
#include "mesh/journal/stored_state.h"
#include "pos-node/config/config.h"
#include "pos-node/hosts/mesh_host.h"
#include "pos-node/watches/health.h"

namespace titan::pos {

class Neighbours {
 public:
  Neighbours(boost::asio::io_context& loop, const ProcessClock& clock, const Config& config,
             std::vector<mesh::RememberedMember> remembered, const PublicKey& device_key,
             std::unique_ptr<discovery::CardWatch> cards);
  ~Neighbours();

  // What the transport must report here.
  mesh::TransportCallbacks callbacks();
  // Binds the mesh's port and starts looking for the others.
  Status start(MeshHost& mesh);
  void on_event(const mesh::Event& event);
  // The configuration names other seeds now.
  void seeds_changed();
  // Addresses where a terminal refused us lately, and was not linked since.
  std::vector<RefusedPeer> refused_peers() const;
  // When this device was last met before this process started.
  std::optional<WallTime> last_met(const DeviceId& device) const;
  // Whether a card has an address; why mDNS does not work (empty: it does, or is not wanted).
  bool has_network() const { return !own_ || own_->has_network(); }
  std::string mdns_problem() const;
  void stop();

 private:
  void resolve_seeds();
  void found(discovery::AddressSource source, const std::string& address,
             std::optional<DeviceId> device);
  void browse_and_publish(std::uint16_t port);
  void on_cards(const std::vector<discovery::CardAddress>& cards);
  void ask_while_alone();
  // What others say of themselves and can be dialled from here.
  std::vector<std::string> dialable(const std::vector<std::string>& told) const;
  void carry_out();
  struct Refusal {
    RefusedPeer peer;
    MonoTime last;
  };
  void note_refusal(const std::string& address);

  boost::asio::io_context& loop_;
  const ProcessClock& clock_;
  const Config& config_;
  const DeviceId device_;
  const PublicKey device_key_;
  const bool is_on_loopback_;  // as all its peers are then: on this machine
  std::vector<mesh::RememberedMember> remembered_;
  MeshHost* mesh_ = nullptr;  // from start() on
  std::unique_ptr<discovery::CardWatch> cards_;
  std::optional<discovery::OwnAddresses> own_;  // from start() on
  discovery::AddressBook address_book_;
  std::set<std::string> linked_;             // addresses
  std::map<std::string, Refusal> refusals_;  // by address, at most refusals_max
  std::unique_ptr<discovery::SeedResolver> seeds_;
  std::unique_ptr<discovery::AvahiDiscovery> avahi_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer alone_timer_;
  std::chrono::seconds alone_pause_{};  // until mDNS is asked again
  std::string mdns_problem_;
  bool told_lacking_ = false;  // that no card has an address of our protocol
  bool stopped_ = false;
};

}  // namespace titan::pos
