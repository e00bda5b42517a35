// What the tables for other programs cost a till: its sales' commits, processor time and disk.
//
//   tables_bench [--folder DIR] [--seconds N] [--sales N] [--commits N] [--nice N] [--json FILE]
//
// Two ways side by side, each with its baseline in the same run, taking turns. The rows in the
// sale's own transaction: beside the same row without them. A file of their own, kept by a thread:
// the same journal with that thread and without it, in segments. Times
// are in microseconds unless the name says otherwise.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mesh/sqlite/journal/sqlite_store.h"
#include "mesh/wire/wire_codec.h"
#include "pos-node/tables/tables_keeper.h"
#include "qa/bench/support/figures.h"
#include "qa/bench/support/goods.h"
#include "qa/bench/support/history_journal.h"
#include "qa/bench/support/program.h"

namespace {

using namespace titan;
using namespace titan::bench;
namespace wire = titan::entry::v1;

constexpr int product_count = 50'000;
int priority = 0;  // of the thread that keeps the tables, as setpriority(2) counts
constexpr auto between_sales = std::chrono::milliseconds(5);

Figures figures(66);

void note_quantiles(const std::string& name, const std::vector<double>& times) {
  figures.note(name + ", p50", quantile(times, 0.5), "us");
  figures.note(name + ", p99", quantile(times, 0.99), "us");
  figures.note(name + ", longest", quantile(times, 1.0), "us");
}

double thread_cpu_microseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e6 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_nsec);
}

std::string sku_of(std::uint64_t product) {
  return "P" + std::to_string(10'000 + product);
}

// One till and its journal.
class Till {
 public:
  DeviceId device() const { return journal_.device(); }

  EntryPointer sale() {
    mesh::Envelope envelope = at_next_moment(mesh::Kind::sale);
    wire::Sale body = open_sale();
    for (int i = 0; i < lines_per_sale; ++i) {
      wire::Line line =
          line_of(sku_of(random_.below(product_count)), "WHITE HANGING HEART T-LIGHT HOLDER", 2);
      line.set_gtin_scanned("5012345678900");
      line.set_tax_included(true);
      line.set_paid_minor(line.total_minor());
      envelope.stock_effects.push_back({line.sku(), 0, 2'000'000});
      *body.add_lines() = std::move(line);
    }
    add_totals(body);
    pay_in_cash(body);
    envelope.body = body.SerializeAsString();
    envelope.idempotency_key = "till-1-" + std::to_string(moments_);
    return journal_.write(std::move(envelope));
  }

  std::vector<EntryPointer> product_list() {
    wire::Products body;
    for (std::uint64_t i = 0; i < product_count; ++i) {
      *body.add_products() =
          product_of(sku_of(i), "WHITE HANGING HEART LANTERN " + std::to_string(i), i);
    }
    return journal_.write_list(at_next_moment(mesh::Kind::product_list),
                               mesh::ListId::draw(random_), body);
  }

 private:
  mesh::Envelope at_next_moment(mesh::Kind kind) {
    mesh::Envelope envelope;
    envelope.kind = kind;
    envelope.time.utc_ms = 1317888000000 + ++moments_ * 30'000;
    envelope.business_date = 20111006;
    return envelope;
  }

  Random random_{1};
  HistoryJournal journal_{{KeyPair::from_seed(SecretSeed::draw(random_)).public_key, {}, "till-1"},
                          random_};
  std::int64_t moments_ = 0;
};

std::unique_ptr<mesh::SqliteStore> open_store(const std::string& path, const Till& till,
                                              const mesh::Codec& codec) {
  mesh::StoreOptions options;
  options.path = path;
  return must(mesh::SqliteStore::open(options, {"acme", "london-1", till.device(), {}}, codec));
}

// ---- rows in the sale's own transaction ---------------------------------------------------------

// The entry's row and, if wanted, the tables' in the same transaction of the same file. The values
// are made up beforehand: what it costs to work them out is not in here.
class Bare {
 public:
  Bare(const std::string& path, bool with_tables)
      : connection_(must(mesh::Connection::open({path, mesh::Connection::Mode::read_write}))),
        with_tables_(with_tables) {
    connection_->execute(
        "CREATE TABLE entries(journal BLOB, number INTEGER, hash BLOB, bytes BLOB);"
        "CREATE UNIQUE INDEX identity ON entries(journal, number, hash);"
        "CREATE TABLE sales(id TEXT PRIMARY KEY, receipt_no, terminal_id, cashier, total_cents, "
        "tax_cents, currency, status, created_at, store_id) WITHOUT ROWID;"
        "CREATE INDEX sales_created_at ON sales(created_at);"
        "CREATE TABLE sale_items(id, sale_id, product_id, sku, name, quantity, unit_price_cents, "
        "tax_rate, total_cents, store_id, PRIMARY KEY(sale_id, id)) WITHOUT ROWID;"
        "CREATE TABLE payments(id, sale_id, method, amount_cents, change_cents, created_at, "
        "store_id, PRIMARY KEY(sale_id, id)) WITHOUT ROWID;"
        "CREATE TABLE inventory_deltas(id TEXT PRIMARY KEY, product_id, terminal_id, delta, "
        "reason, reference, created_at, store_id) WITHOUT ROWID;"
        "CREATE TABLE stock(id TEXT PRIMARY KEY, stock) WITHOUT ROWID;");
  }

  double commit(const mesh::Entry& entry) {
    const std::string id =
        entry.envelope.id.journal.hex() + ":" + std::to_string(entry.envelope.id.number);
    const std::string receipt = "till-1 000123-K7QF", time = "2011-10-06T08:00:00Z";
    const auto start = Clock::now();
    connection_->use("BEGIN IMMEDIATE").run();
    connection_->use("INSERT INTO entries VALUES(?, ?, ?, ?)")
        .blob(1, entry.envelope.id.journal.view())
        .number(2, entry.envelope.id.number)
        .blob(3, entry.hash.view())
        .blob(4, entry.bytes)
        .run();
    if (with_tables_) write_tables(entry, id, receipt, time);
    connection_->use("COMMIT").run();
    const double took = microseconds_since(start);
    // As the journal store does in idle moments.
    if (connection_->log_pages() > mesh::log_pages_idle) {
      connection_->use("PRAGMA wal_checkpoint(PASSIVE)").step();
    }
    return took;
  }

 private:
  void write_tables(const mesh::Entry& entry, const std::string& id, const std::string& receipt,
                    const std::string& time) {
    connection_
        ->use(
            "INSERT INTO sales VALUES(?1, ?2, 'till-1', 'c-07', 2550, 425, 'GBP', 'completed', "
            "?3, 'london-1')")
        .text(1, id)
        .text(2, receipt)
        .text(3, time)
        .run();
    int line = 0;
    for (const crdt::StockEffect& effect : entry.envelope.stock_effects) {
      const std::string line_id = id + ":00" + std::to_string(++line);
      connection_
          ->use(
              "INSERT INTO sale_items VALUES(?1, ?2, ?3, ?3, 'WHITE HANGING HEART T-LIGHT "
              "HOLDER', 2, 255, 20, 510, 'london-1')")
          .text(1, line_id)
          .text(2, id)
          .text(3, effect.product)
          .run();
      connection_
          ->use(
              "INSERT INTO inventory_deltas VALUES(?1, ?2, 'till-1', -2, 'SALE', ?3, ?4, "
              "'london-1')")
          .text(1, line_id)
          .text(2, effect.product)
          .text(3, id)
          .text(4, time)
          .run();
      connection_
          ->use("INSERT INTO stock VALUES(?, -2) ON CONFLICT(id) DO UPDATE SET stock = stock - 2")
          .text(1, effect.product)
          .run();
    }
    connection_
        ->use("INSERT INTO payments VALUES(?1 || ':001', ?1, 'cash', 2550, 0, ?2, 'london-1')")
        .text(1, id)
        .text(2, time)
        .run();
  }

  std::unique_ptr<mesh::Connection> connection_;
  const bool with_tables_;
};

void measure_same_transaction(const std::string& folder, int commits) {
  std::printf("\nRows in the sale's own transaction (%d commits each, alternating)\n", commits);
  Till till;
  Bare without(folder + "/without.sqlite3", false);
  Bare with(folder + "/with.sqlite3", true);
  std::vector<double> alone, both;
  for (int i = 0; i < commits; ++i) {
    const EntryPointer sale = till.sale();
    alone.push_back(without.commit(*sale));
    both.push_back(with.commit(*sale));
  }
  note_quantiles("same transaction: the row alone", alone);
  note_quantiles("same transaction: the row and the tables'", both);
}

// ---- a file of their own ------------------------------------------------------------------------

// The daemon's thread, which a segment may let run or not.
class Follower {
 public:
  Follower(const mesh::SqliteStore& store, const std::string& folder, const mesh::Codec& codec) {
    pos::TablesKeeper::Parts parts;
    parts.path = folder + "/" + pos::tables_file_name;
    parts.journal_path = store.path();
    parts.journal = must(store.open_reader());
    parts.facts = {"london-1", "till-1", "GBP", {}};
    parts.say = [](const std::string& line) { std::printf("  %s\n", line.c_str()); };
    keeper_ = std::make_unique<pos::TablesKeeper>(std::move(parts), codec);
    thread_ = std::thread([this] { run(); });
  }
  ~Follower() {
    stopping_ = true;
    thread_.join();
  }

  void let_run(bool may_run) { may_run_ = may_run; }
  void wait_until_complete() {
    complete_ = 0;
    while (complete_ < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  double cpu_microseconds() const { return cpu_; }
  std::uint64_t turns() const { return turns_; }

 private:
  void run() {
    (void)::setpriority(PRIO_PROCESS, 0, priority);
    const auto start = Clock::now();
    while (!stopping_) {
      if (!may_run_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      const Now now{MonoTime{std::chrono::duration_cast<Duration>(Clock::now() - start)}, {}};
      const auto begun = Clock::now();
      const double before = thread_cpu_microseconds();
      const Duration wait = keeper_->turn(now);
      cpu_ = cpu_ + thread_cpu_microseconds() - before;  // without the waiting below
      ++turns_;
      if (wait != Duration(0)) ++complete_;
      const auto rest = std::chrono::duration_cast<Duration>(Clock::now() - begun) *
                        pos::tables_rests_for_one_turn;
      const auto until = Clock::now() + std::max({wait, rest, Duration(2000)});
      while (!stopping_ && may_run_ && Clock::now() < until && (complete_ != 1)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
  }

  std::unique_ptr<pos::TablesKeeper> keeper_;
  std::atomic<bool> stopping_ = false, may_run_ = true;
  std::atomic<int> complete_ = 2;
  std::atomic<double> cpu_ = 0;
  std::atomic<std::uint64_t> turns_ = 0;
  std::thread thread_;
};

double sell(mesh::SqliteStore& store, Till& till) {
  const mesh::StoreRequest request = request_of({till.sale()});
  const auto start = Clock::now();
  must(store.commit(request));
  const double took = microseconds_since(start);
  while (must(store.checkpoint_if_idle())) {
  }
  std::this_thread::sleep_for(between_sales);
  return took;
}

void measure_own_file(const std::string& folder, int seconds, const mesh::Codec& codec) {
  std::printf("\nA file of their own, a sale every 5 ms, segments of 4 s in turn, %d products\n",
              product_count);
  Till till;
  auto store = open_store(folder + "/titan.sqlite3", till, codec);
  must(store->commit(request_of(till.product_list())));
  Follower follower(*store, folder, codec);
  follower.wait_until_complete();
  figures.note("own file: products taken in, processor", follower.cpu_microseconds() / 1000, "ms");
  std::vector<double> without, with;
  for (int done = 0; done < seconds; done += 8) {
    for (const bool runs : {false, true}) {
      follower.let_run(runs);
      const auto end = Clock::now() + std::chrono::seconds(4);
      while (Clock::now() < end) (runs ? with : without).push_back(sell(*store, till));
    }
  }
  follower.wait_until_complete();
  note_quantiles("own file: commit without the thread", without);
  note_quantiles("own file: commit with the thread", with);
  const double before = follower.cpu_microseconds();
  const std::uint64_t turns = follower.turns();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  figures.note("own file: a turn with nothing to do, processor",
               (follower.cpu_microseconds() - before) /
                   static_cast<double>(std::max<std::uint64_t>(1, follower.turns() - turns)),
               "us");
}

std::uint64_t bytes_of(const std::string& path) {
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(path, ignored);
  return ignored ? 0 : bytes;
}

void measure_building(const std::string& folder, int sales, const mesh::Codec& codec) {
  std::printf("\nMade from a journal of %d sales, while a sale is rung up every 5 ms\n", sales);
  Till till;
  auto store = open_store(folder + "/titan.sqlite3", till, codec);
  std::vector<EntryPointer> batch;
  for (int i = 0; i < sales; ++i) {
    batch.push_back(till.sale());
    if (batch.size() < 1000 && i + 1 < sales) continue;
    must(store->commit(request_of(std::exchange(batch, {}))));
  }
  while (must(store->checkpoint_if_idle())) {
  }
  std::vector<double> before, during;
  for (int i = 0; i < 400; ++i) before.push_back(sell(*store, till));
  auto follower = std::make_unique<Follower>(*store, folder, codec);
  std::atomic<bool> built = false;
  const auto start = Clock::now();
  double took = 0;
  std::thread waiting([&] {
    follower->wait_until_complete();
    took = microseconds_since(start);
    built = true;
  });
  while (!built) during.push_back(sell(*store, till));
  waiting.join();
  figures.note("building: all of them", took / 1e6, "s");
  figures.note("building: processor a sale", follower->cpu_microseconds() / sales, "us");
  note_quantiles("building: commit before", before);
  note_quantiles("building: commit meanwhile", during);
  follower.reset();
  must(store->close());
  const double count = static_cast<double>(sales) + static_cast<double>(during.size()) + 400;
  figures.note("disk: the journal, bytes a sale",
               static_cast<double>(bytes_of(folder + "/titan.sqlite3")) / count, "");
  figures.note("disk: the tables, bytes a sale",
               static_cast<double>(bytes_of(folder + "/tables.sqlite3")) / count, "");
}

std::string make_folder(const std::string& within, const char* name) {
  const std::string path = within + "/" + name;
  std::filesystem::create_directory(path);
  return path;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the tables for other programs cost a till"};
  std::string folder = std::filesystem::temp_directory_path();
  std::string json;
  int seconds = 64;
  int sales = 50'000;
  int commits = 4000;
  app.add_option("--folder", folder, "where to put the databases; they are removed afterwards");
  app.add_option("--seconds", seconds, "of sales beside the thread")->check(CLI::Range(0, 3600));
  app.add_option("--sales", sales, "of the journal that is read from its beginning");
  app.add_option("--commits", commits, "in one transaction with their rows");
  app.add_option("--nice", priority, "of the thread: what a low priority would do")
      ->check(CLI::Range(0, 19));
  app.add_option("--json", json, "write the figures to this file");
  CLI11_PARSE(app, argc, argv);

  const OwnFolder own(folder, "titan-tables-bench");
  const mesh::WireCodec codec;
  if (commits > 0) measure_same_transaction(own.path(), commits);
  if (seconds > 0) measure_own_file(make_folder(own.path(), "follow"), seconds, codec);
  measure_building(make_folder(own.path(), "build"), sales, codec);
  if (!json.empty()) figures.write(json);
  return 0;
}
