// The adapters to the operating system: network cards and name look-ups.
#include <catch2/catch.hpp>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <functional>

#include "discovery/system/card_watch.h"
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
      {true, true}, callbacks);
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

TEST_CASE("of a name with both kinds of addresses those are taken that can be called back from",
          "[system]") {
  for (const bool ipv6 : {false, true}) {
    boost::asio::io_context loop;
    std::vector<std::string> found;
    SeedCallbacks callbacks;
    callbacks.on_found = [&](const std::string&, const std::string& address) {
      found.push_back(address);
    };
    SeedResolver resolver(loop, {"127.0.0.1:7411", "[::1]:7411"}, {!ipv6, ipv6}, callbacks);
    const auto end = std::chrono::steady_clock::now() + seconds(20);
    while (found.size() < 2 && std::chrono::steady_clock::now() < end) {
      loop.run_one_for(milliseconds(20));
    }
    // An address that has no other form is tried all the same.
    CHECK(found == std::vector<std::string>{"127.0.0.1:7411", "[::1]:7411"});
  }
}

namespace {

// Runs `act` in a network namespace of its own; 0 if it said true, 77 without the right to make
// one.
int in_own_namespace(const std::function<bool()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNET) != 0) _exit(77);
    _exit(act() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has_host(const std::vector<CardAddress>& cards, const std::string& host) {
  return std::any_of(cards.begin(), cards.end(),
                     [&](const CardAddress& card) { return card.host == host; });
}

}  // namespace

TEST_CASE("a card that gets an address is told at once, and again when it loses it", "[system]") {
  const int outcome = in_own_namespace([] {
    boost::asio::io_context loop;
    std::vector<CardAddress> cards;
    int readings = 0;
    SystemCardWatch watch(loop);
    watch.start([&](const std::vector<CardAddress>& now) {
      cards = now;
      ++readings;
    });
    if (readings != 1 || !watch.hears_kernel()) return false;
    const auto comes_to = [&](bool there) {
      const auto end = std::chrono::steady_clock::now() + seconds(20);
      while (has_host(cards, "10.9.9.9") != there) {
        if (std::chrono::steady_clock::now() > end) return false;
        loop.run_one_for(milliseconds(20));
      }
      return true;
    };
    if (std::system("ip link set lo up && ip address add 10.9.9.9/24 dev lo") != 0) return false;
    if (!comes_to(true)) return false;
    // A burst of changes is few readings.
    readings = 0;
    for (int i = 0; i < 20; ++i) {
      if (std::system("ip address add 10.9.8.1/24 dev lo; ip address del 10.9.8.1/24 dev lo") !=
          0) {
        return false;
      }
    }
    if (std::system("ip address del 10.9.9.9/24 dev lo") != 0) return false;
    return comes_to(false) && readings < 10;
  });
  if (outcome == 77) {
    WARN("SKIPPED: a network namespace takes the rights of root");
    return;
  }
  CHECK(outcome == 0);
}

TEST_CASE("more changes than the kernel keeps for us lose nothing", "[system]") {
  const int outcome = in_own_namespace([] {
    boost::asio::io_context loop;
    std::vector<CardAddress> cards;
    SystemCardWatch watch(loop);
    watch.start([&](const std::vector<CardAddress>& now) { cards = now; });
    // Nothing of it is read meanwhile: the socket overflows (ENOBUFS).
    const int changed = std::system(
        "{ echo link set lo up; for i in $(seq 1500); do echo addr add 10.9.8.1/24 dev lo;"
        " echo addr del 10.9.8.1/24 dev lo; done; echo addr add 10.9.9.9/24 dev lo; }"
        " | ip -batch -");
    if (changed != 0) return false;
    const auto end = std::chrono::steady_clock::now() + seconds(20);
    while (!has_host(cards, "10.9.9.9") && std::chrono::steady_clock::now() < end) {
      loop.run_one_for(milliseconds(20));
    }
    return has_host(cards, "10.9.9.9") && watch.hears_kernel();
  });
  if (outcome == 77) {
    WARN("SKIPPED: a network namespace takes the rights of root");
    return;
  }
  CHECK(outcome == 0);
}
