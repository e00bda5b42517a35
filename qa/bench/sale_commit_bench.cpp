// A durable sale through a till's local API beside a bare SQLite FULL commit of the same bytes: one
// of each in turn, so that a busy disk slows both alike.
//
//   sale_commit_bench --lab PREFIX --till HOST --folder DIR --entry-bytes N [--sales N]
//
// Prints one JSON object. Run by qa/bench/run.py.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "qa/bench/support/api_client.h"
#include "qa/bench/support/bare_sqlite.h"
#include "qa/bench/support/program.h"
#include "qa/bench/support/statistics.h"
#include "qa/bench/support/till_driver.h"

namespace {

using namespace titan::bench;

constexpr int warm_up = 50;
constexpr std::int64_t answer_patience_ns = 10 * second_ns;

std::int64_t sell_once(Poller& poller, HttpConnection& connection, const std::string& sale) {
  std::int64_t took = 0;
  connection.post("/v1/sales", sale, [&](const HttpAnswer& answer) {
    if (answer.status != 201) fail("the till refused a sale: " + std::string(answer.body));
    took = answer.answered_ns - answer.started_ns;
  });
  if (!poller.turn_until([&] { return took > 0; }, now_ns() + answer_patience_ns)) {
    fail("the till did not answer a sale");
  }
  return took;
}

// What HTTP, JSON and two wake-ups cost without any sale.
std::int64_t ask_once(Poller& poller, HttpConnection& connection) {
  std::int64_t took = 0;
  connection.get("/healthz",
                 [&](const HttpAnswer& answer) { took = answer.answered_ns - answer.started_ns; });
  if (!poller.turn_until([&] { return took > 0; }, now_ns() + answer_patience_ns)) {
    fail("the till did not answer");
  }
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A durable sale through the local API beside a bare SQLite commit"};
  std::string lab;
  std::string folder;
  int host = 1;
  std::uint16_t port = 8410;
  int sales = 2000;
  std::size_t entry_bytes = 1024;
  app.add_option("--lab", lab, "prefix of the lab's namespaces")->required();
  app.add_option("--till", host, "host of the till");
  app.add_option("--port", port, "of its API");
  app.add_option("--folder", folder, "for the bare database")->required();
  app.add_option("--entry-bytes", entry_bytes, "of the row");
  app.add_option("--sales", sales, "commits of each");
  CLI11_PARSE(app, argc, argv);

  Poller poller;
  HttpConnection connection(poller, {namespace_of(lab, host), "127.0.0.1", port});
  BareSqlite bare(folder + "/bare.sqlite3");
  std::string row(entry_bytes, 'x');
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<char>(i * 131);
  const std::string prefix = "commit-" + std::to_string(now_ns()) + "-";
  std::vector<std::int64_t> through_api, bare_commits, questions;
  for (int i = -warm_up; i < sales; ++i) {
    const auto number = static_cast<std::uint64_t>(i + warm_up);
    const std::int64_t sold =
        sell_once(poller, connection, sale_json(prefix + std::to_string(number), number));
    const std::int64_t start = now_ns();
    bare.commit(number, row);
    const std::int64_t committed = now_ns() - start;
    const std::int64_t asked = ask_once(poller, connection);
    if (i < 0) continue;
    through_api.push_back(sold);
    bare_commits.push_back(committed);
    questions.push_back(asked);
  }
  boost::json::object result;
  result["till"] = summary(through_api);
  result["bare"] = summary(bare_commits);
  result["http"] = summary(questions);
  std::printf("%s\n", boost::json::serialize(result).c_str());
  return 0;
}
