// What the transport costs beside bare ZeroMQ: a fan-out with CURVE to receiving processes.
//
//   transport_bench [--receivers N] [--events N] [--bytes N] [--rounds N] [--json FILE]
//
// Both designs send the same frames at 50/s and then as fast as `outstanding_max` unconfirmed
// frames allow; the rounds alternate, so that a busy machine slows both alike. Times run from just
// before the first send until the last receiver has the frame in its hands.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "mesh/zmq/curve_keys.h"
#include "mesh/zmq/transport.h"

namespace {

using namespace titan;
using namespace titan::mesh;
using Clock = std::chrono::steady_clock;

constexpr int receivers_max = 32;
constexpr std::uint32_t events_max = 1'000'000;
constexpr int outstanding_max = 64;
constexpr auto pace = std::chrono::milliseconds(20);
constexpr auto stuck_after = std::chrono::seconds(20);
// Field 20 of a Frame: no greeting.
constexpr std::size_t header_bytes = 2;

struct Options {
  int receivers = 9;
  std::uint32_t events = 300;
  std::uint32_t flat_out_events = 5000;
  std::size_t bytes = 900;
  int rounds = 3;
  std::string json;
};

// Shared by all processes. `reached[r]`: events that receiver r has, in order.
struct Board {
  std::atomic<int> port[2][receivers_max];
  std::atomic<std::uint32_t> reached[2][receivers_max];
  std::atomic<std::int64_t> seen_ns[2][receivers_max];  // of the last event
};

std::int64_t now_ns() {
  return Clock::now().time_since_epoch().count();
}

Board* make_board() {
  void* memory =
      mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return new (memory) Board();
}

StoreSecret secret() {
  Random random(1);
  return StoreSecret::draw(random);
}

TransportConfig config_of(std::uint64_t seed) {
  Random random(seed);
  TransportConfig config;
  config.listen = "127.0.0.1:0";
  config.tenant = "bench";
  config.store = "bench";
  config.store_secret = secret();
  config.device_key = KeyPair::from_seed(SecretSeed::draw(random));
  config.member.process = ProcessId::draw(random);
  config.member.device_key = config.device_key.public_key;
  config.member.terminal = "till-" + std::to_string(seed);
  config.member.started = {1};
  return config;
}

CurveKeyPair server_keys() {
  return CurveKeyPair::from_seed(derive_curve_seed(secret()));
}

// ---- receivers

void stamp(Board& board, int design, int receiver) {
  board.seen_ns[design][receiver].store(now_ns(), std::memory_order_relaxed);
  board.reached[design][receiver].fetch_add(1, std::memory_order_release);
}

void receive_bare(Board& board, int receiver) {
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::curve_server, true);
  router.set(zmq::sockopt::curve_secretkey, server_keys().secret_key.view());
  router.bind("tcp://127.0.0.1:*");
  const std::string endpoint = router.get(zmq::sockopt::last_endpoint);
  board.port[0][receiver] = std::atoi(endpoint.c_str() + endpoint.rfind(':') + 1);
  zmq::message_t part;
  for (;;) {
    if (!router.recv(part) || part.more()) continue;
    stamp(board, 0, receiver);
  }
}

void receive_titan(Board& board, int receiver) {
  boost::asio::io_context loop;
  TransportCallbacks callbacks;
  callbacks.on_frame = [&](const ProcessId&, BytesView) { stamp(board, 1, receiver); };
  Transport transport(loop, config_of(100 + static_cast<std::uint64_t>(receiver)),
                      std::move(callbacks));
  if (!transport.start()) std::abort();
  board.port[1][receiver] = transport.bound_port();
  loop.run();
}

// ---- senders

class Sender {
 public:
  virtual ~Sender() = default;
  virtual void send_to_all(const Bytes& frame) = 0;
  // Gives the loop, if there is one, its turn until `until`.
  virtual void idle(Clock::time_point until) { std::this_thread::sleep_until(until); }
};

class BareSender : public Sender {
 public:
  BareSender(const Board& board, int receivers) {
    const CurveKeyPair keys = CurveKeyPair::draw();
    for (int i = 0; i < receivers; ++i) {
      zmq::socket_t& dealer = dealers_.emplace_back(context_, zmq::socket_type::dealer);
      dealer.set(zmq::sockopt::linger, 0);
      dealer.set(zmq::sockopt::curve_serverkey, server_keys().public_key.view());
      dealer.set(zmq::sockopt::curve_publickey, keys.public_key.view());
      dealer.set(zmq::sockopt::curve_secretkey, keys.secret_key.view());
      dealer.connect("tcp://127.0.0.1:" + std::to_string(board.port[0][i].load()));
    }
  }
  void send_to_all(const Bytes& frame) override {
    for (auto& dealer : dealers_) dealer.send(zmq::buffer(frame));
  }

 private:
  zmq::context_t context_;
  std::vector<zmq::socket_t> dealers_;
};

class TitanSender : public Sender {
 public:
  TitanSender(const Board& board, int receivers) {
    TransportCallbacks callbacks;
    callbacks.on_link_up = [this](const MemberInfo& peer, const std::string&) {
      peers_.push_back(peer.process);
    };
    transport_ = std::make_unique<Transport>(loop_, config_of(1), std::move(callbacks));
    if (!transport_->start()) std::abort();
    for (int i = 0; i < receivers; ++i) {
      const std::string address = "127.0.0.1:" + std::to_string(board.port[1][i].load());
      if (!transport_->dial(address)) std::abort();
    }
    while (peers_.size() < static_cast<std::size_t>(receivers)) loop_.run_one();
  }
  void send_to_all(const Bytes& frame) override {
    for (const auto& peer : peers_) transport_->send(peer, frame);
  }
  void idle(Clock::time_point until) override { loop_.run_until(until); }

 private:
  boost::asio::io_context loop_;
  std::vector<ProcessId> peers_;
  std::unique_ptr<Transport> transport_;
};

// ---- measuring

class Measurement {
 public:
  Measurement(const Options& options, Board& board, int design, Sender& sender)
      : options_(options), board_(board), design_(design), sender_(sender) {
    frame_ =
        "\xa2\x01" + Bytes(options.bytes > header_bytes ? options.bytes - header_bytes : 1, 'x');
  }

  void paced() {
    auto due = Clock::now();
    for (std::uint32_t i = 0; i < options_.events; ++i) {
      due += pace;
      sender_.idle(due);
      const std::int64_t start = now_ns();
      send();
      // Receivers count in shared memory; looking for them here must not cost them a processor.
      wait_for(sent_);
      std::int64_t last = start;
      for (int r = 0; r < options_.receivers; ++r) {
        last = std::max(last, board_.seen_ns[design_][r].load());
      }
      latencies_.push_back(static_cast<double>(last - start) / 1000);
    }
  }

  void flat_out() {
    const std::int64_t start = now_ns();
    for (std::uint32_t i = 0; i < options_.flat_out_events; ++i) {
      send();
      wait_for(sent_ > outstanding_max ? sent_ - outstanding_max : 0);
    }
    wait_for(sent_);
    const double seconds = static_cast<double>(now_ns() - start) / 1e9;
    rates_.push_back(options_.flat_out_events / seconds);
  }

  void warm_up() {
    send();
    wait_for(sent_);
  }

  double latency_us(double quantile) {
    std::sort(latencies_.begin(), latencies_.end());
    return latencies_[static_cast<std::size_t>(quantile *
                                               static_cast<double>(latencies_.size() - 1))];
  }
  double rate() {
    std::sort(rates_.begin(), rates_.end());
    return rates_[rates_.size() / 2];
  }

 private:
  void send() {
    sender_.send_to_all(frame_);
    ++sent_;
  }

  void wait_for(std::uint32_t count) {
    const auto limit = Clock::now() + stuck_after;
    for (int r = 0; r < options_.receivers; ++r) {
      while (board_.reached[design_][r].load(std::memory_order_acquire) < count) {
        sender_.idle(Clock::now() + std::chrono::microseconds(100));
        if (Clock::now() > limit) {
          std::fprintf(stderr, "receiver %d stopped at %u of %u frames\n", r,
                       board_.reached[design_][r].load(), count);
          std::exit(1);
        }
      }
    }
  }

  const Options& options_;
  Board& board_;
  const int design_;
  Sender& sender_;
  Bytes frame_;
  std::uint32_t sent_ = 0;
  std::vector<double> latencies_;
  std::vector<double> rates_;
};

pid_t start_process(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  _exit(0);
}

void report(const Options& options, Measurement& bare, Measurement& titan) {
  const auto row = [](const char* name, double left, double right, const char* unit) {
    std::printf("  %-34s %10.1f %10.1f %s   x %.2f\n", name, left, right, unit, right / left);
  };
  std::printf("fan-out of %zu bytes to %d processes, CURVE    bare      titan\n", options.bytes,
              options.receivers);
  row("last receiver at 50/s, p50", bare.latency_us(0.5), titan.latency_us(0.5), "us");
  row("last receiver at 50/s, p99", bare.latency_us(0.99), titan.latency_us(0.99), "us");
  row("flat out", bare.rate(), titan.rate(), "/s");
  if (options.json.empty()) return;
  std::ofstream(options.json) << "{\"bare_p50_us\": " << bare.latency_us(0.5)
                              << ", \"titan_p50_us\": " << titan.latency_us(0.5)
                              << ", \"bare_p99_us\": " << bare.latency_us(0.99)
                              << ", \"titan_p99_us\": " << titan.latency_us(0.99)
                              << ", \"bare_per_second\": " << bare.rate()
                              << ", \"titan_per_second\": " << titan.rate() << "}\n";
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("What the transport costs beside bare ZeroMQ");
  app.add_option("--receivers", options.receivers)->check(CLI::Range(1, receivers_max));
  app.add_option("--events", options.events)->check(CLI::Range(1u, events_max));
  app.add_option("--bytes", options.bytes)->check(CLI::Range(3u, 1'000'000u));
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 100));
  app.add_option("--json", options.json);
  CLI11_PARSE(app, count, words);

  Board& board = *make_board();
  std::vector<pid_t> children;
  for (int i = 0; i < options.receivers; ++i) {
    children.push_back(start_process([&board, i] { receive_bare(board, i); }));
    children.push_back(start_process([&board, i] { receive_titan(board, i); }));
  }
  for (const auto& ports : board.port) {
    for (int i = 0; i < options.receivers; ++i) {
      while (ports[i] == 0) std::this_thread::yield();
    }
  }
  BareSender bare_sender(board, options.receivers);
  TitanSender titan_sender(board, options.receivers);
  Measurement bare(options, board, 0, bare_sender);
  Measurement titan(options, board, 1, titan_sender);
  bare.warm_up();
  titan.warm_up();
  for (int round = 0; round < options.rounds; ++round) {
    bare.paced();
    titan.paced();
    bare.flat_out();
    titan.flat_out();
  }
  report(options, bare, titan);
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  return 0;
}
