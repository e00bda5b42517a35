// GET /v1/events over real WebSockets.
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <catch2/catch.hpp>
#include <functional>

#include "proto/entry.pb.h"
#include "tests/pos-node/api/lab_server.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

namespace {

class EventClient {
 public:
  explicit EventClient(std::uint16_t port, const std::string& origin = {}) {
    auto& socket = beast::get_lowest_layer(stream_);
    socket.connect({asio::ip::address_v4::loopback(), port});
    if (!origin.empty()) {
      stream_.set_option(websocket::stream_base::decorator(
          [origin](websocket::request_type& r) { r.set(beast::http::field::origin, origin); }));
    }
    stream_.handshake("127.0.0.1:" + std::to_string(port), "/v1/events");
  }

  boost::json::object next() {
    beast::flat_buffer buffer;
    stream_.read(buffer);
    return boost::json::parse(beast::buffers_to_string(buffer.data())).as_object();
  }

  void send(const std::string& text) { stream_.write(asio::buffer(text)); }
  void ping(const std::string& text) { stream_.ping(websocket::ping_data(text)); }
  // Told of pings, pongs and closes while it reads.
  void on_control(std::function<void(websocket::frame_type, beast::string_view)> handler) {
    stream_.control_callback(std::move(handler));
  }
  // The stream without its protocol, e.g. to read without answering.
  asio::ip::tcp::socket& socket() { return beast::get_lowest_layer(stream_); }
  void close() { stream_.close(websocket::close_code::normal); }
  std::uint16_t code() const { return stream_.reason().code; }
  beast::error_code read_until_error() {
    beast::error_code error;
    while (!error) {
      beast::flat_buffer buffer;
      stream_.read(buffer, error);
    }
    return error;
  }

 private:
  asio::io_context loop_;
  websocket::stream<asio::ip::tcp::socket> stream_{loop_};
};

}  // namespace

TEST_CASE("a sale reaches every subscriber: the sale first, then its stock") {
  LabServer lab;
  EventClient first(lab.port());
  EventClient second(lab.port());
  const auto sale = lab.post("/v1/sales", sale_body("k"));
  for (EventClient* client : {&first, &second}) {
    const auto sold = client->next();
    CHECK(sold.at("type") == "sale");
    CHECK(sold.at("kind") == "sale");
    CHECK(sold.at("id") == sale.value_at("id"));
    CHECK(sold.at("receipt") == sale.value_at("receipt"));
    CHECK(sold.at("total") == "2.55");
    CHECK(sold.at("own") == true);
    const auto stock = client->next();
    CHECK(stock.at("type") == "stock");
    CHECK(stock.at("sku") == "A");
    CHECK(stock.at("before") == "0");
    CHECK(stock.at("on_hand") == "-1");
    CHECK(stock.at("display") == "-1 (Back Order)");
    CHECK(stock.at("entry") == sale.value_at("id"));
  }
}

TEST_CASE("every kind of event is written with its fields") {
  LabServer lab;
  EventClient client(lab.port());
  lab.publish(MemberEvent{"till-2", {}, mesh::MemberState::suspect, mesh::MemberState::alive});
  lab.publish(LeaderEvent{true, "till-3", {}, 7, false});
  lab.publish(LeaderEvent{});
  lab.publish(UplinkEvent{"up", ""});
  lab.publish(AlarmEvent{"divergence", "Stock of \"A\" differs\n"});
  lab.publish(WatermarkEvent{9, 4});
  auto event = client.next();
  CHECK(event.at("state") == "suspect");
  CHECK(event.at("before") == "alive");
  event = client.next();
  CHECK(event.at("leader").at("term") == 7);
  CHECK(client.next().at("leader").is_null());
  CHECK(client.next().at("state") == "up");
  CHECK(client.next().at("message") == "Stock of \"A\" differs\n");
  event = client.next();
  CHECK(event.at("sequence") == 9);
  CHECK(event.at("time") == "2011-10-06T08:15:00.000Z");
}

TEST_CASE("a sale's event has the figures of its body, whatever else is in there") {
  titan::entry::v1::Sale body;
  body.set_currency("GBP");
  body.set_exponent(2);
  body.add_lines()->set_description("WHITE HANGING HEART");
  body.add_payments()->set_method("cash");
  body.set_total_minor(-255);
  body.set_cashier("c-07");
  mesh::Entry entry;
  entry.envelope.kind = mesh::Kind::sale;
  entry.envelope.body = body.SerializeAsString();
  CHECK(sale_event(RecordedEntry(entry), false).total == "-2.55");
  CHECK(sale_event(RecordedEntry(entry), false).currency == "GBP");
  SECTION("fields of a newer version are passed over") {
    entry.envelope.body += "\xfa\x06\x02hi";  // number 111, two bytes
    CHECK(sale_event(RecordedEntry(entry), false).total == "-2.55");
  }
  SECTION("a body that is none has no figures") {
    for (const char* broken : {"\x0a\x7fGBP", "\x30", "\x07"}) {
      entry.envelope.body = broken;
      CHECK(sale_event(RecordedEntry(entry), false).total.empty());
    }
  }
}

TEST_CASE("a subscriber that leaves is forgotten; what it says is not minded") {
  LabServer lab;
  EventClient client(lab.port());
  CHECK(lab.subscribers() == 1);
  client.send("hello");
  lab.publish(UplinkEvent{"up", ""});
  CHECK(client.next().at("type") == "uplink");
  client.close();
  for (int i = 0; i < 500 && lab.subscribers() > 0; ++i) lab.get("/healthz");
  CHECK(lab.subscribers() == 0);
}

TEST_CASE("a subscriber that does not read is cut off at the limit, the others go on") {
  ServerLimits limits;
  limits.event_queue_bytes_max = 256 * 1024;
  LabServer lab(limits);
  EventClient idle(lab.port());
  EventClient reader(lab.port());
  CHECK(lab.subscribers() == 2);
  std::size_t published = 0;
  const std::string text(10'000, 'x');
  while (lab.subscribers() == 2 && published < 5000) {
    lab.publish(AlarmEvent{"test", text});
    ++published;
    CHECK(reader.next().at("code") == "test");
  }
  INFO(published);
  CHECK(lab.subscribers() == 1);
  CHECK(lab.metrics().subscribers_cut_off.Value() == 1);
  CHECK(idle.read_until_error());
}

TEST_CASE("a subscriber that sends too much is closed") {
  LabServer lab;
  EventClient client(lab.port());
  client.send(std::string(10'000, 'x'));
  CHECK(client.read_until_error());
}

TEST_CASE("a subscriber's ping is answered") {
  LabServer lab;
  EventClient client(lab.port());
  std::string answer;
  client.on_control([&](websocket::frame_type kind, beast::string_view payload) {
    if (kind == websocket::frame_type::pong) answer = std::string(payload);
  });
  client.ping("are you there");
  while (answer.empty()) {
    lab.publish(UplinkEvent{"up", ""});
    client.next();
  }
  CHECK(answer == "are you there");
}

TEST_CASE("a silent subscriber is pinged and stays if it answers, else it is closed") {
  ServerLimits limits;
  limits.event_idle = std::chrono::seconds(1);
  LabServer lab(limits);
  EventClient answers(lab.port());
  EventClient deaf(lab.port());
  int pings = 0;
  answers.on_control([&](websocket::frame_type kind, beast::string_view) {
    if (kind == websocket::frame_type::ping && ++pings == 5) {
      lab.publish(AlarmEvent{"test", "enough"});
    }
  });
  // Reading answers the pings.
  CHECK(answers.next().at("code") == "test");
  CHECK(pings == 5);
  for (int i = 0; i < 5000 && lab.subscribers() > 1; ++i) lab.get("/healthz");
  CHECK(lab.subscribers() == 1);
  std::string received(1000, ' ');
  beast::error_code error;
  while (!error) deaf.socket().read_some(asio::buffer(received), error);
  CHECK(error);
}

TEST_CASE("a close is answered with its code") {
  LabServer lab;
  EventClient client(lab.port());
  lab.publish(UplinkEvent{"up", ""});
  CHECK(client.next().at("type") == "uplink");
  CHECK_NOTHROW(client.close());
  CHECK(client.code() == websocket::close_code::normal);
}

TEST_CASE("events in one write are one message each") {
  LabServer lab;
  EventClient client(lab.port());
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < 2000; ++i) events.emplace_back(WatermarkEvent{i, 0});
  events.emplace_back(AlarmEvent{"long", std::string(70'000, 'x')});
  lab.publish(events);
  for (std::uint64_t i = 0; i < 2000; ++i) REQUIRE(client.next().at("sequence") == i);
  CHECK(client.next().at("message").as_string().size() == 70'000);
}

TEST_CASE("a stranger's page gets no events") {
  LabServer lab;
  CHECK_THROWS(EventClient(lab.port(), "https://evil.example"));
}
