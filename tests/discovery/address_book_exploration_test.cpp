// The address book against a small world of hosts whose cards and cables come and go at random:
// whatever happened, after the world is quiet every reachable host is linked within a bound.
#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <sstream>

#include "base/random.h"
#include "discovery/address_book.h"

using namespace titan;
using namespace titan::discovery;

namespace {

// Some devices with up to three addresses each, and a transport that behaves like the real one.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (int device = 0; device < 5; ++device) {
      DeviceId id;
      id.bytes[0] = static_cast<std::uint8_t>(device + 1);
      for (int card = 0; card < 3; ++card) {
        const std::string address = "d" + std::to_string(device) + "c" + std::to_string(card);
        owner_[address] = id;
        if (card == 0) up_.insert(address);
      }
    }
  }

  void run_random(int steps) {
    for (int i = 0; i < steps; ++i) {
      random_event();
      advance(milliseconds(1 + static_cast<int>(random_.below(3000))));
    }
  }

  // Every device has at least one working address from now on; news stop coming.
  void heal() {
    for (const auto& [address, device] : owner_) {
      address_book_.found(now_, AddressSource::member, address, device);
      if (address.ends_with("c1")) up_.insert(address);
    }
    take();
  }

  bool all_linked() const {
    std::set<DeviceId> linked;
    for (const auto& address : linked_) linked.insert(owner_.at(address));
    return linked.size() == 5;
  }

  void advance(Duration duration) {
    const MonoTime end = now_.mono + duration;
    while (now_.mono < end) {
      now_.mono = std::min(end, now_.mono + milliseconds(50));
      address_book_.tick(now_);
      take();
      connect();
    }
  }

  std::string describe() const {
    std::ostringstream text;
    for (const auto& view : address_book_.addresses()) {
      text << view.address << " " << to_string(view.state)
           << (up_.contains(view.address) ? " (works)\n" : "\n");
    }
    return text.str();
  }

 private:
  void random_event() {
    auto it = owner_.begin();
    std::advance(it, static_cast<long>(random_.below(owner_.size())));
    const auto& [address, device] = *it;
    switch (random_.below(8)) {
      case 0:
        up_.insert(address);
        break;
      case 1:
        up_.erase(address);
        if (linked_.contains(address)) drop(address);
        break;
      case 2:
        address_book_.found(now_, AddressSource::mdns, address, device);
        break;
      case 3:
        address_book_.lost(now_, AddressSource::mdns, address);
        break;
      case 4:
        address_book_.found(now_, AddressSource::member, address, device);
        break;
      case 5:
        address_book_.network_changed(now_);
        break;
      case 6:
        address_book_.greeted(now_, device, random_.below(4) == 0, {address}, any_address());
        break;
      default:
        if (linked_.contains(address)) drop(address);
    }
    take();
  }

  const std::string& any_address() {
    auto it = owner_.begin();
    std::advance(it, static_cast<long>(random_.below(owner_.size())));
    return it->first;
  }

  void drop(const std::string& address) {
    linked_.erase(address);
    parked_.clear();
    address_book_.link_down(now_, address);
  }

  void take() {
    address_book_.check_invariants();
    for (const auto& effect : address_book_.take_effects()) {
      if (const auto* dial = std::get_if<Dial>(&effect)) dialled_[dial->address] = now_.mono;
      if (const auto* hang_up = std::get_if<HangUp>(&effect)) {
        dialled_.erase(hang_up->address);
        parked_.erase(hang_up->address);
        if (linked_.erase(hang_up->address) > 0) address_book_.link_down(now_, hang_up->address);
      }
    }
  }

  // Dialled addresses that work are answered.
  void connect() {
    const auto dialled = dialled_;
    for (const auto& [address, since] : dialled) {
      if (!up_.contains(address) || linked_.contains(address) || parked_.contains(address))
        continue;
      const DeviceId device = owner_.at(address);
      bool device_linked = false;
      for (const auto& other : linked_) device_linked |= owner_.at(other) == device;
      if (device_linked) {
        parked_.insert(address);
        address_book_.parked(now_, address);
      } else {
        linked_.insert(address);
        address_book_.link_up(now_, address, device);
      }
      take();
    }
  }

  Random random_;
  AddressBook address_book_;
  Now now_;
  std::map<std::string, DeviceId> owner_;
  std::set<std::string> up_;
  std::map<std::string, MonoTime> dialled_;
  std::set<std::string> linked_;
  std::set<std::string> parked_;
};

}  // namespace

TEST_CASE("whatever happened, every reachable device is linked within a second of the heal",
          "[address_book]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    World world(seed);
    world.run_random(200);
    world.heal();
    world.advance(seconds(1));
    INFO("seed " << seed << "\n" << world.describe());
    REQUIRE(world.all_linked());
  }
}
