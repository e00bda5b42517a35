// mDNS for real: each lab host has its own D-Bus and Avahi daemon.
#include <catch2/catch.hpp>

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>
#include <thread>

#include "base/time.h"
#include "tests/mesh/zmq/child_process.h"

using namespace titan;
using titan::mesh::test::ChildProcess;
using titan::mesh::test::run_command;

namespace {

class AvahiLab {
 public:
  explicit AvahiLab(int hosts) {
    setenv("NETLAB", ("ta" + std::to_string(getpid())).c_str(), 1);
    setenv("NETLAB_OWNER", std::to_string(getpid()).c_str(), 1);
    if (run_command({script("netlab"), "create", std::to_string(hosts)}) != 0) {
      FAIL("the lab could not be made");
    }
  }
  ~AvahiLab() {
    for (const int host : running_) avahi("kill", host);
    run_command({script("netlab"), "destroy"});
  }

  void start(int host) {
    if (avahi("start", host) != 0) FAIL("no Avahi daemon on host " << host);
    running_.insert(host);
  }
  void kill(int host) {
    avahi("kill", host);
    running_.erase(host);
  }
  std::unique_ptr<ChildProcess> peer(int host, const std::string& store,
                                     const std::string& terminal, int seed,
                                     bool takes_ipv6 = false) {
    std::vector<std::string> words = {script("avahi-in-netns"),
                                      "exec",
                                      std::to_string(host),
                                      TITAN_AVAHI_PEER,
                                      "acme",
                                      store,
                                      terminal,
                                      std::to_string(seed),
                                      "7411"};
    if (takes_ipv6) words.push_back("ipv6");
    return std::make_unique<ChildProcess>(std::move(words));
  }
  void set_address(int host, const std::string& address) {
    if (run_command({script("netlab"), "address", std::to_string(host), address}) != 0) {
      FAIL("host " << host << " has no address " << address);
    }
  }

 private:
  static std::string script(const std::string& name) {
    return std::string(TITAN_LAB) + "/" + name + ".sh";
  }
  int avahi(const std::string& command, int host) {
    return run_command({script("avahi-in-netns"), command, std::to_string(host)});
  }

  std::set<int> running_;
};

bool may_make_namespaces() {
  if (geteuid() == 0 && run_command({"ip", "netns", "list"}) == 0) return true;
  WARN(
      "SKIPPED: this test makes network namespaces with an Avahi daemon in each, which takes the "
      "rights of root; run it as root to know that terminals find each other");
  return false;
}

constexpr milliseconds mdns_limit(20000);

}  // namespace

TEST_CASE("terminals of one store find each other, those of another store do not", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(3);
  for (const int host : {1, 2, 3}) lab.start(host);
  const auto start = std::chrono::steady_clock::now();
  auto one = lab.peer(1, "london-1", "till-1", 1);
  auto two = lab.peer(2, "london-1", "till-2", 2);
  auto stranger = lab.peer(3, "paris-1", "till-1", 3);
  const auto in_one = one->await_line("found ", mdns_limit);
  const auto in_two = two->await_line("found ", mdns_limit);
  const auto took = std::chrono::steady_clock::now() - start;
  REQUIRE(in_one);
  REQUIRE(in_two);
  WARN("published and found after " << std::chrono::duration_cast<milliseconds>(took).count()
                                    << " ms");
  CHECK(in_one->starts_with("10.77.0.2:7411 "));
  CHECK(in_two->starts_with("10.77.0.1:7411 "));
  REQUIRE(stranger->await_line("note published", mdns_limit));
  CHECK_FALSE(stranger->await_line("found ", milliseconds(1500)));
  one->read_output();
  for (const auto& line : one->lines) CHECK(line.find("10.77.0.3") == std::string::npos);

  // A polite end withdraws the service.
  two->signal(SIGTERM);
  const auto lost = one->await_line("lost ", mdns_limit);
  REQUIRE(lost);
  CHECK(*lost == "10.77.0.2:7411");
}

TEST_CASE("two devices with the same name, and a cloned device, are all found", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(3);
  for (const int host : {1, 2, 3}) lab.start(host);
  auto one = lab.peer(1, "london-1", "till-1", 1);
  REQUIRE(one->await_line("note published", mdns_limit));
  auto clone = lab.peer(2, "london-1", "till-1", 1);
  REQUIRE(clone->await_line("note published", mdns_limit));
  auto watcher = lab.peer(3, "london-1", "till-3", 3);
  std::set<std::string> found;
  while (found.size() < 2) {
    const auto line = watcher->await_line("found ", mdns_limit);
    REQUIRE(line);
    found.insert(line->substr(0, line->find(' ')));
  }
  CHECK(found == std::set<std::string>{"10.77.0.1:7411", "10.77.0.2:7411"});
}

TEST_CASE("no daemon: one warning; when it comes or comes back, all goes on", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(2);
  lab.start(1);
  auto one = lab.peer(1, "london-1", "till-1", 1);
  REQUIRE(one->await_line("note published", mdns_limit));

  // Neither D-Bus nor Avahi on host 2 yet.
  auto two = lab.peer(2, "london-1", "till-2", 2);
  const auto warning = two->await_line("warning ", mdns_limit);
  REQUIRE(warning);
  INFO(*warning);
  CHECK(warning->find("mDNS is off") != std::string::npos);
  CHECK(warning->find("avahi-daemon") != std::string::npos);
  CHECK_FALSE(two->await_line("warning ", milliseconds(7000)));  // two more attempts, silent
  lab.start(2);
  const auto found = two->await_line("found ", mdns_limit);
  REQUIRE(found);
  CHECK(found->starts_with("10.77.0.1:7411 "));

  // The daemon and its D-Bus die and come back: found again, and published again.
  lab.kill(2);
  REQUIRE(two->await_line("lost 10.77.0.1:7411", mdns_limit));
  lab.start(2);
  bool published = false;
  bool found_again = false;
  while (!published || !found_again) {
    const auto line = two->await_line("", mdns_limit);
    REQUIRE(line);
    published |= line->starts_with("note published");
    found_again |= line->starts_with("found 10.77.0.1:7411");
  }
  two->signal(SIGTERM);
  const auto start = std::chrono::steady_clock::now();
  CHECK(two->wait() == 0);
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(1000));
}

TEST_CASE("a daemon that hangs does not hold up the end", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(1);
  lab.start(1);
  auto one = lab.peer(1, "london-1", "till-1", 1);
  REQUIRE(one->await_line("note published", mdns_limit));
  const std::string state = "/run/netlab-" + std::string(getenv("NETLAB")) + "/avahi-1";
  REQUIRE(run_command({"sh", "-c", "kill -STOP $(cat " + state + "/avahi.pid)"}) == 0);
  one->signal(SIGTERM);
  const auto start = std::chrono::steady_clock::now();
  CHECK(one->wait() == 0);
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(1000));
  REQUIRE(run_command({"sh", "-c", "kill -CONT $(cat " + state + "/avahi.pid)"}) == 0);
}

TEST_CASE("an address that changes is told, and only of the protocol that is listened on",
          "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(2);
  for (const int host : {1, 2}) lab.start(host);
  auto one = lab.peer(1, "london-1", "till-1", 1);
  auto two = lab.peer(2, "london-1", "till-2", 2);
  const auto finds = [&](const std::string& address) {
    while (const auto line = one->await_line("found ", mdns_limit)) {
      CHECK_FALSE(line->starts_with("["));  // the hosts have IPv6, too
      if (line->starts_with(address + ":7411 ")) return true;
    }
    return false;
  };
  REQUIRE(finds("10.77.0.2"));
  for (const char* address : {"10.77.0.22", "10.77.0.23"}) {
    lab.set_address(2, address);
    REQUIRE(finds(address));
  }
}

TEST_CASE("an address that changes while the name is probed holds up nothing", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(2);
  for (const int host : {1, 2}) lab.start(host);
  auto one = lab.peer(1, "london-1", "till-1", 1);
  REQUIRE(one->await_line("note published in mDNS as", mdns_limit));
  for (int turn = 0; turn < 4; ++turn) {
    auto two = lab.peer(2, "london-1", "till-2", 2 + turn);
    // The daemon probes for about 750 ms: at another moment of it each time.
    const milliseconds probed(100 + 200 * turn);
    const auto is_published = two->await_line("note published in mDNS as", probed);
    const std::string address = "10.77.0." + std::to_string(30 + turn);
    lab.set_address(2, address);
    REQUIRE(one->await_line("found " + address + ":7411", mdns_limit));
    if (!is_published) REQUIRE(two->await_line("note published in mDNS as", mdns_limit));
  }
}

TEST_CASE("who listens on IPv6 finds and is found where there is nothing else", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(2);
  for (const int host : {1, 2}) {
    lab.set_address(host, "none");
    lab.start(host);
  }
  auto one = lab.peer(1, "london-1", "till-1", 1, true);
  auto two = lab.peer(2, "london-1", "till-2", 2, true);
  CHECK(one->await_line("found [f", mdns_limit));
  CHECK(two->await_line("found [f", mdns_limit));
}

TEST_CASE("who asks anew is told again who is there", "[avahi][lab]") {
  if (!may_make_namespaces()) return;
  AvahiLab lab(2);
  for (const int host : {1, 2}) lab.start(host);
  auto one = lab.peer(1, "london-1", "till-1", 1);
  auto two = lab.peer(2, "london-1", "till-2", 2);
  REQUIRE(one->await_line("found 10.77.0.2:7411", mdns_limit));
  CHECK_FALSE(one->await_line("found ", milliseconds(1500)));  // nothing by itself
  one->signal(SIGUSR1);
  CHECK(one->await_line("found 10.77.0.2:7411", mdns_limit));
  // Who is gone is not.
  two->signal(SIGTERM);
  REQUIRE(one->await_line("lost 10.77.0.2:7411", mdns_limit));
  one->signal(SIGUSR1);
  CHECK_FALSE(one->await_line("found 10.77.0.2:7411", milliseconds(2500)));
}
