// The address book in virtual time, as transcripts: a command a line, what it leaves behind it.
#include <catch2/catch.hpp>

#include <sstream>

#include "discovery/address_book.h"

using namespace titan;
using namespace titan::discovery;

namespace {

// Commands: found RUNG ADDRESS [DEVICE] | wanted ADDRESS | lost RUNG ADDRESS | last_good DEVICE
// ADDRESS | greeted DEVICE ORIGIN TOLD | clone DEVICE ORIGIN TOLD | network | up ADDRESS DEVICE |
// down ADDRESS | parked ADDRESS | refused ADDRESS | self ADDRESS | wait MS
class Script {
 public:
  explicit Script(AddressBookConfig config = {}) : address_book_(config) {}

  std::string run(const std::string& commands) {
    std::istringstream lines(commands);
    std::ostringstream trace;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string command, first, second, third;
      words >> command >> first >> second >> third;
      if (command.empty()) continue;
      trace << command << " " << first << (second.empty() ? "" : " " + second)
            << (third.empty() ? "" : " " + third) << "\n";
      if (command == "wait") {
        wait(milliseconds(std::stoi(first)), trace);
      } else {
        apply(command, first, second, third);
        take(trace);
      }
    }
    return trace.str();
  }

  static DeviceId device(const std::string& name) {
    DeviceId id;
    for (std::size_t i = 0; i < name.size() && i < 2; ++i) {
      id.bytes[i] = static_cast<std::uint8_t>(name[i]);
    }
    return id;
  }

 private:
  static AddressSource source(const std::string& name) {
    for (const AddressSource source :
         {AddressSource::mdns, AddressSource::seed, AddressSource::remembered,
          AddressSource::member, AddressSource::cloud}) {
      if (name == to_string(source)) return source;
    }
    FAIL("no such source: " << name);
    return AddressSource::mdns;
  }

  void apply(const std::string& command, const std::string& first, const std::string& second,
             const std::string& third) {
    if (command == "found") {
      const auto owner = third.empty() ? std::nullopt : std::optional(device(third));
      address_book_.found(now_, source(first), second, owner);
    } else if (command == "wanted") {
      address_book_.wanted(now_, first);
    } else if (command == "lost") {
      address_book_.lost(now_, source(first), second);
    } else if (command == "greeted" || command == "clone") {
      // first: the device; second: where it calls from; third: what it tells
      address_book_.greeted(now_, device(first), command == "clone",
                            third.empty() ? std::vector<std::string>{} : std::vector{third},
                            second == "-" ? "" : second);
    } else if (command == "network") {
      address_book_.network_changed(now_);
    } else if (command == "last_good") {
      address_book_.remember_last_good(device(first), second);
    } else if (command == "up") {
      address_book_.link_up(now_, first, device(second));
    } else if (command == "down") {
      address_book_.link_down(now_, first);
    } else if (command == "parked") {
      address_book_.parked(now_, first);
    } else if (command == "refused") {
      address_book_.refused(now_, first);
    } else if (command == "self") {
      address_book_.is_self(now_, first);
    } else {
      FAIL("no such command: " << command);
    }
  }

  void wait(Duration duration, std::ostringstream& trace) {
    const MonoTime end = now_.mono + duration;
    while (address_book_.next_deadline() <= end) {
      now_.mono = std::max(now_.mono, address_book_.next_deadline());
      address_book_.tick(now_);
      take(trace);
    }
    now_.mono = end;
    address_book_.tick(now_);
    take(trace);
  }

  void take(std::ostringstream& trace) {
    address_book_.check_invariants();
    for (const auto& effect : address_book_.take_effects()) {
      trace << "  " << now_.mono.since_start.count() / 1000 << ": " << describe(effect) << "\n";
    }
  }

  AddressBook address_book_;
  Now now_;
};

}  // namespace

TEST_CASE("an address that never answers is dialled for ever, ever slower down to 5 s",
          "[address_book]") {
  CHECK(Script().run("found seed ten:1\n"
                     "wait 3600000\n") ==
        "found seed ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "wait 3600000\n"
        "  2000: dial ten:1 every 400 ms\n"
        "  6000: dial ten:1 every 800 ms\n"
        "  14000: dial ten:1 every 1600 ms\n"
        "  30000: dial ten:1 every 3200 ms\n"
        "  62000: dial ten:1 every 5000 ms\n");
}

TEST_CASE("a cut that heals within ten minutes is dialled at full speed throughout",
          "[address_book]") {
  CHECK(Script().run("found mdns ten:1 A\n"
                     "up ten:1 A\n"
                     "wait 60000\n"
                     "down ten:1\n"
                     "wait 590000\n"
                     "up ten:1 A\n") ==
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "up ten:1 A\n"
        "  0: remember ten:1 of 4100\n"
        "wait 60000\n"
        "down ten:1\n"
        "  60000: dial ten:1 every 200 ms\n"
        "wait 590000\n"
        "up ten:1 A\n");
}

TEST_CASE("a till that is off for the night is tried again for ever", "[address_book]") {
  CHECK(Script().run("found mdns ten:1 A\n"
                     "up ten:1 A\n"
                     "down ten:1\n"
                     "lost mdns ten:1\n"
                     "wait 36000000\n"
                     "up ten:1 A\n") ==
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "up ten:1 A\n"
        "  0: remember ten:1 of 4100\n"
        "down ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "lost mdns ten:1\n"
        "wait 36000000\n"
        "  600000: dial ten:1 every 400 ms\n"
        "  604000: dial ten:1 every 800 ms\n"
        "  612000: dial ten:1 every 1600 ms\n"
        "  628000: dial ten:1 every 3200 ms\n"
        "  660000: dial ten:1 every 5000 ms\n"
        "up ten:1 A\n");
}

TEST_CASE("the address that last worked is dialled first, the others after it", "[address_book]") {
  CHECK(Script().run("last_good A wifi:1\n"
                     "found remembered wifi:1 A\n"
                     "found remembered cable:1 A\n"
                     "found remembered old:1 A\n"
                     "wait 499\n"
                     "wait 1\n"
                     "up cable:1 A\n") ==
        "last_good A wifi:1\n"
        "found remembered wifi:1 A\n"
        "  0: dial wifi:1 every 200 ms\n"
        "found remembered cable:1 A\n"
        "found remembered old:1 A\n"
        "wait 499\n"
        "wait 1\n"
        "  500: dial cable:1 every 200 ms\n"
        "  500: dial old:1 every 200 ms\n"
        "up cable:1 A\n"
        "  500: remember cable:1 of 4100\n");
}

TEST_CASE("once a device is linked its other addresses rest, until the link goes",
          "[address_book]") {
  CHECK(Script().run("found mdns cable:1 A\n"
                     "found mdns wifi:1 A\n"
                     "up cable:1 A\n"
                     "wait 60000\n"
                     "down cable:1\n"
                     "wait 500\n"
                     "up wifi:1 A\n"
                     "wait 100000\n") ==
        "found mdns cable:1 A\n"
        "  0: dial cable:1 every 200 ms\n"
        "found mdns wifi:1 A\n"
        "  0: dial wifi:1 every 200 ms\n"
        "up cable:1 A\n"
        "  0: remember cable:1 of 4100\n"
        "wait 60000\n"
        "  10000: hang up wifi:1\n"
        "down cable:1\n"
        "  60000: dial cable:1 every 200 ms\n"
        "wait 500\n"
        "  60500: dial wifi:1 every 200 ms\n"
        "up wifi:1 A\n"
        "  60500: remember wifi:1 of 4100\n"
        "wait 100000\n"
        "  70500: hang up cable:1\n");
}

TEST_CASE("a spare address is dialled again when a member that is not linked listens there",
          "[address_book]") {
  CHECK(Script().run("found mdns till:1 A\n"
                     "found mdns clone:1 A\n"
                     "up till:1 A\n"
                     "wait 20000\n"
                     "wanted clone:1\n"
                     "wait 500\n") ==
        "found mdns till:1 A\n"
        "  0: dial till:1 every 200 ms\n"
        "found mdns clone:1 A\n"
        "  0: dial clone:1 every 200 ms\n"
        "up till:1 A\n"
        "  0: remember till:1 of 4100\n"
        "wait 20000\n"
        "  10000: hang up clone:1\n"
        "wanted clone:1\n"
        "wait 500\n"
        "  20500: dial clone:1 every 200 ms\n");
}

TEST_CASE("an address that the transport keeps in reserve is left to it", "[address_book]") {
  CHECK(Script().run("found mdns cable:1 A\n"
                     "found member wifi:1 A\n"
                     "up cable:1 A\n"
                     "parked wifi:1\n"
                     "wait 60000\n"
                     "down cable:1\n"
                     "up wifi:1 A\n") ==
        "found mdns cable:1 A\n"
        "  0: dial cable:1 every 200 ms\n"
        "found member wifi:1 A\n"
        "  0: dial wifi:1 every 200 ms\n"
        "up cable:1 A\n"
        "  0: remember cable:1 of 4100\n"
        "parked wifi:1\n"
        "wait 60000\n"
        "down cable:1\n"
        "  60000: dial cable:1 every 200 ms\n"
        "  60000: dial wifi:1 every 200 ms\n"
        "up wifi:1 A\n"
        "  60000: remember wifi:1 of 4100\n");
}

TEST_CASE("a service that disappears is no death sentence, one that never answered is forgotten",
          "[address_book]") {
  CHECK(Script().run("found mdns well:1 A\n"
                     "found mdns ghost:1 B\n"
                     "up well:1 A\n"
                     "lost mdns well:1\n"
                     "lost mdns ghost:1\n"
                     "down well:1\n") ==
        "found mdns well:1 A\n"
        "  0: dial well:1 every 200 ms\n"
        "found mdns ghost:1 B\n"
        "  0: dial ghost:1 every 200 ms\n"
        "up well:1 A\n"
        "  0: remember well:1 of 4100\n"
        "lost mdns well:1\n"
        "lost mdns ghost:1\n"
        "  0: hang up ghost:1\n"
        "down well:1\n"
        "  0: dial well:1 every 200 ms\n");
}

TEST_CASE("with mDNS dead, seeds and remembered peers are dialled all the same", "[address_book]") {
  CHECK(Script().run("found seed ten:1\n"
                     "last_good B ten:2\n"
                     "found remembered ten:2 B\n"
                     "up ten:2 B\n"
                     "found member ten:3 C\n") ==
        "found seed ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "last_good B ten:2\n"
        "found remembered ten:2 B\n"
        "  0: dial ten:2 every 200 ms\n"
        "up ten:2 B\n"
        "found member ten:3 C\n"
        "  0: dial ten:3 every 200 ms\n");
}

TEST_CASE("a refused address rests; when mDNS shows it anew it is tried at once",
          "[address_book]") {
  CHECK(Script().run("found mdns other:1 Z\n"
                     "refused other:1\n"
                     "wait 60000\n"
                     "refused other:1\n"
                     "lost mdns other:1\n"
                     "found mdns other:1 Z\n"
                     "refused other:1\n"
                     "found mdns other:1 Z\n") ==
        "found mdns other:1 Z\n"
        "  0: dial other:1 every 200 ms\n"
        "refused other:1\n"
        "  0: hang up other:1\n"
        "wait 60000\n"
        "  60000: dial other:1 every 200 ms\n"
        "refused other:1\n"
        "  60000: hang up other:1\n"
        "lost mdns other:1\n"
        "found mdns other:1 Z\n"
        "  60000: dial other:1 every 200 ms\n"
        "refused other:1\n"
        "  60000: hang up other:1\n"
        "found mdns other:1 Z\n"
        "  60000: dial other:1 every 200 ms\n");
}

TEST_CASE("news of a slow address make it fast again; gossip repeated does not", "[address_book]") {
  CHECK(Script().run("found member ten:1 A\n"
                     "wait 100000\n"
                     "found member ten:1 A\n"
                     "found mdns ten:1 A\n") ==
        "found member ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "wait 100000\n"
        "  2000: dial ten:1 every 400 ms\n"
        "  6000: dial ten:1 every 800 ms\n"
        "  14000: dial ten:1 every 1600 ms\n"
        "  30000: dial ten:1 every 3200 ms\n"
        "  62000: dial ten:1 every 5000 ms\n"
        "found member ten:1 A\n"
        "found mdns ten:1 A\n"
        "  100000: dial ten:1 every 200 ms\n");
}

TEST_CASE("our own address is left alone until it belongs to another device", "[address_book]") {
  CHECK(Script().run("found mdns ten:1 A\n"
                     "self ten:1\n"
                     "found mdns ten:1 A\n"
                     "wait 600000\n"
                     "found mdns ten:1 B\n") ==
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "self ten:1\n"
        "  0: hang up ten:1\n"
        "found mdns ten:1 A\n"
        "wait 600000\n"
        "found mdns ten:1 B\n"
        "  600000: dial ten:1 every 200 ms\n");
}

TEST_CASE("where a member calls from is dialled, though it tells an address it had before",
          "[address_book]") {
  CHECK(Script().run("found member old:1 A\n"
                     "up old:1 A\n"
                     "down old:1\n"
                     "wait 900000\n"
                     "greeted A new:1 old:1\n"
                     "wait 500\n"
                     "up new:1 A\n") ==
        "found member old:1 A\n"
        "  0: dial old:1 every 200 ms\n"
        "up old:1 A\n"
        "  0: remember old:1 of 4100\n"
        "down old:1\n"
        "  0: dial old:1 every 200 ms\n"
        "wait 900000\n"
        "  600000: dial old:1 every 400 ms\n"
        "  604000: dial old:1 every 800 ms\n"
        "  612000: dial old:1 every 1600 ms\n"
        "  628000: dial old:1 every 3200 ms\n"
        "  660000: dial old:1 every 5000 ms\n"
        "greeted A new:1 old:1\n"
        "  900000: dial new:1 every 200 ms\n"
        "wait 500\n"
        "up new:1 A\n"
        "  900500: remember new:1 of 4100\n");
}

TEST_CASE("a call from an address that did not answer for long is dialled back at once",
          "[address_book]") {
  CHECK(Script().run("found seed ten:1\n"
                     "wait 61000\n"
                     "greeted A ten:1\n"
                     "refused ten:1\n"
                     "greeted A ten:1\n"
                     "up ten:1 A\n"
                     "greeted A ten:1\n") ==
        "found seed ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "wait 61000\n"
        "  2000: dial ten:1 every 400 ms\n"
        "  6000: dial ten:1 every 800 ms\n"
        "  14000: dial ten:1 every 1600 ms\n"
        "  30000: dial ten:1 every 3200 ms\n"
        "greeted A ten:1\n"
        "  61000: dial ten:1 every 200 ms\n"
        "refused ten:1\n"
        "  61000: hang up ten:1\n"
        "greeted A ten:1\n"
        "  61000: dial ten:1 every 200 ms\n"
        "up ten:1 A\n"
        "  61000: remember ten:1 of 4100\n"
        "greeted A ten:1\n");
}

TEST_CASE("a clone of our own disk is dialled where it calls from", "[address_book]") {
  CHECK(Script().run("clone A clone:1 told:1\n"
                     "up clone:1 A\n"
                     "wait 20000\n"
                     "clone A moved:1\n") ==
        "clone A clone:1 told:1\n"
        "  0: dial clone:1 every 200 ms\n"
        "  0: dial told:1 every 200 ms\n"
        "up clone:1 A\n"
        "  0: remember clone:1 of 4100\n"
        "wait 20000\n"
        "  2000: dial told:1 every 400 ms\n"
        "  6000: dial told:1 every 800 ms\n"
        "  14000: dial told:1 every 1600 ms\n"
        "clone A moved:1\n"
        "  20000: dial moved:1 every 200 ms\n");
}

TEST_CASE("on another network all are dialled at full speed, our own old address as well",
          "[address_book]") {
  CHECK(Script().run("found seed far:1\n"
                     "found mdns ten:1 A\n"
                     "self ten:1\n"
                     "wait 61000\n"
                     "network\n") ==
        "found seed far:1\n"
        "  0: dial far:1 every 200 ms\n"
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "self ten:1\n"
        "  0: hang up ten:1\n"
        "wait 61000\n"
        "  2000: dial far:1 every 400 ms\n"
        "  6000: dial far:1 every 800 ms\n"
        "  14000: dial far:1 every 1600 ms\n"
        "  30000: dial far:1 every 3200 ms\n"
        "network \n"
        "  61000: dial far:1 every 200 ms\n"
        "  61000: dial ten:1 every 200 ms\n");
}

TEST_CASE("the number of addresses is bounded; what never answered goes first", "[address_book]") {
  AddressBookConfig config;
  config.addresses_max = 3;
  CHECK(Script(config).run("found seed seed:1\n"
                           "found member good:1 A\n"
                           "up good:1 A\n"
                           "found member ghost:1 B\n"
                           "found member new:1 C\n"
                           "up new:1 C\n"
                           "found member more:1 D\n"
                           "found member more:2 E\n") ==
        "found seed seed:1\n"
        "  0: dial seed:1 every 200 ms\n"
        "found member good:1 A\n"
        "  0: dial good:1 every 200 ms\n"
        "up good:1 A\n"
        "  0: remember good:1 of 4100\n"
        "found member ghost:1 B\n"
        "  0: dial ghost:1 every 200 ms\n"
        "found member new:1 C\n"
        "  0: hang up ghost:1\n"
        "  0: dial new:1 every 200 ms\n"
        "up new:1 C\n"
        "  0: remember new:1 of 4300\n"
        "found member more:1 D\n"
        "  0: note: discovery knows 3 addresses; further ones are left out, the first is more:1\n"
        "found member more:2 E\n");
}

TEST_CASE("a wrong configuration is named", "[address_book]") {
  AddressBookConfig config;
  CHECK(config.validate().empty());
  config.retry_max = milliseconds(1);
  config.attempts_per_pace = 0;
  CHECK(config.validate() == std::vector<std::string>{"retry_max must not be below retry_fast",
                                                      "attempts_per_pace must be at least 1"});
}
