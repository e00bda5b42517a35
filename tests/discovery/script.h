// An address book in virtual time, driven by transcripts: a command a line, and behind it what the
// book left.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "discovery/address_book.h"

namespace titan::discovery {

// Commands: found SOURCE ADDRESS [DEVICE] | wanted ADDRESS | lost SOURCE ADDRESS | last_good DEVICE
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

}  // namespace titan::discovery
