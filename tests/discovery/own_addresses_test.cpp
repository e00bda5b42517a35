// What a terminal tells others of itself, by where it listens and what its cards have.
#include <catch2/catch.hpp>

#include "discovery/own_addresses.h"

using namespace titan;
using namespace titan::discovery;

namespace {

using Told = std::vector<std::string>;

const CardAddress loopback = {"lo", "127.0.0.1", true, false};
const CardAddress cable = {"eth0", "10.77.0.3", false, false};
const CardAddress wifi = {"wlan0", "192.168.1.7", false, false};
const CardAddress cable6 = {"eth0", "2001:db8::7", false, false};
const CardAddress link_local6 = {"eth0", "fe80::1%eth0", false, true};
const CardAddress link_local = {"eth0", "169.254.3.4", false, true};

Told told(const std::string& listen, const std::vector<CardAddress>& cards, Told advertised = {}) {
  OwnAddresses own(listen, 7411, std::move(advertised));
  own.on_cards(cards);
  return own.told();
}

}  // namespace

TEST_CASE("who listens on one protocol tells addresses of that one", "[own]") {
  const std::vector<CardAddress> cards = {loopback, cable6, cable, link_local6, wifi};
  CHECK(told("0.0.0.0:7411", cards) == Told{"10.77.0.3:7411", "192.168.1.7:7411"});
  CHECK(told("[::]:7411", cards) ==
        Told{"10.77.0.3:7411", "192.168.1.7:7411", "[2001:db8::7]:7411"});
  CHECK(told("0.0.0.0:7411", {link_local}) == Told{"169.254.3.4:7411"});
  CHECK(told("0.0.0.0:7411", {link_local6, cable6}).empty());
  CHECK(told("10.77.0.3:7411", cards) == Told{"10.77.0.3:7411"});
  CHECK(told("[2001:db8::7]:7411", cards) == Told{"[2001:db8::7]:7411"});
  CHECK(told("[fe80::1%eth0]:7411", cards).empty());
}

TEST_CASE("loopback is told only by who listens on nothing else", "[own]") {
  CHECK(told("0.0.0.0:7411", {loopback}).empty());
  CHECK(told("[::]:7411", {loopback}).empty());
  CHECK(told("127.0.0.1:7411", {loopback, cable}) == Told{"127.0.0.1:7411"});
  CHECK(told("[::1]:7411", {loopback, cable}) == Told{"[::1]:7411"});
}

TEST_CASE("what is configured is told whatever the cards have", "[own]") {
  CHECK(told("0.0.0.0:7411", {cable}, {"1.2.3.4:7000"}) == Told{"1.2.3.4:7000"});
}

TEST_CASE("a change is told once; without any address the last ones stay", "[own]") {
  OwnAddresses own("0.0.0.0:7411", 7411, {});
  CHECK(own.told().empty());
  const auto first = own.on_cards({loopback, cable});
  CHECK((first.of_network && first.of_told));
  const auto again = own.on_cards({loopback, cable});
  CHECK_FALSE((again.of_network || again.of_told));
  const auto gone = own.on_cards({loopback});
  CHECK(gone.of_network);
  CHECK_FALSE(gone.of_told);
  CHECK(own.told() == Told{"10.77.0.3:7411"});
  const auto other = own.on_cards({loopback, wifi});
  CHECK((other.of_network && other.of_told));
  CHECK(own.told() == Told{"192.168.1.7:7411"});

  // A cable that comes back with its address as it was: reach out anew, tell nothing new.
  CardAddress unplugged = wifi;
  unplugged.has_carrier = false;
  const auto out = own.on_cards({loopback, unplugged});
  CHECK((out.of_network && !out.of_told));
}

TEST_CASE("a network of the other protocol alone is noticed", "[own]") {
  const auto lacks = [](const char* listen, const std::vector<CardAddress>& cards) {
    OwnAddresses own(listen, 7411, {});
    own.on_cards(cards);
    return own.lacks_protocol();
  };
  CHECK(lacks("0.0.0.0:7411", {loopback, cable6}));
  CHECK_FALSE(lacks("[::]:7411", {loopback, cable6}));
  CHECK_FALSE(lacks("0.0.0.0:7411", {loopback, cable6, cable}));
  CHECK_FALSE(lacks("0.0.0.0:7411", {loopback}));
  CHECK_FALSE(lacks("0.0.0.0:7411", {loopback, link_local6}));
}

TEST_CASE("a network is there when a card that is plugged in has an address to tell", "[own]") {
  const auto has = [](const char* listen, const std::vector<CardAddress>& cards) {
    OwnAddresses own(listen, 7411, {});
    own.on_cards(cards);
    return own.has_network();
  };
  CardAddress unplugged = cable;
  unplugged.has_carrier = false;
  CHECK(has("0.0.0.0:7411", {loopback, cable}));
  CHECK_FALSE(has("0.0.0.0:7411", {loopback}));
  CHECK_FALSE(has("0.0.0.0:7411", {loopback, unplugged}));
  // What a card gives itself before any DHCP server answers.
  CHECK_FALSE(has("0.0.0.0:7411", {loopback, link_local6}));
  CHECK_FALSE(has("[::]:7411", {loopback, link_local6}));
  CHECK(has("[::]:7411", {loopback, cable6}));
  CHECK(has("127.0.0.1:7411", {loopback}));
}

TEST_CASE("a machine with very many addresses tells no more than peers accept", "[own]") {
  std::vector<CardAddress> cards;
  for (int i = 0; i < 100; ++i) {
    cards.push_back({"eth" + std::to_string(i), "10.0.0." + std::to_string(i), false, false});
  }
  CHECK(told("0.0.0.0:7411", cards).size() == OwnAddresses::told_max);
}

TEST_CASE("protocols and loopback are seen in an address", "[own]") {
  CHECK(protocols_of("0.0.0.0:7411") == Protocols{true, false});
  CHECK(protocols_of("[::]:7411") == Protocols{true, true});
  CHECK(protocols_of("[2001:db8::7]:7411") == Protocols{false, true});
  CHECK(protocols_of("10.77.0.3:7411") == Protocols{true, false});
  for (const char* address : {"127.0.0.1:7411", "127.3.2.1:1", "[::1]:7411", "::1", "127.0.0.1"}) {
    CHECK(is_loopback(address));
  }
  for (const char* address : {"10.127.0.1:7411", "[2001:db8::1]:7411", "12.7.0.0:1", ""}) {
    CHECK_FALSE(is_loopback(address));
  }
  CHECK(join_host_port("10.77.0.3", 7411) == "10.77.0.3:7411");
  CHECK(join_host_port("2001:db8::7", 7411) == "[2001:db8::7]:7411");
}
