// One transport in a process of its own, for tests that kill, stop, cut and heal.
//
//   titan_transport_peer LISTEN SEED [dial=ADDRESS]... [chatter=MS] [answer=yes]
//
// `chatter` sends a frame to every link at that pace; `answer` sends each frame back. Prints one
// line an event, each with microseconds of the monotonic clock, which all processes share:
//   listening ADDRESS | up PROCESS TIME | down REASON TIME | frame PROCESS BYTES TIME
// Ends politely at SIGTERM.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <memory>
#include <set>
#include <string>

#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh;

namespace {

long long now_us() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class Program {
 public:
  Program(TransportConfig config, milliseconds chatter, bool answer)
      : chatter_(chatter), timer_(loop_), signals_(loop_, SIGTERM) {
    TransportCallbacks callbacks;
    callbacks.on_link_up = [this](const MemberInfo& peer, const std::string&) {
      links_.insert(peer.process);
      say("up " + peer.process.hex());
    };
    callbacks.on_link_down = [this](const ProcessId& peer, LinkDown reason, const std::string&) {
      links_.erase(peer);
      say(std::string("down ") + to_string(reason));
    };
    callbacks.on_frame = [this, answer](const ProcessId& from, BytesView frame) {
      say("frame " + from.hex() + " " + std::to_string(frame.size()));
      if (answer) transport_->send(from, Bytes(frame));
    };
    transport_ = std::make_unique<Transport>(loop_, std::move(config), std::move(callbacks));
  }

  int run(const std::string& host, const std::vector<std::string>& dialled) {
    const Status started = transport_->start();
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().message.c_str());
      return 1;
    }
    std::printf("listening %s:%u\n", host.c_str(), transport_->bound_port());
    std::fflush(stdout);
    for (const auto& address : dialled) {
      if (!transport_->dial(address)) return 2;
    }
    if (chatter_.count() > 0) talk();
    signals_.async_wait([this](const boost::system::error_code&, int) {
      transport_->close();
      loop_.stop();
    });
    loop_.run();
    return 0;
  }

 private:
  void say(const std::string& event) {
    std::printf("%s %lld\n", event.c_str(), now_us());
    std::fflush(stdout);
  }

  void talk() {
    for (const auto& peer : links_) transport_->send(peer, test::frame_of("chatter"));
    timer_.expires_after(chatter_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) talk();
    });
  }

  boost::asio::io_context loop_;
  milliseconds chatter_;
  boost::asio::steady_timer timer_;
  boost::asio::signal_set signals_;
  std::set<ProcessId> links_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  TransportConfig config = test::config_of(std::stoull(words[2]));
  config.listen = words[1];
  std::vector<std::string> dialled;
  milliseconds chatter(0);
  bool answer = false;
  for (int i = 3; i < count; ++i) {
    const std::string word = words[i];
    if (word.starts_with("dial=")) dialled.push_back(word.substr(5));
    if (word.starts_with("chatter=")) chatter = milliseconds(std::stoi(word.substr(8)));
    if (word == "answer=yes") answer = true;
  }
  const std::string host = config.listen.substr(0, config.listen.rfind(':'));
  return Program(std::move(config), chatter, answer).run(host, dialled);
}
