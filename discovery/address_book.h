// Which addresses to dial, and how eagerly.
//
// Addresses come from several sources at once: mDNS, seeds of the configuration, peers remembered
// on disk, addresses learnt from other members or from the cloud. A source only *finds*: what it
// loses again is not given up if it ever answered, since mDNS loses hosts that are well and keeps
// hosts that are gone. The address book never judges who is alive; it only sees to it that whoever
// can be reached is dialled.
//
// - The address of a device that last worked is dialled first; its others get their turn if it does
//   not answer within others_after, and rest again once the device is linked.
// - An address that was linked lately is dialled at full speed, so that a healed cut is used at
//   once; any other is dialled for ever with a pace that falls to retry_max.
// - A refused address (other store, other secret) rests long, until a person has had time to act or
//   mDNS shows it anew.
// - Where an admitted member calls from counts more than what it says of itself, which may be old.
//
// The transport keeps dialling an address from Dial until HangUp; Dial for one that is dialled
// already changes its pace and tries at once. Host names are resolved by the host.
//
// Sans-IO and single-threaded: typed inputs with `now`, typed effects to take after each.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace titan::discovery {

enum class AddressSource : std::uint8_t { mdns, seed, remembered, member, cloud };
const char* to_string(AddressSource source);

struct AddressBookConfig {
  // Between attempts at full speed. Rises: less idle work; falls: a returned peer is linked sooner.
  Duration retry_fast = milliseconds(200);
  Duration retry_max = seconds(5);
  // Attempts at one pace before it is halved.
  int attempts_per_pace = 10;
  // An address that was linked within this time keeps full speed.
  Duration recently_linked = seconds(600);
  // The head start of the address that last worked.
  Duration others_after = milliseconds(500);
  // While a device is linked, its other addresses are tried this long: a clone of the device would
  // answer there as a process of its own.
  Duration others_until = seconds(10);
  Duration refused_rest = seconds(60);
  // Beyond it, addresses that never answered are forgotten, oldest first.
  std::size_t addresses_max = 512;

  std::vector<std::string> validate() const;
};

struct Dial {
  std::string address;
  Duration retry_every;
  bool operator==(const Dial&) const = default;
};
struct HangUp {
  std::string address;
  bool operator==(const HangUp&) const = default;
};
// The address at which the device was reached last; to be stored.
struct Remember {
  DeviceId device;
  std::string address;
  bool operator==(const Remember&) const = default;
};
struct Note {  // a log line
  std::string message;
  bool operator==(const Note&) const = default;
};
using Effect = std::variant<Dial, HangUp, Remember, Note>;
std::string describe(const Effect& effect);

class AddressBook {
 public:
  explicit AddressBook(AddressBookConfig config = {});

  // -- inputs
  // `device`: whose address it is, if the source says so.
  void found(Now now, AddressSource source, const std::string& address,
             std::optional<DeviceId> device = std::nullopt);
  void lost(Now now, AddressSource source, const std::string& address);
  // A member that is not linked said that it listens there. Unlike found() it wakes a spare address
  // of a linked device: of two terminals with one device key the other one may be there.
  void wanted(Now now, const std::string& address);
  // A member was admitted that dialled us: it tells where it listens, and `origin` is the address
  // its connection came from with its port, empty if it told none. Somebody sits there now,
  // whatever was known of that address. `is_own_device`: a clone of this terminal's disk, which is
  // none of its own other addresses.
  void greeted(Now now, const DeviceId& device, bool is_own_device,
               const std::vector<std::string>& told, const std::string& origin);
  // A card of ours came, went or has another address: who could not be reached may be now, and what
  // was our own address may be another's.
  void network_changed(Now now);
  // From the store: found(remembered) for each address, and which of them worked last.
  void remember_last_good(const DeviceId& device, const std::string& address);
  void link_up(Now now, const std::string& address, const DeviceId& device);
  // The process that answered is linked through another address; the transport keeps this one.
  void parked(Now now, const std::string& address);
  void link_down(Now now, const std::string& address);
  void refused(Now now, const std::string& address);
  void is_self(Now now, const std::string& address);
  void tick(Now now);

  MonoTime next_deadline() const;
  std::vector<Effect> take_effects();

  // -- queries
  enum class State : std::uint8_t { reserve, held, dialled, parked, linked, resting, self };
  struct View {
    std::string address;
    std::set<AddressSource> sources;
    std::optional<DeviceId> device;
    State state = State::reserve;
    bool ever_linked = false;
  };
  std::vector<View> addresses() const;
  void check_invariants() const;

 private:
  struct Candidate {
    std::set<AddressSource> sources;  // empty only once it was linked: then no source is needed
    std::optional<DeviceId> device;   // never none while linked
    State state = State::reserve;
    // Of the state or the pace. Never never() while held or resting: those would wait for ever.
    MonoTime deadline = MonoTime::never();
    Duration pace{};        // while dialled: from retry_fast to retry_max
    MonoTime others_since;  // while the device is linked elsewhere: from here this one is spare
    std::optional<MonoTime> linked_at;  // last known moment of a link; kept for good once it was
    std::uint64_t order = 0;            // of arrival
  };
  using Candidates = std::map<std::string, Candidate>;

  void called_from(Now now, const std::string& address, const std::optional<DeviceId>& device);
  void start(Now now, const std::string& address, Candidate& candidate);
  void dial(Now now, const std::string& address, Candidate& candidate, Duration pace);
  void slow_down(Now now, const std::string& address, Candidate& candidate);
  void hang_up(const std::string& address, Candidate& candidate, State state);
  bool is_linked(const DeviceId& device) const;
  const std::string* last_good(const Candidate& candidate) const;
  bool make_room();
  void on_deadline(Now now, const std::string& address, Candidate& candidate);

  AddressBookConfig config_;
  Candidates candidates_;  // at most addresses_max found ones, and those that were linked to
  std::map<DeviceId, std::string> last_good_;  // need not be among the candidates any more
  std::vector<Effect> effects_;
  std::uint64_t next_order_ = 0;
  bool told_full_ = false;  // that there is no room is told once
};

const char* to_string(AddressBook::State state);

}  // namespace titan::discovery
