// Every bound of the transport: large frames, peers that do not read, wedged handshakes.
#include <catch2/catch.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "tests/mesh/zmq/raw_client.h"
#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::test;
using boost::asio::ip::tcp;

TEST_CASE("a frame at the limit passes, one above it is not sent", "[limits]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  Bytes largest = frame_of(Bytes(frame_bytes_max - 5, 'x'));
  REQUIRE(largest.size() == frame_bytes_max);
  REQUIRE(one.transport->send(two.process(), largest));
  CHECK_FALSE(one.transport->send(two.process(), largest + "y"));
  CHECK(one.transport->counters().dropped_too_large == 1);
  WAIT_UNTIL(loop, two.frames.size() == 1, &one, &two);
  CHECK(two.frames.front().second == largest);
}

TEST_CASE("a frame over the limit closes its connection and no other", "[limits]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, two.linked_to(one), &one, &two);

  RawOptions options;
  options.server_key = server_key_of(one.config);
  RawClient enemy(one.address(), options);
  enemy.send(enemy.hello(config_of(3)));
  WAIT_UNTIL(loop, one.greeted.size() == 2, &one, &two);
  enemy.send(frame_of(Bytes(2 * frame_bytes_max, 'x')));
  enemy.send(frame_of("after it"));
  run_until(
      loop, [&] { return !one.frames.empty(); }, milliseconds(300));
  CHECK(one.frames.empty());

  REQUIRE(two.transport->send(one.process(), frame_of("still here")));
  WAIT_UNTIL(loop, one.frames.size() == 1, &one, &two);
  CHECK(one.frames.front().first == two.process());
}

TEST_CASE("a peer that never reads: bounded queue, frames dropped and counted", "[limits]") {
  boost::asio::io_context loop;
  boost::asio::io_context deaf_loop;  // run only until the link stands
  TransportConfig config = config_of(1);
  config.limits.queue_bytes_max = 1024 * 1024;
  TestPeer one(loop, config);
  TestPeer deaf(deaf_loop, config_of(2));
  TestPeer good(loop, config_of(3));
  REQUIRE(one.transport->dial(deaf.address()));
  REQUIRE(one.transport->dial(good.address()));
  const auto linked = [&] {
    run_for(deaf_loop, milliseconds(2));
    return one.linked_to(deaf) && one.linked_to(good);
  };
  REQUIRE(run_until(loop, linked));

  const Bytes frame = frame_of(Bytes(100'000, 'x'));
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    if (!one.transport->send(deaf.process(), frame)) ++refused;
    if (i % 10 == 0) run_for(loop, milliseconds(1));
  }
  INFO(one.describe());
  CHECK(refused > 0);
  CHECK(one.transport->counters().dropped_queue_full +
            one.transport->counters().dropped_without_link ==
        static_cast<std::uint64_t>(refused));
  for (const auto& link : one.transport->links()) CHECK(link.queued_frames <= 11);

  // The others do not feel it.
  REQUIRE(one.transport->send(good.process(), frame_of("you are fine")));
  WAIT_UNTIL(loop, good.frames.size() == 1, &one, &good);

  // When it reads again, the frames that were kept arrive in order of sending, or the link was
  // abandoned meanwhile and stands again; either way new frames get through.
  const auto heard_again = [&] {
    run_for(deaf_loop, milliseconds(2));
    if (one.linked_to(deaf)) one.transport->send(deaf.process(), frame_of("are you back?"));
    return !deaf.frames.empty() && deaf.frames.back().second == frame_of("are you back?");
  };
  REQUIRE(run_until(loop, heard_again, milliseconds(10000)));
}

TEST_CASE("a peer whose handshake is wedged holds up nobody", "[limits]") {
  boost::asio::io_context loop;
  // It accepts the connection and says nothing, for ever.
  tcp::acceptor silent(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const std::string silent_address = "127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  // And one that is connected to us and says nothing.
  TestPeer one(loop, config_of(1));
  tcp::socket mute(loop);
  mute.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), one.transport->bound_port()));

  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(silent_address));
  REQUIRE(one.transport->dial(two.address()));
  const auto start = std::chrono::steady_clock::now();
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(500));

  // Both wedged handshakes are given up in time.
  WAIT_UNTIL(loop, one.transport->counters().attempts >= 4, &one, &two);
  WAIT_UNTIL(loop, one.transport->counters().handshakes_failed >= 1, &one, &two);
  CHECK(one.linked_to(two));
}

TEST_CASE("a server that speaks something else is no Titan terminal", "[limits]") {
  boost::asio::io_context loop;
  tcp::acceptor web(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  std::vector<std::unique_ptr<tcp::socket>> sockets;
  std::function<void()> serve = [&] {
    web.async_accept([&](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      boost::system::error_code ignored;
      boost::asio::write(socket, boost::asio::buffer("HTTP/1.1 400 Bad Request\r\n\r\n"), ignored);
      serve();
    });
  };
  serve();
  TestPeer one(loop, config_of(1));
  const std::string address = "127.0.0.1:" + std::to_string(web.local_endpoint().port());
  REQUIRE(one.transport->dial(address, milliseconds(20)));
  WAIT_UNTIL(loop, one.refused.size() == 1, &one);
  CHECK(one.refused.front().first == address);
  CHECK(one.refused.front().second.find("no Titan terminal") != std::string::npos);
}

TEST_CASE("a flood of strangers is bounded and the members go on", "[limits]") {
  boost::asio::io_context loop;
  TransportConfig config = config_of(1);
  config.limits.sessions_max = 8;
  TestPeer one(loop, config);
  TestPeer two(loop, config_of(2));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, two.linked_to(one), &one, &two);
  RawOptions options;
  options.server_key = server_key_of(one.config);
  std::vector<std::unique_ptr<RawClient>> strangers;
  for (int i = 0; i < 30; ++i) {
    strangers.push_back(std::make_unique<RawClient>(one.address(), options));
    strangers.back()->send(frame_of("who am I?"));
  }
  WAIT_UNTIL(loop, one.transport->counters().dropped_without_hello == 30, &one, &two);
  REQUIRE(two.transport->send(one.process(), frame_of("I am till 2")));
  WAIT_UNTIL(loop, one.frames.size() == 1, &one, &two);
  CHECK(one.frames.front().first == two.process());
}
