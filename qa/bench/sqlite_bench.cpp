// The journal store beside a bare SQLite commit of the same rows, in the same run.
//
//   sqlite_bench [--folder DIR] [--entries N] [--commits N] [--json FILE]
//
// Prints a table; with --json also writes {"name": figure, ...}, times in microseconds unless the
// name says otherwise. Commits of the store and of its baselines alternate, so that a busy disk
// slows all of them alike. "processor" is time on a processor, which a busy machine leaves alone.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "qa/bench/bare_tables.h"
#include "qa/bench/support/figures.h"
#include "qa/bench/support/goods.h"
#include "qa/bench/support/history_journal.h"
#include "qa/bench/support/program.h"

namespace {

using namespace titan;
using namespace titan::bench;
using namespace titan::mesh;
namespace wire = titan::entry::v1;

constexpr int product_count = 50'000;
constexpr int products_per_entry = 500;
constexpr int till_count = 10;

Figures figures(58);

double cpu_microseconds() {
  return 1e6 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void note_quantiles(const std::string& name, const std::vector<double>& times) {
  figures.note(name + " p50", quantile(times, 0.5), "us");
  figures.note(name + " p99", quantile(times, 0.99), "us");
}

std::string sku_of(std::uint64_t i) {
  return std::to_string(10000 + i) + "ABCDEF"[i % 6];
}

// The entries of a store's tills.
class Shop {
 public:
  explicit Shop(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < till_count; ++i) {
      const KeyPair key = KeyPair::from_seed(SecretSeed::draw(random_));
      tills_.push_back(std::make_unique<HistoryJournal>(
          HistoryJournal::Owner{key.public_key, {}, "till-" + std::to_string(i)}, random_));
    }
  }

  DeviceId device(std::size_t till) const { return tills_[till]->device(); }

  EntryPointer sale(std::size_t till) {
    Envelope envelope = at_next_moment(Kind::sale);
    wire::Sale body = open_sale();
    for (int i = 0; i < lines_per_sale; ++i) {
      wire::Line line =
          line_of(sku_of(random_.below(product_count)), "WHITE HANGING HEART T-LIGHT HOLDER", 2);
      line.set_gtin_scanned("5012345678900");
      set_list_price(line);
      line.set_tax_included(true);
      envelope.stock_effects.push_back({line.sku(), 0, 2'000'000});
      *body.add_lines() = std::move(line);
    }
    add_totals(body);
    pay_in_cash(body);
    envelope.body = body.SerializeAsString();
    envelope.idempotency_key = "till" + std::to_string(till) + "-" + std::to_string(clock_);
    return tills_[till]->write(std::move(envelope));
  }

  EntryPointer products(int first) {
    wire::Products body;
    add_products(body, first, products_per_entry, 255);
    Envelope envelope = at_next_moment(Kind::product);
    envelope.body = body.SerializeAsString();
    return tills_[0]->write(std::move(envelope));
  }

  // Every product in one list: its parts, and the entry that puts it in force.
  std::vector<EntryPointer> product_list(std::int64_t price) {
    wire::Products body;
    // The same names each time: only the price changes.
    const Random others = std::exchange(random_, Random(1));
    add_products(body, 0, product_count, price);
    random_ = others;  // or both lists had one id, and the second would change nothing
    return tills_[0]->write_list(at_next_moment(Kind::product_list), ListId::draw(random_), body);
  }

  Random& random() { return random_; }

 private:
  void add_products(wire::Products& body, int first, int count, std::int64_t price) {
    static const char* words[] = {"WHITE",   "HANGING", "HEART",  "T-LIGHT", "HOLDER", "METAL",
                                  "LANTERN", "CREAM",   "CUPID",  "COAT",    "HANGER", "KNITTED",
                                  "UNION",   "FLAG",    "BOTTLE", "GLASS",   "STAR",   "FROSTED"};
    for (int i = first; i < first + count; ++i) {
      std::string description;
      for (int w = 0; w < 4; ++w) description += std::string(words[random_.below(18)]) + " ";
      const auto number = static_cast<std::uint64_t>(i);
      wire::Product& product = *body.add_products();
      product = product_of(sku_of(number), description + std::to_string(i), number, price);
      product.set_brand("BRAND" + std::to_string(i % 300));
    }
  }

  Envelope at_next_moment(Kind kind) {
    Envelope envelope;
    envelope.kind = kind;
    envelope.time.utc_ms = 1317888000000 + static_cast<std::int64_t>(++clock_);
    envelope.business_date = 20111006 + static_cast<std::uint32_t>(clock_ / 30'000 % 20);
    return envelope;
  }

  Random random_;
  std::vector<std::unique_ptr<HistoryJournal>> tills_;
  std::uint64_t clock_ = 0;
};

double processor_time_of(BareDatabase& database, const char* sql) {
  const double start = cpu_microseconds();
  database.run(sql);
  return cpu_microseconds() - start;
}

std::unique_ptr<SqliteStore> open_store(const std::string& path, const Shop& shop,
                                        const Codec& codec) {
  StoreOptions options;
  options.path = path;
  return must(SqliteStore::open(options, {"acme", "london-1", shop.device(0), {}}, codec));
}

void measure_single_commits(const std::string& folder, int commits, const Codec& codec) {
  std::printf("\nOne sale of %d lines a commit, durable (%d commits each, alternating)\n",
              lines_per_sale, commits);
  Shop shop(1);
  auto store = open_store(folder + "/single.sqlite3", shop, codec);
  BareSqlite rows(folder + "/rows.sqlite3");
  BareTables tables(folder + "/tables.sqlite3");
  std::vector<double> ours, bare_rows, bare_tables, idle;
  for (int i = 0; i < commits; ++i) {
    const auto entry = shop.sale(0);
    const StoreRequest request = request_of({entry});
    auto start = Clock::now();
    must(store->commit(request));
    ours.push_back(microseconds_since(start));
    start = Clock::now();
    rows.run("BEGIN IMMEDIATE");
    insert_row(rows, *entry);
    rows.run("COMMIT");
    bare_rows.push_back(microseconds_since(start));
    start = Clock::now();
    tables.run("BEGIN IMMEDIATE");
    tables.insert(*entry);
    tables.run("COMMIT");
    bare_tables.push_back(microseconds_since(start));
    start = Clock::now();
    while (must(store->checkpoint_if_idle())) {
    }
    idle.push_back(microseconds_since(start));
  }
  note_quantiles("sale commit: journal store", ours);
  note_quantiles("sale commit: bare SQLite, the same row", bare_rows);
  note_quantiles("sale commit: bare SQLite, 13 rows as tables", bare_tables);
  figures.note("sale commit: p99 against the same row",
               figures.of("sale commit: journal store p99") /
                   figures.of("sale commit: bare SQLite, the same row p99"),
               "x");
  figures.note("sale commit: upkeep in idle moments, longest", quantile(idle, 1.0), "us");
}

// What a report asks: the store by its views, the baseline by tables.
void measure_questions(SQLite::Database& database, BareTables& tables) {
  const auto view_time = [&](const char* sql) {
    const double start = cpu_microseconds();
    database.execAndGet(sql);
    return cpu_microseconds() - start;
  };
  figures.note("a day's total: view, processor",
               view_time("SELECT sum(total_minor) FROM sales WHERE business_date = "
                         "20111006"),
               "us");
  figures.note(
      "a day's total: table, processor",
      processor_time_of(tables, "SELECT sum(total) FROM sales WHERE business_date = 20111006"),
      "us");
  figures.note("units sold by sku: view, processor",
               view_time("SELECT sum(n) FROM (SELECT sku, sum(quantity_value) AS n FROM sale_items "
                         "GROUP BY sku)"),
               "us");
  figures.note("units sold by sku: table, processor",
               processor_time_of(tables, "SELECT sku, sum(quantity) FROM sale_items GROUP BY sku"),
               "us");
}

void measure_group_commits(const std::string& folder, const Codec& codec) {
  constexpr int group = 50;
  constexpr int groups = 400;
  std::printf("\nGroup commit: %d sales of 10 tills a commit, flat out\n", group);
  Shop shop(2);
  auto store = open_store(folder + "/group.sqlite3", shop, codec);
  BareSqlite rows(folder + "/group-rows.sqlite3");
  BareTables tables(folder + "/group-tables.sqlite3");
  const auto bare = [](BareDatabase& database, const std::vector<EntryPointer>& entries,
                       const auto& insert) {
    database.run("BEGIN IMMEDIATE");
    for (const auto& entry : entries) insert(*entry);
    database.run("COMMIT");
  };
  struct Case {
    const char* name;
    std::function<void(const std::vector<EntryPointer>&)> commit;
    double wall = 0;
    double cpu = 0;
    std::vector<double> times = {};
  };
  Case cases[] = {
      {"journal store", [&](const auto& entries) { must(store->commit(request_of(entries))); }},
      {"bare SQLite, the same rows",
       [&](const auto& entries) {
         bare(rows, entries, [&](const Entry& entry) { insert_row(rows, entry); });
       }},
      {"bare SQLite, 13 rows a sale as tables",
       [&](const auto& entries) {
         bare(tables, entries, [&](const Entry& entry) { tables.insert(entry); });
       }},
  };
  for (int g = 0; g < groups; ++g) {
    std::vector<EntryPointer> entries;
    for (int i = 0; i < group; ++i) entries.push_back(shop.sale(static_cast<std::size_t>(i % 10)));
    for (Case& one : cases) {
      const double cpu_before = cpu_microseconds();
      const auto start = Clock::now();
      one.commit(entries);
      one.times.push_back(microseconds_since(start));
      one.wall += one.times.back();
      one.cpu += cpu_microseconds() - cpu_before;
    }
  }
  for (const Case& one : cases) {
    const std::string name = std::string("group commit: ") + one.name;
    figures.note(name + ", a sale", one.wall / (group * groups), "us");
    figures.note(name + ", processor a sale", one.cpu / (group * groups), "us");
    figures.note(name + ", p99 of a commit", quantile(one.times, 0.99), "us");
  }

  std::printf("\nThe same %d sales, asked afterwards\n", group * groups);
  measure_questions(store->connection().database(), tables);
}

void measure_load(const std::string& folder, std::uint64_t entries, const Codec& codec) {
  std::printf("\nStart with %llu entries of 10 tills\n", static_cast<unsigned long long>(entries));
  Shop shop(3);
  const std::string path = folder + "/load.sqlite3";
  auto store = open_store(path, shop, codec);
  std::vector<EntryPointer> batch;
  for (std::uint64_t i = 0; i < entries; ++i) {
    batch.push_back(shop.sale(i % till_count));
    if (batch.size() == 2000 || i + 1 == entries) {
      must(store->commit(request_of(std::move(batch))));
      batch.clear();
    }
  }
  must(forget_fold(store->connection()));
  const auto load = [&](const char* name) {
    const double cpu_before = cpu_microseconds();
    const auto start = Clock::now();
    const StoredState state = must(store->load());
    figures.note(name, microseconds_since(start) / 1000, "ms");
    figures.note(std::string(name) + ", processor", (cpu_microseconds() - cpu_before) / 1000, "ms");
    if (state.vector.entry_count() != entries) fail("the store lost entries");
  };
  load("load: everything replayed");
  const double cpu_before = cpu_microseconds();
  const auto start = Clock::now();
  while (must(store->checkpoint_if_idle())) {
  }
  figures.note("fold: an entry", microseconds_since(start) / static_cast<double>(entries), "us");
  figures.note("fold: an entry, processor",
               (cpu_microseconds() - cpu_before) / static_cast<double>(entries), "us");
  load("load: folded");
  store.reset();
  const auto opening = Clock::now();
  store = open_store(path, shop, codec);
  figures.note("open", microseconds_since(opening) / 1000, "ms");
  load("load: folded, after opening");
  figures.note("file, bytes an entry",
               static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(entries),
               "bytes");
}

// What a list costs the storage thread, and whoever waits behind it: one transaction for all of it.
void measure_list(const std::string& folder, const Codec& codec) {
  Shop shop(6);
  auto store = open_store(folder + "/list.sqlite3", shop, codec);
  for (const auto& [what, price] : {std::pair{"all new", 255}, std::pair{"new prices", 265}}) {
    StoreRequest request;
    request.entries = shop.product_list(price);
    const double cpu_at_start = cpu_microseconds();
    const auto start = Clock::now();
    must(store->commit(request));
    const std::string name = std::string("products: one list of all, ") + what;
    figures.note(name, microseconds_since(start) / 1000, "ms");
    figures.note(name + ", processor", (cpu_microseconds() - cpu_at_start) / 1000, "ms");
  }
}

void measure_products(const std::string& folder, const Codec& codec) {
  std::printf("\n%d products with search and barcodes\n", product_count);
  Shop shop(4);
  auto store = open_store(folder + "/products.sqlite3", shop, codec);
  std::vector<EntryPointer> entries;
  for (int i = 0; i < product_count; i += products_per_entry) entries.push_back(shop.products(i));
  std::vector<double> commits;
  const double cpu_at_start = cpu_microseconds();
  const auto start = Clock::now();
  for (const auto& entry : entries) {
    const auto commit = Clock::now();
    must(store->commit(request_of({entry})));
    commits.push_back(microseconds_since(commit));
  }
  figures.note("products: import of all", microseconds_since(start) / 1000, "ms");
  figures.note("products: import of all, processor", (cpu_microseconds() - cpu_at_start) / 1000,
               "ms");
  figures.note("products: longest commit of 500", quantile(commits, 1.0) / 1000, "ms");
  measure_list(folder, codec);
  while (must(store->checkpoint_if_idle())) {
  }
  auto reader = must(store->open_reader());
  const auto measure = [&](const char* name, auto&& ask) {
    std::vector<double> times;
    const double cpu_before = cpu_microseconds();
    for (int i = 0; i < 1000; ++i) {
      const auto asked = Clock::now();
      ask(i);
      times.push_back(microseconds_since(asked));
    }
    note_quantiles(name, times);
    figures.note(std::string(name) + ", processor mean", (cpu_microseconds() - cpu_before) / 1000,
                 "us");
  };
  Random& random = shop.random();
  measure("products: by sku",
          [&](int) { must(reader->product(sku_of(random.below(product_count)))); });
  measure("products: by barcode", [&](int) {
    must(reader->products_by_gtin(std::to_string(5'000'000'000'000 + random.below(product_count))));
  });
  static const char* typed[] = {"white hanging", "t-light 123", "brand17 star", "lan 44", "12345"};
  measure("products: search of two words",
          [&](int i) { must(reader->search_products(typed[i % 5], 20)); });
  static const char* broad[] = {"white", "he", "w", "brand1", "union fl"};
  measure("products: search that matches thousands",
          [&](int i) { must(reader->search_products(broad[i % 5], 20)); });
}

double resident_megabytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The journal store beside a bare SQLite commit of the same rows"};
  std::string folder = std::filesystem::temp_directory_path();
  std::string json;
  std::uint64_t entries = 200'000;
  int commits = 5000;
  app.add_option("--folder", folder, "where to put the databases; they are removed afterwards");
  app.add_option("--entries", entries, "entries of the store whose start is measured");
  app.add_option("--commits", commits, "single commits measured")->check(CLI::Range(100, 1000000));
  app.add_option("--json", json, "write the figures to this file");
  CLI11_PARSE(app, argc, argv);

  const OwnFolder own(folder, "titan-sqlite-bench");
  const WireCodec codec;
  measure_single_commits(own.path(), commits, codec);
  measure_group_commits(own.path(), codec);
  measure_products(own.path(), codec);
  measure_load(own.path(), entries, codec);
  figures.note("memory of this process, MB", resident_megabytes(), "MB");
  if (!json.empty()) figures.write(json);
  return 0;
}
