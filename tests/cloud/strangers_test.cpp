// What one connection can do to a store's uplink or to the cloud's log, with the tenant's key or
// without; and the operator's way out of a lease that stands where no till can reach.
#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <catch2/catch.hpp>
#include <pqxx/pqxx>

#include "election/term_bound.h"
#include "tests/cloud/test_uplink.h"
#include "uplink/postgres/schema.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::cloud {
namespace {

using test::CloudProcess;
using test::TestUplink;
using test::Till;

// Writes and reads only when it is told to, so that the cloud's answers may pile up.
class SlowReader {
 public:
  explicit SlowReader(std::uint16_t port) {
    stream_.next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
    stream_.handshake("127.0.0.1", "/v1/uplink");
    stream_.binary(true);
  }

  void send(const uplink::ToCloud& message, const KeyPair& key) {
    stream_.write(boost::asio::buffer(uplink::encode(message, key)));
  }
  uplink::ToStore read() {
    boost::beast::flat_buffer buffer;
    stream_.read(buffer);
    return uplink::decode_to_store(boost::beast::buffers_to_string(buffer.data())).value();
  }
  // Until the cloud closes the connection: so many messages came, and this is why it ended.
  std::pair<std::size_t, std::string> read_to_the_end() {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    std::size_t messages = 0;
    for (; stream_.read(buffer, error) > 0 || !error; ++messages) buffer.clear();
    return {messages, std::string(stream_.reason().reason.c_str())};
  }

 private:
  boost::asio::io_context loop_;
  boost::beast::websocket::stream<boost::asio::ip::tcp::socket> stream_{loop_};
};

TEST_CASE("a term that no store reaches does not lock its uplink", "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1"), liar("till-9");
  TestUplink good(cloud, till);
  good.join(3);
  CHECK(good.upload({till.sell("tea", 1)}).accepted == 1);
  {
    TestUplink bad(cloud, liar);
    bad.send(bad.handshake(election::term_max));
    const auto refused = bad.receive<uplink::HandshakeRefused>();
    CHECK(refused.code == uplink::RefusalCode::lower_token);
    CHECK(refused.holder.term == 3);
    CHECK(refused.reason.find("above the lease's term 3") != std::string::npos);
  }
  // The store's uplink goes on, and so does its next leader's.
  CHECK(good.upload({till.sell("tea", 1)}).accepted == 1);
  Till next("till-2");
  TestUplink later(cloud, next);
  later.join(4);
  CHECK(later.upload({next.sell("tea", 1)}).accepted == 1);
  // The furthest that is taken.
  TestUplink furthest(cloud, liar);
  furthest.join(4 + election::term_jump_max);
}

TEST_CASE("nor does it when the store has never been seen", "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1"), liar("till-9");
  TestUplink bad(cloud, liar);
  bad.send(bad.handshake(election::term_max));
  CHECK(bad.receive<uplink::HandshakeRefused>().code == uplink::RefusalCode::lower_token);
  CHECK(cloud.get(cloud.store("/vector")).status == 404);
  TestUplink good(cloud, till);
  good.join(1);
}

TEST_CASE("a reset of the lease lets any term in and opens an epoch", "[cloud]") {
  const CloudProcess cloud;
  Till stuck("till-9"), till("till-1");
  {
    // As a cloud before this bound may have left it.
    const auto connection = uplink::open_connection(cloud.postgres.url());
    TestUplink first(cloud, till);
    first.join(5);
    CHECK(first.upload({till.sell("tea", 1)}).accepted == 1);
    pqxx::work transaction(*connection);
    transaction.exec("UPDATE tenant_acme.leadership SET term = " +
                     std::to_string(election::term_max) + ", renewed = '-infinity'");
    transaction.commit();
  }
  TestUplink locked(cloud, till);
  locked.send(locked.handshake(6));
  CHECK(locked.receive<uplink::HandshakeRefused>().holder.term == election::term_max);

  CHECK(test::http(cloud.port, "POST", cloud.store("/lease/reset"), "", "wrong-key").status == 401);
  CHECK(test::http(cloud.port, "POST", cloud.store("/lease/reset", "nowhere"), "").status == 404);
  const auto reset = test::http(cloud.port, "POST", cloud.store("/lease/reset"), "");
  REQUIRE(reset.status == 200);
  const auto epoch = reset.json().at("epoch").to_number<std::uint64_t>();
  CHECK(epoch > 1'700'000'000);  // the time

  TestUplink again(cloud, till);
  again.join(6);
  const auto held = again.ask_held();
  CHECK(held.statement.epoch == epoch);
  // Nothing was forgotten: the feed and the till's journal.
  CHECK(held.held.vector().journal_count() >= 2);
  CHECK(again.upload({till.sell("tea", 1)}).accepted == 1);
  // Within the epoch the row only goes up.
  TestUplink lower(cloud, stuck);
  lower.send(lower.handshake(4));
  CHECK(lower.receive<uplink::HandshakeRefused>().holder.term == 6);
}

TEST_CASE("a reset ends the uplink that is there, which comes back", "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1");
  TestUplink good(cloud, till);
  good.join(3);
  REQUIRE(test::http(cloud.port, "POST", cloud.store("/lease/reset"), "").status == 200);
  CHECK(good.receive<uplink::Closing>().code == uplink::ClosingCode::lease_lost);
  TestUplink again(cloud, till);
  again.join(3);
}

TEST_CASE("who asks what the cloud holds again and again is cut off, whether it reads or not",
          "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1");
  SlowReader greedy(cloud.port);
  auto handshake = TestUplink(cloud, till).handshake(1);
  handshake.nonce = std::get<uplink::Challenge>(greedy.read()).nonce;
  greedy.send(handshake, till.key);
  REQUIRE(std::holds_alternative<uplink::HandshakeAccepted>(greedy.read()));
  constexpr std::size_t requests = 1000;
  for (std::size_t i = 0; i < requests; ++i) greedy.send(mesh::WatermarkRequest{}, till.key);
  const std::string reason = "more watermark requests than any store needs";
  test::wait_until([&] { return cloud.log().find(reason) != std::string::npos; }, "the end");
  const auto [messages, why] = greedy.read_to_the_end();
  CHECK(messages <= 200 + 1);  // and a lease or a feed in between
  CHECK(why == reason);
  TestUplink again(cloud, till);
  again.join(1);
  CHECK(again.ask_held().held.vector().journal_count() == 1);
}

TEST_CASE("names in a handshake forge no line of the log", "[cloud]") {
  const CloudProcess cloud;
  Till till("till-1");
  TestUplink bad(cloud, till);
  auto handshake = bad.handshake(1);
  handshake.tenant = "acme\n2026-11-30T00:00:00.000 critical forged\r\x1b[2J";
  bad.send(handshake);
  CHECK(bad.receive<uplink::HandshakeRefused>().code == uplink::RefusalCode::bad_key);
  const std::string log = cloud.log();
  CHECK(log.find("\\n2026-11-30T00:00:00.000 critical forged\\r\\x1b[2J") != std::string::npos);
  CHECK(log.find("\n2026-11-30T00:00:00.000 critical") == std::string::npos);
  CHECK(log.find('\x1b') == std::string::npos);
}

TEST_CASE("a body is not read before its key", "[cloud]") {
  const CloudProcess cloud;
  const std::string body(20 * 1024 * 1024, 'x');
  const auto answer = test::http(cloud.port, "PUT", cloud.store("/products"), body, "wrong-key");
  CHECK((answer.status == 401 || answer.status == 0));  // 0: reset while it still sent
  CHECK(test::http(cloud.port, "PUT", cloud.store("/products"), "{}", "wrong-key").status == 401);
  CHECK(cloud.get("/healthz").status == 200);
}

}  // namespace
}  // namespace titan::cloud
