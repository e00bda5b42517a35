#include "qa/bench/support/baselines.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <set>
#include <zmq.hpp>

#include "qa/bench/support/bare_sqlite.h"
#include "qa/bench/support/goods.h"
#include "qa/bench/support/namespaces.h"
#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

constexpr int raw_port = 7500;
constexpr int hub_port = 7501;
constexpr int frames_queued_max = 100'000;
constexpr int hub_products = 200;
constexpr std::size_t curve_key_text_bytes = 41;

struct CurvePair {
  char public_key[curve_key_text_bytes];
  char secret_key[curve_key_text_bytes];

  CurvePair() {
    if (zmq_curve_keypair(public_key, secret_key) != 0) fail("libzmq was built without CURVE");
  }
};

struct Keys {
  CurvePair server;
  CurvePair client;
};

zmq::socket_t make_socket(zmq::context_t& context, zmq::socket_type type) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, frames_queued_max);
  socket.set(zmq::sockopt::rcvhwm, frames_queued_max);
  return socket;
}

zmq::socket_t serve(zmq::context_t& context, const Keys& keys, int port) {
  zmq::socket_t socket = make_socket(context, zmq::socket_type::router);
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.server.secret_key);
  try {
    socket.bind("tcp://*:" + std::to_string(port));
  } catch (const zmq::error_t& error) {
    fail("a baseline cannot listen on port " + std::to_string(port) + ": " + error.what());
  }
  return socket;
}

zmq::socket_t connect(zmq::context_t& context, const Keys& keys, int host, int port) {
  zmq::socket_t socket = make_socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::curve_serverkey, keys.server.public_key);
  socket.set(zmq::sockopt::curve_publickey, keys.client.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.client.secret_key);
  socket.connect("tcp://" + address_of(host) + ":" + std::to_string(port));
  return socket;
}

// A frame begins with the number of its event; the rest is only there to have the size of an entry.
std::uint32_t event_of(const zmq::message_t& frame) {
  std::uint32_t event = 0;
  if (frame.size() >= sizeof event) std::memcpy(&event, frame.data(), sizeof event);
  return event;
}
void set_event(std::string& frame, std::uint32_t event) {
  std::memcpy(frame.data(), &event, sizeof event);
}

std::string make_frame(Stamps& stamps) {
  std::string frame(static_cast<std::size_t>(std::max<std::int64_t>(stamps.note(), 64)), 'x');
  // Not all the same byte, as a sale is not.
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<char>(i * 131);
  return frame;
}

// ---- receiver ----------------------------------------------------------------------------------

void receive(const BaselineHosts& hosts, const Keys& keys, Stamps& stamps, std::size_t row) {
  zmq::context_t context;
  zmq::socket_t raw = serve(context, keys, raw_port);
  zmq::socket_t hub = make_socket(context, zmq::socket_type::dealer);
  if (hosts.hub > 0) {
    hub = connect(context, keys, hosts.hub, hub_port);
    hub.send(zmq::str_buffer("receiver"), zmq::send_flags::none);
  }
  zmq::pollitem_t items[] = {{raw.handle(), 0, ZMQ_POLLIN, 0}, {hub.handle(), 0, ZMQ_POLLIN, 0}};
  zmq::message_t from;
  zmq::message_t frame;
  for (;;) {
    zmq::poll(items, 2);
    while (raw.recv(from, zmq::recv_flags::dontwait)) {
      if (raw.recv(frame)) stamps.put(row, event_of(frame), now_ns());
    }
    while (hub.recv(frame, zmq::recv_flags::dontwait)) stamps.put(row, event_of(frame), now_ns());
  }
}

// ---- hub ---------------------------------------------------------------------------------------

class HubDatabase {
 public:
  explicit HubDatabase(const std::string& address) : connection_(address) {
    pqxx::work work(connection_);
    work.exec("DROP TABLE IF EXISTS sales, inventory");
    work.exec("CREATE TABLE sales(event bigint PRIMARY KEY, body bytea NOT NULL)");
    work.exec("CREATE TABLE inventory(sku integer PRIMARY KEY, on_hand bigint NOT NULL)");
    work.exec("INSERT INTO inventory SELECT n, 1000000 FROM generate_series(0, " +
              std::to_string(hub_products - 1) + ") AS n");
    work.commit();
    // One statement, so one round trip with its own commit: the hub at its best.
    connection_.prepare("sell",
                        "WITH sale AS (INSERT INTO sales VALUES($1, $2)) UPDATE inventory SET "
                        "on_hand = on_hand - 1 WHERE sku IN ($3, $4, $5, $6, $7)");
  }

  void sell(std::uint32_t event, const zmq::message_t& frame) {
    const auto sku = [&](int line) {
      return static_cast<int>(event * 7 + line * 31) % hub_products;
    };
    const pqxx::binarystring body(frame.data(), frame.size());
    pqxx::nontransaction work(connection_);
    static_assert(lines_per_sale == 5);
    work.exec_prepared("sell", static_cast<long long>(event), body, sku(0), sku(1), sku(2), sku(3),
                       sku(4));
  }

 private:
  pqxx::connection connection_;
};

void serve_hub(const BaselineHosts& hosts, const Keys& keys) {
  HubDatabase database(hosts.postgres);
  zmq::context_t context;
  zmq::socket_t socket = serve(context, keys, hub_port);
  std::set<std::string> receivers;
  zmq::message_t from;
  zmq::message_t frame;
  for (;;) {
    if (!socket.recv(from) || !socket.recv(frame)) continue;
    if (frame.to_string_view() == "receiver") {
      receivers.insert(from.to_string());
      continue;
    }
    database.sell(event_of(frame), frame);
    for (const std::string& receiver : receivers) {
      socket.send(zmq::buffer(receiver), zmq::send_flags::sndmore);
      socket.send(zmq::buffer(frame.data(), frame.size()), zmq::send_flags::none);
    }
    socket.send(from, zmq::send_flags::sndmore);
    socket.send(zmq::message_t(), zmq::send_flags::none);
  }
}

// ---- origin ------------------------------------------------------------------------------------

class Origin {
 public:
  Origin(const BaselineHosts& hosts, const Keys& keys, Stamps& stamps)
      : stamps_(stamps), database_(hosts.folder + "/raw.sqlite3") {
    for (const int host : hosts.receivers) {
      receivers_.push_back(connect(context_, keys, host, raw_port));
    }
    if (hosts.hub > 0) hub_ = connect(context_, keys, hosts.hub, hub_port);
  }

  void run(const Segment& segment) {
    std::string frame = make_frame(stamps_);
    const std::int64_t start_ns = now_ns();
    std::uint32_t unanswered = 0;
    for (std::uint32_t i = 0; i < segment.count; ++i) {
      sleep_until_ns(due_ns(segment, start_ns, i));
      const std::uint32_t event = segment.first + i;
      set_event(frame, event);
      if (segment.design == Design::hub) {
        const bool wait = segment.per_second <= 0 && unanswered >= segment.outstanding;
        unanswered -= take_answers(wait);
        ++unanswered;
      }
      stamps_.put(0, event, now_ns());
      if (segment.design == Design::raw) {
        send_raw(event, frame);
      } else {
        database_.commit(event, frame);
        hub_.send(zmq::buffer(frame), zmq::send_flags::none);
      }
    }
    while (unanswered > 0) unanswered -= take_answers(true);
  }

 private:
  void send_raw(std::uint32_t event, const std::string& frame) {
    database_.commit(event, frame);
    for (zmq::socket_t& receiver : receivers_) {
      receiver.send(zmq::buffer(frame), zmq::send_flags::none);
    }
  }

  // How many of the hub's answers were there; with `wait` at least one.
  std::uint32_t take_answers(bool wait) {
    std::uint32_t taken = 0;
    zmq::message_t answer;
    if (wait && hub_.recv(answer)) ++taken;
    while (hub_.recv(answer, zmq::recv_flags::dontwait)) ++taken;
    return taken;
  }

  Stamps& stamps_;
  BareSqlite database_;
  zmq::context_t context_;
  std::vector<zmq::socket_t> receivers_;
  zmq::socket_t hub_;
};

void originate(const BaselineHosts& hosts, const Keys& keys, Stamps& stamps, int segments,
               int answers) {
  Origin origin(hosts, keys, stamps);
  for (Segment segment; read_segment(segments, segment);) {
    origin.run(segment);
    answer_segment(answers);
  }
}

// A process of a baseline has nobody to throw to.
template <class Act>
void or_fail(const char* what, Act&& act) {
  try {
    act();
  } catch (const std::exception& error) {
    fail(std::string(what) + ": " + error.what());
  }
}

}  // namespace

Baselines::Baselines(const BaselineHosts& hosts, Stamps& stamps)
    : stamps_(stamps), has_hub_(hosts.hub > 0) {
  const Keys keys;
  for (std::size_t i = 0; i < hosts.receivers.size(); ++i) {
    receivers_.push_back(std::make_unique<Worker>(
        namespace_of(hosts.lab, hosts.receivers[i]),
        [&, i](int, int) { or_fail("a receiver", [&] { receive(hosts, keys, stamps, i + 1); }); }));
  }
  if (has_hub_) {
    hub_ = std::make_unique<Worker>(namespace_of(hosts.lab, hosts.hub), [&](int, int) {
      or_fail("the hub", [&] { serve_hub(hosts, keys); });
    });
  }
  origin_ = std::make_unique<Worker>(
      namespace_of(hosts.lab, hosts.origin), [&](int segments, int answers) {
        or_fail("the origin", [&] { originate(hosts, keys, stamps, segments, answers); });
      });
}

void Baselines::warm_up() {
  const auto warm = [&](Design design, std::uint32_t first) {
    // The hub knows a receiver only once its word has arrived, so early events may be missed.
    const std::int64_t deadline =
        now_ns() + static_cast<std::int64_t>(warm_up_seconds_max * second_ns);
    for (std::uint32_t i = 0; i < warm_up_events; ++i) {
      run({design, first + i, 1, 1, 0}, warm_up_seconds_max);
      if (stamps_.wait(first + i, 1, now_ns() + second_ns) && i >= warm_up_events / 2) return;
      if (now_ns() > deadline) break;
    }
    if (!stamps_.complete(first + warm_up_events - 1)) {
      fail(std::string("the ") + (design == Design::raw ? "raw" : "hub") +
           " baseline does not reach its receivers");
    }
  };
  warm(Design::raw, 0);
  if (has_hub_) warm(Design::hub, warm_up_events);
}

void Baselines::run(const Segment& segment, double seconds_max) {
  origin_->start(segment);
  origin_->wait(seconds_max);
}

}  // namespace titan::bench
