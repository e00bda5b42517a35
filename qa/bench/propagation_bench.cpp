// From a sale posted to one till until the API of every other till told of it, beside the raw limit
// and the hub design (support/baselines.h) in the same minutes: raw, till, hub, raw, till, hub …
//
//   propagation_bench --lab PREFIX --tills 1-10 --hub-host 11 --postgres ADDRESS --folder DIR
//                     --entry-bytes N [--rate 50] [--sales N] [--rounds N]
//                     [--flat-out] [--connections 16,…] [--raw-only]
//
// The tills must run; `--raw-only` needs none. Prints one JSON object. Run by qa/bench/run.py.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "qa/bench/support/baselines.h"
#include "qa/bench/support/outcome.h"
#include "qa/bench/support/program.h"
#include "qa/bench/support/till_driver.h"

namespace {

using namespace titan::bench;
namespace json = boost::json;

constexpr double patience_seconds = 20;  // for what is still on its way at a segment's end
constexpr std::uint32_t warm_up_sales = 50;
constexpr double flat_out_warm_up_per_second = 50;

struct Options {
  BaselineHosts hosts;
  std::string tills = "1-10";
  std::uint16_t port = 8410;
  std::int64_t entry_bytes = 1024;
  double rate = 50;
  std::uint32_t sales = 500;  // of one segment
  int rounds = 4;
  bool flat_out = false;
  bool raw_only = false;
  std::vector<std::uint32_t> connections = {16};
};

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options),
        stamps_(options.hosts.receivers.size(),
                Baselines::events_used() +
                    2 * static_cast<std::size_t>(options.rounds) * (options.sales + 1)),
        baselines_(options.hosts, stamps_) {
    stamps_.note() = options.entry_bytes;
    baselines_.warm_up();
    next_event_ = Baselines::events_used();
    if (!options.raw_only) connect_tills();
  }

  json::object measure() {
    for (int round = 0; round < options_.rounds; ++round) {
      measure_baseline(Design::raw, "raw");
      if (driver_) {
        if (!options_.flat_out) measure_tills("till", 0);
        for (const std::uint32_t connections : flat_out_connections()) {
          measure_tills("till " + std::to_string(connections), connections);
        }
      }
      if (options_.hosts.hub > 0) measure_baseline(Design::hub, "hub");
    }
    json::object result;
    for (const auto& [name, outcome] : outcomes_) result[name] = outcome.to_json();
    if (driver_) result["told"] = driver_->told();
    return result;
  }

 private:
  std::vector<std::uint32_t> flat_out_connections() const {
    return options_.flat_out ? options_.connections : std::vector<std::uint32_t>{};
  }

  void connect_tills() {
    std::vector<TillAddress> tills{
        {namespace_of(options_.hosts.lab, options_.hosts.origin), "127.0.0.1", options_.port}};
    for (const int host : options_.hosts.receivers) {
      tills.push_back({namespace_of(options_.hosts.lab, host), "127.0.0.1", options_.port});
    }
    driver_.emplace(poller_, tills, "bench-" + std::to_string(now_ns()));
    for (std::size_t till = 1; till < tills.size(); ++till) driver_->listen(till);
    sell(0, warm_up_sales);
  }

  // Returns the range of sales.
  std::pair<std::size_t, std::size_t> sell(std::uint32_t connections, std::uint32_t count) {
    const std::size_t first = driver_->answered();
    if (connections > 0) {
      driver_->sell_flat_out(0, connections);
    } else {
      driver_->sell_paced(0, options_.flat_out ? flat_out_warm_up_per_second : options_.rate);
    }
    while (driver_->started() < first + count) driver_->turn(now_ns() + second_ns);
    driver_->stop_selling();
    const auto deadline = now_ns() + static_cast<std::int64_t>(patience_seconds * second_ns);
    while (now_ns() < deadline) {
      if (driver_->all_answered() && driver_->all_seen(first, driver_->answered())) break;
      driver_->turn(now_ns() + second_ns / 10);
    }
    if (!driver_->all_answered()) fail("the till did not answer every sale");
    return {first, driver_->answered()};
  }

  void measure_tills(const std::string& name, std::uint32_t connections) {
    const auto [first, last] = sell(connections, options_.sales);
    Outcome& outcome = outcomes_[name];
    outcome.add(driver_->latencies(first, last));
    const auto answers = driver_->answer_times(first, last);
    outcome.answers.insert(outcome.answers.end(), answers.begin(), answers.end());
  }

  void measure_baseline(Design design, const std::string& name) {
    Segment segment;
    segment.design = design;
    segment.first = next_event_;
    segment.count = options_.sales;
    segment.outstanding = options_.connections.front();
    segment.per_second = options_.flat_out ? 0 : options_.rate;
    next_event_ += segment.count;
    const double paced = segment.per_second > 0 ? segment.count / segment.per_second : 0;
    baselines_.run(segment, paced + 3 * patience_seconds);
    stamps_.wait(segment.first, segment.count,
                 now_ns() + static_cast<std::int64_t>(patience_seconds * second_ns));
    outcomes_[name].add(latencies(stamps_, segment.first, segment.count));
    // Events of the tills that came meanwhile, lest a stream is cut off.
    if (driver_) driver_->turn(now_ns());
  }

  const Options options_;
  Stamps stamps_;
  Baselines baselines_;  // forks: before anything that might make a thread
  Poller poller_;
  std::optional<TillDriver> driver_;
  std::uint32_t next_event_ = 0;
  std::map<std::string, Outcome> outcomes_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"From a sale posted to one till until all others told of it"};
  Options options;
  app.add_option("--lab", options.hosts.lab, "prefix of the lab's namespaces")->required();
  app.add_option("--tills", options.tills, "hosts of the tills; the first one sells");
  app.add_option("--port", options.port, "of the tills' API");
  app.add_option("--hub-host", options.hosts.hub, "host of the hub; without it no hub is measured");
  app.add_option("--postgres", options.hosts.postgres, "the hub's database");
  app.add_option("--folder", options.hosts.folder, "for the raw origin's database")->required();
  app.add_option("--entry-bytes", options.entry_bytes, "what raw and hub commit and send");
  app.add_option("--rate", options.rate, "sales a second");
  app.add_option("--sales", options.sales, "sales of one segment");
  app.add_option("--rounds", options.rounds, "segments of each design");
  app.add_flag("--flat-out", options.flat_out, "as fast as it goes");
  app.add_option("--connections", options.connections, "flat out: posts outstanding at a time")
      ->delimiter(',');
  app.add_flag("--raw-only", options.raw_only,
               "no tills, no hub: the raw limit of a quiet machine");
  CLI11_PARSE(app, argc, argv);

  const std::vector<int> hosts = parse_hosts(options.tills);
  if (hosts.size() < 2) fail("--tills needs at least two hosts");
  options.hosts.origin = hosts.front();
  options.hosts.receivers.assign(hosts.begin() + 1, hosts.end());
  if (options.raw_only) options.hosts.hub = 0;
  Run run(options);
  std::printf("%s\n", json::serialize(run.measure()).c_str());
  return 0;
}
