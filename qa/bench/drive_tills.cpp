// Sells through the API of tills and watches all their event streams, as qa/bench/run.py bids.
//
//   drive_tills --lab PREFIX --tills 1-10 [--port 8410]
//
// Commands come on standard input, one a line; tills are named by host:
//   sell HOST RATE        from now on so many sales a second at this till
//   flatout HOST N        from now on N connections, each with one sale under way
//   stop                  ends all selling, waits for the answers: {"stopped": sales answered}
//   seen SECONDS          waits until every till told of every sale answered so far:
//                         {"complete": bool, "sales", "missing", "at": s on CLOCK_MONOTONIC}
//   count                 {"started", "answered", "told": {…}}
// Ends with its input.
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <sstream>
#include <string>

#include "qa/bench/support/program.h"
#include "qa/bench/support/till_driver.h"

namespace {

using namespace titan::bench;
namespace json = boost::json;

constexpr std::int64_t answer_patience_ns = 20 * second_ns;
constexpr std::int64_t turn_ns = second_ns;

void say(const json::object& object) {
  std::printf("%s\n", json::serialize(object).c_str());
  std::fflush(stdout);
}

class Commands {
 public:
  Commands(TillDriver& driver, std::vector<int> hosts)
      : driver_(driver), hosts_(std::move(hosts)) {}

  void carry_out(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "sell" || command == "flatout") {
      int host = 0;
      double figure = 0;
      words >> host >> figure;
      if (!words || figure <= 0) fail("not understood: " + line);
      if (command == "sell") {
        driver_.sell_paced(till_of(host), figure);
      } else {
        driver_.sell_flat_out(till_of(host), static_cast<std::size_t>(figure));
      }
    } else if (command == "stop") {
      stop();
    } else if (command == "seen") {
      double limit = 0;
      words >> limit;
      wait_until_seen(limit);
    } else if (command == "count") {
      say({{"started", driver_.started()},
           {"answered", driver_.answered()},
           {"told", driver_.told()}});
    } else {
      fail("there is no command '" + command + "'");
    }
  }

 private:
  std::size_t till_of(int host) const {
    const auto found = std::find(hosts_.begin(), hosts_.end(), host);
    if (found == hosts_.end()) fail("host " + std::to_string(host) + " is none of the tills");
    return static_cast<std::size_t>(found - hosts_.begin());
  }

  void stop() {
    driver_.stop_selling();
    const std::int64_t deadline = now_ns() + answer_patience_ns;
    while (!driver_.all_answered() && now_ns() < deadline) driver_.turn(deadline);
    if (!driver_.all_answered()) fail("a till did not answer every sale");
    say({{"stopped", driver_.answered()}});
  }

  void wait_until_seen(double limit_seconds) {
    const std::size_t sales = driver_.answered();
    const std::int64_t deadline =
        now_ns() + static_cast<std::int64_t>(limit_seconds * static_cast<double>(second_ns));
    bool complete = false;
    while (!(complete = driver_.all_seen(0, sales)) && now_ns() < deadline) driver_.turn(deadline);
    say({{"complete", complete},
         {"sales", sales},
         {"missing", driver_.missing(0, sales)},
         {"at", static_cast<double>(driver_.seen_by_all_at(0, sales)) / 1e9}});
  }

  TillDriver& driver_;
  const std::vector<int> hosts_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Sells through the API of tills and watches their events"};
  std::string lab;
  std::string hosts_text;
  std::uint16_t port = 8410;
  app.add_option("--lab", lab, "prefix of the lab's namespaces")->required();
  app.add_option("--tills", hosts_text, "hosts of the tills")->required();
  app.add_option("--port", port, "of the tills' API");
  CLI11_PARSE(app, argc, argv);

  const std::vector<int> hosts = parse_hosts(hosts_text);
  std::vector<TillAddress> tills;
  for (const int host : hosts) tills.push_back({namespace_of(lab, host), "127.0.0.1", port});
  Poller poller;
  TillDriver driver(poller, tills, "drive-" + std::to_string(now_ns()));
  for (std::size_t till = 0; till < tills.size(); ++till) driver.listen(till);
  say({{"listening", tills.size()}});

  Commands commands(driver, hosts);
  std::string input;
  bool ended = false;
  poller.watch(STDIN_FILENO, [&] {
    char chunk[4096];
    const ssize_t length = read(STDIN_FILENO, chunk, sizeof chunk);
    if (length <= 0) {
      ended = true;
      poller.forget(STDIN_FILENO);
    } else {
      input.append(chunk, static_cast<std::size_t>(length));
    }
  });
  while (!ended) {
    driver.turn(now_ns() + turn_ns);
    // Not inside the handler: a command turns the poller itself.
    for (std::size_t end; (end = input.find('\n')) != std::string::npos;) {
      const std::string line = input.substr(0, end);
      input.erase(0, end + 1);
      commands.carry_out(line);
    }
  }
  return 0;
}
