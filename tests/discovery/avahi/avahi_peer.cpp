// One terminal's mDNS in a process of its own.
//
//   titan_avahi_peer TENANT STORE TERMINAL SEED PORT [ipv6]
//
// "ipv6": listens on both protocols. SIGUSR1: asks anew.
// Prints one line an event: published NAME | found ADDRESS DEVICE | lost ADDRESS | warning TEXT.
// Ends at SIGTERM.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "discovery/avahi/avahi_discovery.h"
#include "discovery/system/card_watch.h"

using namespace titan;
using namespace titan::discovery;

#ifdef __SANITIZE_THREAD__
// libdbus orders its locks by connection, which looks like an inversion to a checker that does not
// see inside it; and the checker's own pause at the end would count as ours.
extern "C" const char* __tsan_default_options() {
  return "detect_deadlocks=0:atexit_sleep_ms=0";
}
#endif

namespace {

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
  if (count != 6 && count != 7) return 2;
  ServiceRecord own;
  own.tenant = words[1];
  own.store = words[2];
  own.terminal = words[3];
  Random random(std::stoull(words[4]));
  own.device_key = KeyPair::from_seed(SecretSeed::draw(random)).public_key;
  own.port = static_cast<std::uint16_t>(std::stoi(words[5]));
  own.protocols = {true, count == 7};

  boost::asio::io_context loop;
  AvahiCallbacks callbacks;
  callbacks.on_found = [](const std::string& address, const DeviceId& device) {
    say("found " + address + " " + device.hex());
  };
  callbacks.on_lost = [](const std::string& address) { say("lost " + address); };
  callbacks.on_warning = [](const std::string& message) { say("warning " + message); };
  callbacks.on_note = [](const std::string& message) { say("note " + message); };
  auto discovery = std::make_unique<AvahiDiscovery>(loop, own, callbacks);
  SystemCardWatch cards(loop);
  std::vector<CardAddress> last;
  cards.start([&](const std::vector<CardAddress>& now) {
    if (std::exchange(last, now) != now) discovery->network_changed();
  });
  boost::asio::signal_set asks(loop, SIGUSR1);
  std::function<void()> wait_for_ask = [&] {
    asks.async_wait([&](const boost::system::error_code& error, int) {
      if (error) return;
      discovery->ask_again();
      wait_for_ask();
    });
  };
  wait_for_ask();
  boost::asio::signal_set signals(loop, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { loop.stop(); });
  loop.run();
  discovery.reset();
  return 0;
}
