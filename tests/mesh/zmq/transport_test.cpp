// The transport's contract among well-behaved peers, on loopback.
#include <catch2/catch.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <set>

#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::test;

TEST_CASE("two transports link both ways and exchange frames in order", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(two.address()));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, one.linked_to(two) && two.linked_to(one), &one, &two);
  CHECK(one.ups.front().first == two.process());
  CHECK(one.greeted.front().terminal == "till-2");
  // The port is told, not the one that it calls from.
  CHECK(one.greeted_from.front() == two.address());

  constexpr int count = 3000;
  for (int i = 0; i < count; ++i) {
    REQUIRE(one.transport->send(two.process(), frame_of("from one " + std::to_string(i))));
    REQUIRE(two.transport->send(one.process(), frame_of("from two " + std::to_string(i))));
  }
  WAIT_UNTIL(loop, one.frames.size() == count && two.frames.size() == count, &one, &two);
  for (int i = 0; i < count; ++i) {
    REQUIRE(two.frames[i] == std::pair(one.process(), frame_of("from one " + std::to_string(i))));
    REQUIRE(one.frames[i] == std::pair(two.process(), frame_of("from two " + std::to_string(i))));
  }
  CHECK(one.transport->counters().frames_sent == count);
}

TEST_CASE("three transports do not mix up who sent what", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  TestPeer three(loop, config_of(3));
  REQUIRE(one.transport->dial(three.address()));
  REQUIRE(two.transport->dial(three.address()));
  WAIT_UNTIL(loop, one.linked_to(three) && two.linked_to(three), &one, &two, &three);
  REQUIRE(one.transport->send(three.process(), frame_of("one")));
  REQUIRE(two.transport->send(three.process(), frame_of("two")));
  WAIT_UNTIL(loop, three.frames.size() == 2, &one, &two, &three);
  const std::set<std::pair<ProcessId, Bytes>> seen(three.frames.begin(), three.frames.end());
  CHECK(seen.contains({one.process(), frame_of("one")}));
  CHECK(seen.contains({two.process(), frame_of("two")}));
}

TEST_CASE("a peer that is dialled before it exists is linked when it comes", "[transport]") {
  boost::asio::io_context loop;
  std::string address;
  {
    TestPeer reserved(loop, config_of(9));
    address = reserved.address();
  }
  TestPeer one(loop, config_of(1));
  REQUIRE(one.transport->dial(address));
  WAIT_UNTIL(loop, one.transport->counters().attempts >= 3, &one);
  CHECK(one.ups.empty());

  TransportConfig late = config_of(2);
  late.listen = address;
  TestPeer two(loop, late);
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
}

TEST_CASE("a peer that restarts on the same port is a new link", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  auto two = std::make_unique<TestPeer>(loop, config_of(2));
  const std::string address = two->address();
  const ProcessId before = two->process();
  REQUIRE(one.transport->dial(address));
  WAIT_UNTIL(loop, one.linked_to(*two), &one, two.get());
  two.reset();
  WAIT_UNTIL(loop, one.downs.size() == 1, &one);
  CHECK(one.downs.front().first == before);
  CHECK_FALSE(one.transport->send(before, frame_of("nobody there")));
  CHECK(one.transport->counters().dropped_without_link == 1);

  TransportConfig again = config_of(3);
  again.listen = address;
  TestPeer three(loop, again);
  WAIT_UNTIL(loop, one.linked_to(three), &one, &three);
  CHECK(one.ups.size() == 2);
  REQUIRE(one.transport->send(three.process(), frame_of("hello again")));
  WAIT_UNTIL(loop, three.frames.size() == 1, &one, &three);
}

TEST_CASE("dialling oneself is recognised and given up quietly", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  REQUIRE(one.transport->dial(one.address()));
  WAIT_UNTIL(loop, one.selves.size() == 1, &one);
  run_for(loop, milliseconds(600));
  CHECK(one.selves.size() == 1);
  CHECK(one.ups.empty());
  CHECK(one.greeted.empty());
  CHECK(one.refused.empty());
  CHECK(one.transport->counters().attempts == 1);
}

TEST_CASE("two addresses of one peer: one link, the other in reserve", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TransportConfig everywhere = config_of(2);
  everywhere.listen = "0.0.0.0:0";
  TestPeer two(loop, everywhere);
  const std::string port = ":" + std::to_string(two.transport->bound_port());
  REQUIRE(one.transport->dial("127.0.0.1" + port));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  REQUIRE(one.transport->dial("127.0.0.2" + port));
  WAIT_UNTIL(loop, one.parked.size() == 1, &one, &two);
  CHECK(one.ups.size() == 1);

  SECTION("the reserve takes over when the link goes") {
    one.transport->hang_up("127.0.0.1" + port);
    CHECK(one.downs.size() == 1);
    WAIT_UNTIL(loop, one.ups.size() == 2, &one, &two);
    CHECK(one.ups.back().second == "127.0.0.2" + port);
    REQUIRE(one.transport->send(two.process(), frame_of("the other way")));
    WAIT_UNTIL(loop, two.frames.size() == 1, &one, &two);
  }
  SECTION("hanging up the reserve does not touch the link") {
    one.transport->hang_up("127.0.0.2" + port);
    run_for(loop, milliseconds(100));
    CHECK(one.linked_to(two));
    CHECK(one.downs.empty());
  }
}

TEST_CASE("looking whether anybody is still there disturbs nobody who is", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(two.address()));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, one.linked_to(two) && two.linked_to(one), &one, &two);
  one.transport->hang_up(two.address());
  run_for(loop, milliseconds(800));  // longer than all attempts together
  CHECK(one.nobody_there.empty());
  CHECK(two.linked_to(one));
  CHECK(two.turned_away.empty());
  CHECK(two.downs.empty());
}

TEST_CASE("after hang_up() an address is dialled no more", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  one.transport->hang_up(two.address());
  CHECK_FALSE(one.linked_to(two));
  run_for(loop, milliseconds(500));
  CHECK(one.transport->counters().attempts == 1);
  CHECK(one.transport->links().empty());
}

TEST_CASE("callbacks may hang up, dial and close", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  two.frame_hook = [&](const ProcessId&, BytesView) { two.transport->close(); };
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  REQUIRE(one.transport->send(two.process(), frame_of("close yourself")));
  REQUIRE(one.transport->send(two.process(), frame_of("too late")));
  WAIT_UNTIL(loop, one.downs.size() == 1, &one);
  CHECK(two.frames.size() == 1);
}

TEST_CASE("frames sent just before a polite close arrive", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  for (int i = 0; i < 50; ++i) REQUIRE(one.transport->send(two.process(), frame_of("bye")));
  const auto start = std::chrono::steady_clock::now();
  one.transport.reset();
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(500));
  WAIT_UNTIL(loop, two.frames.size() == 50, &two);
}

TEST_CASE("IPv6 and IPv4 reach one listener", "[transport]") {
  boost::asio::io_context loop;
  boost::system::error_code none;
  boost::asio::ip::tcp::acceptor probe(loop);
  probe.open(boost::asio::ip::tcp::v6());
  probe.bind({boost::asio::ip::address_v6::loopback(), 0}, none);
  if (none) {
    WARN("SKIPPED: this machine has no IPv6 on its loopback: " << none.message());
    return;
  }
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  TransportConfig both = config_of(3);
  both.listen = "[::]:0";
  TestPeer three(loop, both);
  const std::string port = ":" + std::to_string(three.transport->bound_port());
  REQUIRE(one.transport->dial("[::1]" + port));
  REQUIRE(two.transport->dial("127.0.0.1" + port));
  WAIT_UNTIL(loop, one.linked_to(three) && two.linked_to(three), &one, &two, &three);
}

TEST_CASE("hundreds of dead addresses do not keep a living one from its link", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  std::string dead_port;
  {
    TestPeer gone(loop, config_of(3));
    dead_port = ":" + std::to_string(gone.transport->bound_port());
  }
  constexpr std::uint64_t dead = 200;
  for (std::uint64_t i = 0; i < dead; ++i) {
    REQUIRE(one.transport->dial("127.0.1." + std::to_string(i + 1) + dead_port));
  }
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  WAIT_UNTIL(loop, one.transport->counters().attempts >= 2 * dead, &two);
  REQUIRE(one.transport->send(two.process(), frame_of("through the crowd")));
  WAIT_UNTIL(loop, two.frames.size() == 1, &two);
}

TEST_CASE("an address that is a name or nonsense is refused with the reason", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  for (const char* address : {"till-2:7411", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", ":7411", "",
                              "127.0.0.1:70000", "[127.0.0.1]:7411", "::1:7411", "[]:1"}) {
    INFO(address);
    const Status dialled = one.transport->dial(address);
    REQUIRE_FALSE(dialled);
    CHECK(dialled.error().field == "address");
  }
  for (const char* address : {"10.77.0.3:7411", "[::1]:7411", "[fe80::1%eth0]:7411"}) {
    CHECK(is_numeric_address(address));
  }
}

TEST_CASE("a port that is taken is named, with what to do", "[transport]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TransportConfig config = config_of(2);
  config.listen = one.address();
  Transport second(loop, config, {});
  const Status started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == ErrorCode::conflict);
  CHECK(started.error().message.find(one.address()) != std::string::npos);
  CHECK(started.error().message.find("mesh.listen") != std::string::npos);
}

TEST_CASE("twenty peers: everyone linked to everyone, every frame arrives once", "[transport]") {
  boost::asio::io_context loop;
  constexpr std::size_t count = 20;
  std::vector<std::unique_ptr<TestPeer>> peers;
  for (std::size_t i = 0; i < count; ++i) {
    peers.push_back(std::make_unique<TestPeer>(loop, config_of(100 + i)));
  }
  const auto start = std::chrono::steady_clock::now();
  for (auto& from : peers) {
    for (auto& to : peers) REQUIRE(from->transport->dial(to->address()));
  }
  const auto all_linked = [&] {
    for (auto& from : peers) {
      for (auto& to : peers) {
        if (from != to && !from->linked_to(*to)) return false;
      }
    }
    return true;
  };
  const bool linked = run_until(loop, all_linked, milliseconds(60000));
  if (!linked) {
    for (auto& peer : peers) UNSCOPED_INFO(peer->describe());
  }
  REQUIRE(linked);
  const auto took = std::chrono::steady_clock::now() - start;
  WARN("20 peers, 380 links in " << std::chrono::duration_cast<milliseconds>(took).count()
                                 << " ms on one thread");
  for (auto& from : peers) {
    for (auto& to : peers) {
      if (from != to) REQUIRE(from->transport->send(to->process(), frame_of("x")));
    }
  }
  const auto all_there = [&] {
    for (auto& peer : peers) {
      if (peer->frames.size() != count - 1) return false;
    }
    return true;
  };
  REQUIRE(run_until(loop, all_there, milliseconds(10000)));
  for (auto& peer : peers) {
    std::set<ProcessId> senders;
    for (const auto& [from, frame] : peer->frames) senders.insert(from);
    CHECK(senders.size() == count - 1);
    CHECK(peer->downs.empty());
    CHECK(peer->selves.size() == 1);
  }
}
