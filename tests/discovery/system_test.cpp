// The adapters to the operating system: network cards and name look-ups.
#include <catch2/catch.hpp>

#include <boost/asio/io_context.hpp>

#include "discovery/system/interfaces.h"
#include "discovery/system/seed_resolver.h"

using namespace titan;
using namespace titan::discovery;

TEST_CASE("this machine has a loopback card with 127.0.0.1", "[system]") {
  const auto cards = card_addresses();
  const bool found = std::any_of(cards.begin(), cards.end(), [](const CardAddress& card) {
    return card.host == "127.0.0.1" && card.is_loopback;
  });
  CHECK(found);
}

TEST_CASE("peers are told what they can dial: no loopback, no IPv6 link-local", "[system]") {
  const std::vector<CardAddress> cards = {{"lo", "127.0.0.1", true, false},
                                          {"eth0", "10.77.0.3", false, false},
                                          {"wlan0", "192.168.1.7", false, false},
                                          {"eth0", "2001:db8::7", false, false},
                                          {"eth0", "fe80::1%eth0", false, true}};
  CHECK(dialable_addresses(cards, 7411) ==
        std::vector<std::string>{"10.77.0.3:7411", "192.168.1.7:7411", "[2001:db8::7]:7411"});
  CHECK(dialable_addresses({cards[0]}, 7411) == std::vector<std::string>{"127.0.0.1:7411"});
  CHECK(dialable_addresses({{"eth0", "169.254.3.4", false, true}}, 1) ==
        std::vector<std::string>{"169.254.3.4:1"});
}

TEST_CASE("seeds that are wrong are named", "[system]") {
  for (const char* seed : {"10.77.0.3:7411", "till-2.local:7411", "[2001:db8::7]:7411"}) {
    CHECK(SeedResolver::check(seed).has_value());
  }
  for (const char* seed : {"till-2", "till-2:", ":7411", "till-2:0", "till-2:70000", "a:b",
                           "2001:db8::7:7411", "[]:1", ""}) {
    const Status checked = SeedResolver::check(seed);
    REQUIRE(checked.has_error());
    CHECK(checked.error().field == "mesh.seeds");
    CHECK(checked.error().message.find(std::string("'") + seed + "'") != std::string::npos);
  }
}

TEST_CASE("seeds are resolved, a bad one holds up no other and is told once", "[system]") {
  boost::asio::io_context loop;
  std::vector<std::string> found;
  std::vector<std::string> unresolved;
  SeedCallbacks callbacks;
  callbacks.on_found = [&](const std::string&, const std::string& address) {
    found.push_back(address);
  };
  callbacks.on_unresolved = [&](const std::string& seed, const std::string& reason) {
    UNSCOPED_INFO(reason);
    unresolved.push_back(seed);
  };
  SeedResolver resolver(
      loop, {"no.such.host.invalid:7411", "nonsense", "10.77.0.3:7411", "localhost:7411"},
      callbacks);
  const auto all_there = [&] {
    const auto has = [&](const char* address) {
      return std::find(found.begin(), found.end(), address) != found.end();
    };
    return has("10.77.0.3:7411") && has("127.0.0.1:7411") && unresolved.size() == 2;
  };
  // The limit leaves room for a name server that does not answer.
  const auto end = std::chrono::steady_clock::now() + seconds(40);
  while (!all_there() && std::chrono::steady_clock::now() < end) {
    loop.run_one_for(milliseconds(20));
  }
  CHECK(all_there());
  CHECK(unresolved == std::vector<std::string>{"nonsense", "no.such.host.invalid:7411"});
}
