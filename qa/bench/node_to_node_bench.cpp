// From an entry appended in one process until the nodes of 9 others have checked it, without HTTP,
// beside the raw limit (support/baselines.h): raw, node, raw, node …
//
//   node_to_node_bench --lab PREFIX --tills 1-10 --folder DIR [--rate 50] [--sales N] [--rounds N]
//                      [--outstanding N]
//
// Each terminal is the daemon's own MeshHost (node, SQLite journal, storage thread, ZeroMQ) in a
// process and a namespace of its own. An entry's time starts just before it is handed to the node,
// and ends at a receiver with the event that the API would show to its screens; by then it is
// durable at its origin. --rate 0: as fast as it goes, N appends waiting at a time. Prints one JSON
// object. Run by qa/bench/run.py.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mesh/wire/wire_codec.h"
#include "pos-node/hosts/mesh_host.h"
#include "qa/bench/support/baselines.h"
#include "qa/bench/support/goods.h"
#include "qa/bench/support/namespaces.h"
#include "qa/bench/support/outcome.h"
#include "qa/bench/support/program.h"
#include "qa/bench/support/stamps.h"
#include "qa/bench/support/till_driver.h"

namespace {

using namespace titan;
using namespace titan::bench;
namespace asio = boost::asio;
namespace json = boost::json;
namespace wire = titan::entry::v1;

constexpr int mesh_port = 7411;
constexpr int address_wait_ms = 300;
constexpr double segment_patience_seconds = 20;
constexpr double meeting_seconds_max = 20;
constexpr std::uint32_t warm_up_sales = 50;
constexpr const char* tenant = "acme";
constexpr const char* store = "bench";

SecretSeed seed_of(int host) {
  Random random(static_cast<std::uint64_t>(host));
  return SecretSeed::draw(random);
}

mesh::EntryDraft sale(std::uint32_t event, Now now) {
  wire::Sale body = open_sale();
  mesh::EntryDraft draft;
  for (int i = 0; i < lines_per_sale; ++i) {
    char sku[16];
    std::snprintf(sku, sizeof sku, "B%04u",
                  (event * 7 + static_cast<unsigned>(i) * 31) % products_for_sale);
    wire::Line& line = *body.add_lines();
    line = line_of(sku, "BENCH PRODUCT 100", 1);
    set_list_price(line);
    line.set_tax_included(true);
    draft.stock_effects.push_back({sku, 0, 1'000'000});
  }
  add_totals(body);
  pay_in_cash(body);
  draft.kind = mesh::Kind::sale;
  draft.time = now.wall;
  draft.business_date = 20111006;
  draft.clock_quality = mesh::ClockQuality::synchronised;
  draft.idempotency_key = "node-" + std::to_string(event);
  draft.request_hash = blake2b(draft.idempotency_key);
  draft.body = body.SerializeAsString();
  draft.wants_receipt = true;
  return draft;
}

// The events of a sale are told apart by its idempotency key.
std::uint32_t event_of(const mesh::Entry& entry) {
  return static_cast<std::uint32_t>(std::atoi(entry.envelope.idempotency_key.c_str() + 5));
}

class Terminal {
 public:
  Terminal(const BaselineHosts& hosts, int host, std::size_t row, Stamps& stamps)
      : stamps_(stamps), row_(row), key_(KeyPair::from_seed(seed_of(host))) {
    const std::string path = hosts.folder + "/node-" + std::to_string(host) + ".sqlite3";
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    mesh::StoreOptions options;
    options.path = path;
    auto journal = must(
        mesh::SqliteStore::open(options, {tenant, store, device_of(key_.public_key), {}}, codec_));
    pos::MeshHost::Parts parts = parts_of(host);
    parts.state = must(journal->load());
    parts.reader = must(journal->open_reader());
    parts.store = std::move(journal);
    pos::MeshHost::Handlers handlers;
    handlers.on_event = [this](const mesh::Event& event) { on_event(event); };
    handlers.neighbours.on_link_up = [](const mesh::MemberInfo&, const std::string&) {};
    handlers.neighbours.on_link_down = [](const ProcessId&, mesh::LinkDown, const std::string&) {};
    mesh_ = std::make_unique<pos::MeshHost>(loop_, clock_, codec_, std::move(parts),
                                            std::move(handlers));
    const std::string own = address_of(host) + ":" + std::to_string(mesh_port);
    must(mesh_->start());
    mesh_->tell_addresses({own});
    dial(hosts, host);
  }

  asio::io_context& loop() { return loop_; }
  std::size_t alive() const {
    std::size_t count = 0;
    for (const mesh::MemberView& member : mesh_->node().members()) {
      count += member.state == mesh::MemberState::alive && (member.is_self || member.linked);
    }
    return count;
  }
  void append(std::uint32_t event, std::function<void()> done) {
    const mesh::EntryDraft draft = sale(event, mesh_->now());
    stamps_.put(0, event, now_ns());
    mesh_->append(draft, [done = std::move(done)](const Result<mesh::Appended>& appended) {
      if (!appended) fail(appended.error().message);
      done();
    });
  }

 private:
  pos::MeshHost::Parts parts_of(int host) const {
    Random random(static_cast<std::uint64_t>(now_ns()) + static_cast<std::uint64_t>(host));
    pos::MeshHost::Parts parts;
    parts.device_key = key_;
    parts.process = ProcessId::draw(random);
    parts.random_seed = random.next();
    parts.node.tenant = tenant;
    parts.node.store = store;
    parts.node.terminal = "till-" + std::to_string(host);
    parts.node.started = clock_.now().wall;
    parts.transport.listen = "0.0.0.0:" + std::to_string(mesh_port);
    parts.transport.tenant = tenant;
    parts.transport.store = store;
    parts.transport.store_secret = mesh::StoreSecret::from_bytes(std::string(32, 's')).value();
    parts.transport.device_key = key_;
    parts.transport.member.process = parts.process;
    parts.transport.member.device_key = key_.public_key;
    parts.transport.member.terminal = parts.node.terminal;
    return parts;
  }

  void dial(const BaselineHosts& hosts, int self) {
    std::vector<int> all = hosts.receivers;
    all.push_back(hosts.origin);
    for (const int host : all) {
      if (host == self) continue;
      must(mesh_->transport().dial(address_of(host) + ":" + std::to_string(mesh_port),
                                   milliseconds(address_wait_ms)));
    }
  }

  void on_event(const mesh::Event& event) {
    const auto* seen = std::get_if<mesh::EntrySeen>(&event);
    if (seen == nullptr || seen->entry->envelope.kind != mesh::Kind::sale) return;
    if (row_ > 0) stamps_.put(row_, event_of(*seen->entry), now_ns());
    // What raw is to commit and send, too.
    if (row_ == 0) stamps_.note() = static_cast<std::int64_t>(seen->entry->bytes.size());
  }

  Stamps& stamps_;
  const std::size_t row_;
  const KeyPair key_;
  mesh::WireCodec codec_;
  asio::io_context loop_{1};
  pos::ProcessClock clock_;
  std::unique_ptr<pos::MeshHost> mesh_;
};

// Carries out segments at the origin, on the terminal's own loop.
class Origin {
 public:
  Origin(Terminal& terminal, std::size_t members, int segments, int answers)
      : terminal_(terminal),
        members_(members),
        segments_(terminal.loop(), segments),
        answers_(answers),
        timer_(terminal.loop()) {
    await_members();
  }

 private:
  void await_members() {
    if (terminal_.alive() == members_) return read_next();
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](boost::system::error_code) { await_members(); });
  }

  void read_next() {
    asio::async_read(segments_, asio::buffer(&segment_, sizeof segment_),
                     [this](boost::system::error_code error, std::size_t) {
                       if (error) _exit(0);
                       start_ = std::chrono::steady_clock::now();
                       next_ = 0;
                       unanswered_ = 0;
                       append_next();
                     });
  }

  // Paced, or flat out with so many appends waiting for their disk at a time.
  void append_next() {
    if (next_ == segment_.count) {
      if (unanswered_ == 0) finish();
    } else if (segment_.per_second > 0) {
      timer_.expires_at(start_ + std::chrono::nanoseconds(due_ns(segment_, 0, next_)));
      timer_.async_wait([this](boost::system::error_code) {
        append();
        append_next();
      });
    } else {
      while (next_ < segment_.count && unanswered_ < segment_.outstanding) append();
    }
  }

  void append() {
    ++unanswered_;
    terminal_.append(segment_.first + next_++, [this] {
      --unanswered_;
      if (segment_.per_second <= 0 || next_ == segment_.count) append_next();
    });
  }

  void finish() {
    answer_segment(answers_);
    read_next();
  }

  Terminal& terminal_;
  const std::size_t members_;
  asio::posix::stream_descriptor segments_;
  const int answers_;
  asio::steady_timer timer_;
  Segment segment_;
  std::chrono::steady_clock::time_point start_;
  std::uint32_t next_ = 0;
  std::uint32_t unanswered_ = 0;
};

std::unique_ptr<Worker> start_terminal(const BaselineHosts& hosts, int host, std::size_t row,
                                       Stamps& stamps) {
  return std::make_unique<Worker>(
      namespace_of(hosts.lab, host), [&hosts, host, row, &stamps](int segments, int answers) {
        try {
          spdlog::set_level(spdlog::level::warn);
          Terminal terminal(hosts, host, row, stamps);
          std::optional<Origin> origin;
          if (row == 0) origin.emplace(terminal, hosts.receivers.size() + 1, segments, answers);
          terminal.loop().run();
        } catch (const std::exception& error) {
          fail("the terminal in host " + std::to_string(host) + ": " + error.what());
        }
      });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"From an entry appended in one process until the nodes of all others checked it"};
  BaselineHosts hosts;
  std::string tills = "1-10";
  double rate = 50;
  std::uint32_t sales = 500;
  int rounds = 4;
  std::uint32_t outstanding = 16;
  app.add_option("--lab", hosts.lab, "prefix of the lab's namespaces")->required();
  app.add_option("--tills", tills, "hosts; the first one appends");
  app.add_option("--folder", hosts.folder, "for the databases")->required();
  app.add_option("--rate", rate, "entries a second");
  app.add_option("--outstanding", outstanding, "at --rate 0: appends that wait for the disk");
  app.add_option("--sales", sales, "entries of one segment");
  app.add_option("--rounds", rounds, "segments of each design");
  CLI11_PARSE(app, argc, argv);
  const std::vector<int> all = parse_hosts(tills);
  if (all.size() < 2) fail("--tills needs at least two hosts");
  hosts.origin = all.front();
  hosts.receivers.assign(all.begin() + 1, all.end());

  Stamps stamps(hosts.receivers.size(), Baselines::events_used() + warm_up_sales +
                                            2 * static_cast<std::size_t>(rounds) * sales);
  std::vector<std::unique_ptr<Worker>> receivers;
  for (std::size_t i = 0; i < hosts.receivers.size(); ++i) {
    receivers.push_back(start_terminal(hosts, hosts.receivers[i], i + 1, stamps));
  }
  const auto origin = start_terminal(hosts, hosts.origin, 0, stamps);
  Baselines baselines(hosts, stamps);

  std::uint32_t next = Baselines::events_used();
  const auto segment_of = [&](Design design, std::uint32_t count) {
    const Segment segment{design, next, count, outstanding, rate};
    next += count;
    return segment;
  };
  const double patience = (rate > 0 ? sales / rate : 0) + 3 * segment_patience_seconds;
  const auto wait_seen = [&](const Segment& segment) {
    stamps.wait(segment.first, segment.count,
                now_ns() + static_cast<std::int64_t>(segment_patience_seconds * second_ns));
  };
  // Also waits until all have met.
  const Segment warm_up = segment_of(Design::node, warm_up_sales);
  origin->start(warm_up);
  origin->wait(meeting_seconds_max);
  wait_seen(warm_up);
  baselines.warm_up();

  Outcome of_node;
  Outcome of_raw;
  for (int round = 0; round < rounds; ++round) {
    const Segment raw = segment_of(Design::raw, sales);
    baselines.run(raw, patience);
    wait_seen(raw);
    of_raw.add(latencies(stamps, raw.first, raw.count));
    const Segment node = segment_of(Design::node, sales);
    origin->start(node);
    origin->wait(patience);
    wait_seen(node);
    of_node.add(latencies(stamps, node.first, node.count));
  }
  json::object result;
  result["node"] = of_node.to_json();
  result["raw"] = of_raw.to_json();
  result["entry_bytes"] = stamps.note().load();
  std::printf("%s\n", json::serialize(result).c_str());
  return 0;
}
