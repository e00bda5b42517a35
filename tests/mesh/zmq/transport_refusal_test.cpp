// Those who must not get past the hello: strangers, other stores, other versions, replays.
#include <catch2/catch.hpp>

#include "tests/mesh/zmq/raw_client.h"
#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::test;

namespace {

// Reads frames until one of the wanted kind comes; nothing if time runs out.
std::optional<Bytes> await_frame(boost::asio::io_context& loop, RawClient& client,
                                 HelloKind wanted) {
  std::optional<Bytes> found;
  run_until(loop, [&] {
    while (auto frame = client.receive()) {
      if (hello_kind(*frame) == wanted) found = std::move(frame);
    }
    return found.has_value();
  });
  return found;
}

RawOptions options_of(const TransportConfig& config) {
  RawOptions options;
  options.server_key = server_key_of(config);
  return options;
}

// `other` differs from till 1 in one thing; both dial each other and neither may link.
void check_refused_both_ways(TransportConfig other_config, const std::string& told,
                             int attempts = 2) {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  other_config.timings.dial.refused_rest = milliseconds(50);
  TestPeer other(loop, other_config);
  REQUIRE(other.transport->dial(one.address(), milliseconds(50)));
  WAIT_UNTIL(loop, !other.refused.empty(), &one, &other);
  const auto [where, reason] = other.refused.front();
  INFO(reason);
  CHECK(where == one.address());
  CHECK(reason.find(told) != std::string::npos);

  // It tries again, is refused again, and does not say so again.
  const auto before = other.transport->counters().attempts;
  WAIT_UNTIL(loop, other.transport->counters().attempts >= before + attempts, &one, &other);
  CHECK(other.refused.size() == 1);
  CHECK(other.ups.empty());
  CHECK(one.greeted.empty());
  CHECK_FALSE(other.transport->send(one.process(), frame_of("let me in")));
  CHECK(one.frames.empty());
}

}  // namespace

TEST_CASE("another store with the same secret is refused and told why", "[refusal]") {
  TransportConfig config = config_of(2);
  config.store = "paris-1";
  check_refused_both_ways(config, "different stores");
}

TEST_CASE("another tenant is refused and told why", "[refusal]") {
  TransportConfig config = config_of(2);
  config.tenant = "rival";
  check_refused_both_ways(config, "different tenants");
}

TEST_CASE("a newer protocol is refused and told why", "[refusal]") {
  TransportConfig config = config_of(2);
  config.protocol_min = 5;
  config.protocol = 6;
  check_refused_both_ways(config, "protocol versions");
}

TEST_CASE("another store secret ends in the encryption handshake, with a hint", "[refusal]") {
  TransportConfig config = config_of(2);
  config.store_secret = secret_of(4711);
  check_refused_both_ways(config, "another store secret", 5);
}

TEST_CASE("a version that overlaps with ours is linked", "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TransportConfig newer = config_of(2);
  newer.protocol = 2;
  newer.protocol_min = 1;
  TestPeer two(loop, newer);
  REQUIRE(two.transport->dial(one.address()));
  REQUIRE(one.transport->dial(two.address()));
  WAIT_UNTIL(loop, one.linked_to(two) && two.linked_to(one), &one, &two);
}

TEST_CASE("one who knows the server key but not the secret is refused", "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  RawClient enemy(one.address(), options_of(one.config));
  TransportConfig forged = config_of(2);
  forged.store_secret = secret_of(4711);
  enemy.send(enemy.hello(forged));
  const auto refusal = await_frame(loop, enemy, HelloKind::refused);
  REQUIRE(refusal);
  CHECK(read_hello_refused(*refusal).code == RefusalCode::secret);
  REQUIRE(one.turned_away.size() == 1);
  CHECK(one.turned_away.front().first == "127.0.0.1");
  enemy.send(frame_of("anyway"));
  WAIT_UNTIL(loop, one.transport->counters().dropped_without_hello == 1, &one);
  CHECK(one.frames.empty());
}

TEST_CASE("a hello without end is answered only a few times", "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  RawClient enemy(one.address(), options_of(one.config));
  TransportConfig forged = config_of(2);
  forged.store = "paris-1";
  for (int i = 0; i < 50; ++i) enemy.send(enemy.hello(forged));
  WAIT_UNTIL(loop, one.transport->counters().hellos_refused == 50, &one);
  int answers = 0;
  run_for(loop, milliseconds(100));
  while (enemy.receive()) ++answers;
  CHECK(answers == one.config.limits.refusals_per_session_max);
  CHECK(one.turned_away.size() == 1);
}

TEST_CASE("a hello replayed by a client with another key is refused", "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  RawClient honest(one.address(), options_of(one.config));
  const Bytes hello = honest.hello(config_of(2));
  honest.send(hello);
  REQUIRE(await_frame(loop, honest, HelloKind::accepted));

  RawClient thief(one.address(), options_of(one.config));
  thief.send(hello);
  const auto refusal = await_frame(loop, thief, HelloKind::refused);
  REQUIRE(refusal);
  CHECK(read_hello_refused(*refusal).code == RefusalCode::connection);
  thief.send(frame_of("as if I were till 2"));
  WAIT_UNTIL(loop, one.transport->counters().dropped_without_hello == 1, &one);
  CHECK(one.frames.empty());

  honest.send(frame_of("still welcome"));
  WAIT_UNTIL(loop, one.frames.size() == 1, &one);
}

TEST_CASE("a frame without a hello is dropped and a hello is asked for, not in a loop",
          "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  RawClient forgetful(one.address(), options_of(one.config));
  for (int i = 0; i < 100; ++i) forgetful.send(frame_of("early"));
  REQUIRE(await_frame(loop, forgetful, HelloKind::wanted));
  WAIT_UNTIL(loop, one.transport->counters().dropped_without_hello == 100, &one);
  int more_demands = 0;
  while (forgetful.receive()) ++more_demands;
  CHECK(more_demands <= 2);
  CHECK(one.frames.empty());

  forgetful.send(forgetful.hello(config_of(2)));
  REQUIRE(await_frame(loop, forgetful, HelloKind::accepted));
  forgetful.send(frame_of("now"));
  WAIT_UNTIL(loop, one.frames.size() == 1, &one);
  CHECK(one.frames.front().first == process_of(2));
}

TEST_CASE("random bytes and odd messages harm nobody", "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  TestPeer two(loop, config_of(2));
  REQUIRE(two.transport->dial(one.address()));
  WAIT_UNTIL(loop, two.linked_to(one), &one, &two);
  RawClient enemy(one.address(), options_of(one.config));
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    Bytes rubbish(random.below(300), '\0');
    for (char& byte : rubbish) byte = static_cast<char>(random.next());
    enemy.send(rubbish);
    // Now and then something that begins like a hello.
    if (i % 10 == 0) enemy.send("\x08\x01\x12" + rubbish);
    if (i % 100 == 0) run_for(loop, milliseconds(2));
  }
  REQUIRE(two.transport->send(one.process(), frame_of("all is well")));
  WAIT_UNTIL(loop, one.frames.size() == 1, &one, &two);
  CHECK(one.frames.front().first == two.process());
}

TEST_CASE("a client without CURVE never gets through the door", "[refusal]") {
  boost::asio::io_context loop;
  TestPeer one(loop, config_of(1));
  RawClient plain(one.address(), RawOptions{});
  plain.send(frame_of("hello?"));
  WAIT_UNTIL(loop, one.transport->counters().handshakes_failed > 0, &one);
  CHECK(one.transport->counters().frames_received == 0);
}
