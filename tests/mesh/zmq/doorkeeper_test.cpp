// What connections that never prove themselves, or a message that never ends, may cost.
#include "mesh/zmq/doorkeeper.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "tests/mesh/zmq/raw_client.h"
#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::test;
using boost::asio::ip::tcp;

namespace {

class Stranger {
 public:
  Stranger(boost::asio::io_context& loop, const TestPeer& peer) : socket_(loop) {
    const std::string address = peer.address();
    const auto port = std::stoi(address.substr(address.rfind(':') + 1));
    socket_.connect({boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
    socket_.non_blocking(true);
  }
  void send(const std::string& bytes) {
    boost::system::error_code ignored;
    socket_.send(boost::asio::buffer(bytes), MSG_NOSIGNAL, ignored);
  }
  // Whether the other side ended it; what it says is thrown away.
  bool is_ended() {
    std::array<char, 4096> read;
    for (;;) {
      boost::system::error_code error;
      socket_.receive(boost::asio::buffer(read), 0, error);
      if (error == boost::asio::error::would_block) return false;
      if (error) return true;
    }
  }

 private:
  tcp::socket socket_;
};

std::string zmtp_greeting() {
  std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\x01", 12);
  greeting += "CURVE";
  greeting.resize(64, '\0');
  return greeting;
}

std::size_t open_ones(std::list<Stranger>& strangers) {
  return static_cast<std::size_t>(std::count_if(strangers.begin(), strangers.end(),
                                                [](Stranger& one) { return !one.is_ended(); }));
}

}  // namespace

TEST_CASE("one source has few connections that did not prove themselves", "[door]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  std::list<Stranger> strangers;
  for (int i = 0; i < 40; ++i) strangers.emplace_back(loop, one);
  const std::size_t allowed = one.config.limits.door.unproven_per_source_max;
  WAIT_UNTIL(loop, open_ones(strangers) <= allowed, &one);
  CHECK(one.transport->counters().connections_turned_away >= 40 - allowed);
  // Their places come free, and whoever belongs here gets in meanwhile or then.
  strangers.clear();
  TestPeer two(loop, config_of(2));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, two.linked_to(one), &one, &two);
}

TEST_CASE("a connection that never says hello is closed in time", "[door]") {
  boost::asio::io_context loop;
  TransportConfig config = config_of(1);
  config.limits.door.unproven_wait = milliseconds(300);
  TestPeer one(loop, config);
  std::list<Stranger> strangers;
  strangers.emplace_back(loop, one);
  WAIT_UNTIL(loop, open_ones(strangers) == 0, &one);
}

TEST_CASE("nobody may send a megabyte before the hello", "[door][tcp_info]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  std::list<Stranger> strangers;
  strangers.emplace_back(loop, one);
  strangers.front().send(zmtp_greeting());
  run_for(loop, milliseconds(50));
  // A command of a megabyte, of which a tenth comes.
  strangers.front().send(std::string("\x06\0\0\0\0\0\x0f\0\0", 9) + std::string(100'000, 'x'));
  WAIT_UNTIL(loop, open_ones(strangers) == 0, &one);
  CHECK(one.transport->counters().connections_turned_away == 1);
}

// libzmq's own sender keeps the parts of a message until its last: what never ends comes from
// others, so the doorkeeper is shown a connection of plain TCP.
TEST_CASE("a message without an end ends its connection", "[door][tcp_info]") {
  boost::asio::io_context loop;
  tcp::acceptor acceptor(loop, {boost::asio::ip::address_v4::loopback(), 0});
  tcp::socket sender(loop), receiver(loop);
  sender.connect(acceptor.local_endpoint());
  acceptor.accept(receiver);
  std::size_t turned_away = 0;
  DoorLimits limits;
  limits.unfinished_bytes_max = 1'000'000;
  Doorkeeper door(limits, [&] { ++turned_away; });
  const int descriptor = receiver.native_handle();
  door.on_accepted({seconds(1)}, descriptor);
  door.on_proven(descriptor);
  Bytes received(100'000, '\0');
  const auto pass_on = [&](int parts) {
    for (int i = 0; i < parts; ++i) {
      boost::asio::write(sender, boost::asio::buffer(Bytes(received.size(), 'x')));
      boost::asio::read(receiver, boost::asio::buffer(received));
    }
  };
  door.on_whole_message(descriptor);
  door.look({seconds(2)}, true);
  pass_on(9);
  door.look({seconds(3)}, true);
  CHECK(turned_away == 0);
  door.on_whole_message(descriptor);  // it came to its end
  door.look({seconds(4)}, true);
  pass_on(9);
  door.look({seconds(5)}, true);
  CHECK(turned_away == 0);
  pass_on(2);
  door.look({seconds(6)}, false);  // the rest of it may be waiting to be read
  CHECK(turned_away == 0);
  door.look({seconds(7)}, true);
  CHECK(turned_away == 1);
  boost::system::error_code error;
  CHECK(sender.read_some(boost::asio::buffer(received), error) == 0);
  CHECK(error == boost::asio::error::eof);
}

TEST_CASE("a long burst of whole frames is no message without an end", "[door]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, two.linked_to(one), &one, &two);
  const Bytes frame = frame_of(Bytes(200'000, 'x'));
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    sent += two.transport->send(one.process(), frame) ? 1 : 0;
    run_for(loop, milliseconds(2));
  }
  WAIT_UNTIL(loop, one.frames.size() == sent, &one, &two);
  CHECK(one.transport->counters().connections_turned_away == 0);
}

TEST_CASE("a hello that names another device's process is refused", "[door]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two), &one, &two);
  TransportConfig config = config_of(3);
  config.member.process = two.process();
  TestPeer liar(loop, config);
  REQUIRE(liar.transport->dial(one.address()));
  WAIT_UNTIL(loop, !liar.refused.empty(), &one, &liar);
  CHECK(one.greeted.empty());
}
