// Cut and heal on a real (lab) LAN: a cut drops packets silently, so TCP stalls and backs off.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/mesh/zmq/child_process.h"
#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh::test;

namespace {

long long now_us() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Hosts 1..N on one LAN; removed at the end.
class Lab {
 public:
  explicit Lab(int hosts) {
    const std::string name = "tz" + std::to_string(getpid());
    setenv("NETLAB", name.c_str(), 1);
    setenv("NETLAB_OWNER", std::to_string(getpid()).c_str(), 1);
    if (netlab({"create", std::to_string(hosts)}) != 0) FAIL("the lab could not be made");
  }
  ~Lab() { netlab({"destroy"}); }

  int netlab(std::vector<std::string> command) {
    command.insert(command.begin(), std::string(TITAN_LAB) + "/netlab.sh");
    return run_command(command);
  }
  std::unique_ptr<ChildProcess> peer(int host, std::vector<std::string> more) {
    const std::string listen = "10.77.0." + std::to_string(host) + ":7411";
    std::vector<std::string> command = {std::string(TITAN_LAB) + "/netlab.sh",
                                        "run",
                                        std::to_string(host),
                                        TITAN_TRANSPORT_PEER,
                                        listen,
                                        std::to_string(host)};
    command.insert(command.end(), more.begin(), more.end());
    return std::make_unique<ChildProcess>(command);
  }
};

bool may_make_namespaces() {
  if (geteuid() == 0 && run_command({"ip", "netns", "list"}) == 0) return true;
  WARN(
      "SKIPPED: this test makes network namespaces, which takes the rights of root; run it as "
      "root to know that a healed cut is used again within a second");
  return false;
}

// Microseconds from `from` until the first frame that `peer` received after it.
long long first_frame_after(ChildProcess& peer, long long from) {
  for (int i = 0; i < 100'000; ++i) {
    const auto line = peer.await_line("frame ", milliseconds(15'000));
    if (!line) return -1;
    const long long when = std::stoll(line->substr(line->rfind(' ') + 1));
    if (when > from) return when - from;
  }
  return -1;
}

}  // namespace

TEST_CASE("a healed cut is used again within a second, whatever its length", "[lab]") {
  if (!may_make_namespaces()) return;
  Lab lab(2);
  auto one = lab.peer(1, {"dial=10.77.0.2:7411", "chatter=20"});
  auto two = lab.peer(2, {"dial=10.77.0.1:7411", "chatter=20"});
  REQUIRE(one->await_line("up "));
  REQUIRE(two->await_line("up "));

  for (const int cut_ms : {300, 1500, 4000, 8000}) {
    REQUIRE(lab.netlab({"partition", "1", "2"}) == 0);
    const long long cut_until = now_us() + cut_ms * 1000LL;
    // The cut must really cut: no frame is received in its second half.
    std::this_thread::sleep_until(std::chrono::steady_clock::time_point(Duration(cut_until)));
    one->read_output();
    two->read_output();
    one->lines.clear();
    two->lines.clear();
    const long long before_heal = now_us();
    REQUIRE(lab.netlab({"heal"}) == 0);
    const long long healed = now_us();
    const long long to_one = first_frame_after(*one, before_heal);
    const long long to_two = first_frame_after(*two, before_heal);
    const long long heal_took = healed - before_heal;
    WARN("cut of " << cut_ms << " ms: frames flow " << (to_one - heal_took) / 1000 << " and "
                   << (to_two - heal_took) / 1000 << " ms after the heal");
    REQUIRE(to_one >= 0);
    REQUIRE(to_two >= 0);
    CHECK(to_one - heal_took < 1'000'000);
    CHECK(to_two - heal_took < 1'000'000);
  }
}

TEST_CASE("a host that vanishes is known within two seconds of the first frame to it", "[lab]") {
  if (!may_make_namespaces()) return;
  Lab lab(2);
  auto one = lab.peer(1, {"dial=10.77.0.2:7411", "chatter=20"});
  auto two = lab.peer(2, {});
  REQUIRE(one->await_line("up "));
  const long long cut = now_us();
  REQUIRE(lab.netlab({"down", "2"}) == 0);
  const auto down = one->await_line("down ");
  REQUIRE(down);
  const long long known = std::stoll(down->substr(down->rfind(' ') + 1)) - cut;
  WARN("a pulled cable is known after " << known / 1000 << " ms");
  CHECK(known < 2'000'000);
}
