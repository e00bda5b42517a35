// The journal store beside a bare SQLite commit of the same rows, in the same run.
//
//   sqlite_bench [--folder DIR] [--entries N] [--commits N] [--json FILE]
//
// Prints a table; with --json also writes {"name": figure, ...}, times in microseconds unless the
// name says otherwise. Commits of the store and of its baselines alternate, so that a busy disk
// slows all of them alike. "processor" is time on a processor, which a busy machine leaves alone.
#include <sqlite3.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mesh/journal/idempotency.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "mesh/wire/product_list.h"
#include "mesh/wire/wire_codec.h"
#include "proto/entry.pb.h"

namespace {

using namespace titan;
using namespace titan::mesh;
namespace wire = titan::entry::v1;
using Clock = std::chrono::steady_clock;
using EntryPointer = std::shared_ptr<const Entry>;

constexpr int lines_per_sale = 5;
constexpr int product_count = 50'000;
constexpr int products_per_entry = 500;
constexpr int till_count = 10;

std::map<std::string, double> figures;

void note(const std::string& name, double value, const char* unit) {
  figures[name] = value;
  std::printf("  %-58s %12.1f %s\n", name.c_str(), value, unit);
  std::fflush(stdout);
}

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double cpu_microseconds() {
  return 1e6 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void note_quantiles(const std::string& name, const std::vector<double>& times) {
  note(name + " p50", quantile(times, 0.5), "us");
  note(name + " p99", quantile(times, 0.99), "us");
}

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}
void must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  std::exit(1);
}

std::string sku_of(std::uint64_t i) {
  return std::to_string(10000 + i) + "ABCDEF"[i % 6];
}

// Entries of a store's tills. Loading and storing check no signature, so the entries made in bulk
// carry none: signing a million would take longer than all that is measured.
class Shop {
 public:
  explicit Shop(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < till_count; ++i) {
      keys_.push_back(KeyPair::from_seed(SecretSeed::draw(random_)));
      journals_.push_back(JournalId::draw(random_));
      numbers_.push_back(0);
      hashes_.emplace_back();
    }
  }

  DeviceId device(std::size_t till) const { return device_of(keys_[till].public_key); }

  EntryPointer sale(std::size_t till) {
    wire::Sale body;
    body.set_currency("GBP");
    body.set_exponent(2);
    body.set_cashier("c-07");
    std::vector<crdt::StockEffect> effects;
    for (int i = 0; i < lines_per_sale; ++i) {
      const std::string sku = sku_of(random_.below(product_count));
      wire::Line& line = *body.add_lines();
      line.set_sku(sku);
      line.set_gtin_scanned("5012345678900");
      line.set_description("WHITE HANGING HEART T-LIGHT HOLDER");
      line.mutable_quantity()->set_value(2);
      line.mutable_list_unit_price()->set_amount(255);
      line.mutable_list_unit_price()->set_exponent(2);
      line.mutable_charged_unit_price()->set_amount(255);
      line.mutable_charged_unit_price()->set_exponent(2);
      line.set_tax_code("S");
      line.set_tax_rate_basis_points(2000);
      line.set_tax_included(true);
      line.set_tax_minor(85);
      line.set_total_minor(510);
      effects.push_back({sku, 0, 2'000'000});
    }
    wire::Payment& payment = *body.add_payments();
    payment.set_method("cash");
    payment.set_currency("GBP");
    payment.set_exponent(2);
    payment.set_amount_minor(510 * lines_per_sale);
    body.set_total_minor(510 * lines_per_sale);
    body.set_tax_minor(85 * lines_per_sale);
    return write(till, Kind::sale, body.SerializeAsString(), std::move(effects));
  }

  EntryPointer products(int first) {
    wire::Products body;
    add_products(body, first, products_per_entry, 255);
    return write(0, Kind::product, body.SerializeAsString(), {});
  }

  // Every product in one list: its parts, and the entry that puts it in force.
  std::vector<EntryPointer> product_list(std::int64_t price) {
    wire::Products body;
    random_ = Random(1);  // the same names each time: only the price changes
    add_products(body, 0, product_count, price);
    const auto unit =
        must(make_list_unit(ListId::draw(random_), body.SerializeAsString(), product_count));
    std::vector<EntryPointer> entries;
    for (const Bytes& part : unit.parts) {
      entries.push_back(write(0, Kind::product_list_part, part, {}));
    }
    entries.push_back(write(0, Kind::product_list, unit.head, {}));
    return entries;
  }

  Random& random() { return random_; }

 private:
  void add_products(wire::Products& body, int first, int count, std::int64_t price) {
    static const char* words[] = {"WHITE",   "HANGING", "HEART",  "T-LIGHT", "HOLDER", "METAL",
                                  "LANTERN", "CREAM",   "CUPID",  "COAT",    "HANGER", "KNITTED",
                                  "UNION",   "FLAG",    "BOTTLE", "GLASS",   "STAR",   "FROSTED"};
    for (int i = first; i < first + count; ++i) {
      wire::Product& product = *body.add_products();
      product.set_sku(sku_of(static_cast<std::uint64_t>(i)));
      std::string description;
      for (int w = 0; w < 4; ++w) description += std::string(words[random_.below(18)]) + " ";
      product.set_description(description + std::to_string(i));
      product.add_gtins(std::to_string(5'000'000'000'000 + i));
      product.set_brand("BRAND" + std::to_string(i % 300));
      product.mutable_price()->set_amount(price);
      product.mutable_price()->set_exponent(2);
      product.set_currency("GBP");
      product.set_tax_code("S");
    }
  }

  EntryPointer write(std::size_t till, Kind kind, Bytes body,
                     std::vector<crdt::StockEffect> effects) {
    Envelope envelope;
    envelope.id = {journals_[till], ++numbers_[till]};
    envelope.previous_hash = hashes_[till];
    envelope.kind = kind;
    envelope.device = device(till);
    envelope.time.utc_ms = 1317888000000 + static_cast<std::int64_t>(++clock_);
    envelope.business_date = 20111006 + static_cast<std::uint32_t>(clock_ / 30'000 % 20);
    envelope.logical_clock = static_cast<std::uint64_t>(envelope.time.utc_ms) << 16;
    envelope.stock_effects = std::move(effects);
    envelope.body = std::move(body);
    if (kind == Kind::sale) {
      envelope.idempotency_key = "till" + std::to_string(till) + "-" + std::to_string(clock_);
      envelope.request_hash = blake2b(envelope.idempotency_key);
      envelope.claim =
          request_claim(envelope.device, envelope.request_hash, envelope.idempotency_key);
      envelope.receipt = Receipt{"till-" + std::to_string(till), envelope.id.number};
    }
    if (envelope.id.number == 1) {
      envelope.opening.emplace();
      envelope.opening->process = ProcessId::draw(random_);
      envelope.opening->device_public_key = keys_[till].public_key;
      envelope.opening->tenant_store = tenant_store_hash("acme", "london-1");
      envelope.opening->terminal = "till-" + std::to_string(till);
    }
    auto entry = std::make_shared<Entry>();
    entry->envelope_bytes = codec_.encode_envelope(envelope);
    entry->bytes = codec_.encode_signed_entry(entry->envelope_bytes, Signature{});
    entry->hash = blake2b(entry->bytes);
    entry->envelope = std::move(envelope);
    hashes_[till] = entry->hash;
    return entry;
  }

  WireCodec codec_;
  Random random_;
  std::vector<KeyPair> keys_;
  std::vector<JournalId> journals_;
  std::vector<std::uint64_t> numbers_;
  std::vector<Hash> hashes_;
  std::uint64_t clock_ = 0;
};

// A bare SQLite database, its own statements and nothing else; WAL, synchronous=FULL, and its own
// automatic checkpoints, as anybody would use it.
class Bare {
 public:
  explicit Bare(const std::string& path) {
    sqlite3_open(path.c_str(), &database_);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  }
  ~Bare() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }
  Bare(const Bare&) = delete;

  void run(const char* sql) {
    char* message = nullptr;
    if (sqlite3_exec(database_, sql, nullptr, nullptr, &message) == SQLITE_OK) return;
    std::fprintf(stderr, "%s\n", message);
    std::exit(1);
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) {
      std::fprintf(stderr, "%s\n", sqlite3_errmsg(database_));
      std::exit(1);
    }
    statements_.push_back(statement);
    return statement;
  }
  double processor_time_of(const char* sql) {
    const double start = cpu_microseconds();
    run(sql);
    return cpu_microseconds() - start;
  }

 private:
  sqlite3* database_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

void text(sqlite3_stmt* statement, int index, BytesView value) {
  sqlite3_bind_text(statement, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}
void blob(sqlite3_stmt* statement, int index, BytesView value) {
  sqlite3_bind_blob(statement, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}
void step(sqlite3_stmt* statement) {
  sqlite3_step(statement);
  sqlite3_reset(statement);
}

// The same rows: one row an entry, found by (journal, number, hash).
class BareRows : public Bare {
 public:
  explicit BareRows(const std::string& path) : Bare(path) {
    run("CREATE TABLE entries(journal BLOB, number INTEGER, hash BLOB, kind INTEGER, "
        "business_date INTEGER, bytes BLOB);"
        "CREATE UNIQUE INDEX identity ON entries(journal, number, hash)");
    insert_ = prepare("INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?)");
  }
  void insert(const Entry& entry) {
    blob(insert_, 1, entry.envelope.id.journal.view());
    sqlite3_bind_int64(insert_, 2, static_cast<sqlite3_int64>(entry.envelope.id.number));
    blob(insert_, 3, entry.hash.view());
    sqlite3_bind_int64(insert_, 4, static_cast<sqlite3_int64>(entry.envelope.kind));
    sqlite3_bind_int64(insert_, 5, entry.envelope.business_date);
    blob(insert_, 6, entry.bytes);
    step(insert_);
  }

 private:
  sqlite3_stmt* insert_;
};

// The same and, as tables instead of views, the sale, its lines, payment and stock deltas: 13 rows.
class BareTables : public BareRows {
 public:
  explicit BareTables(const std::string& path) : BareRows(path) {
    run("CREATE TABLE sales(id INTEGER PRIMARY KEY, journal BLOB, number INTEGER, "
        "business_date INTEGER, currency TEXT, total INTEGER, tax INTEGER, cashier TEXT);"
        "CREATE INDEX sales_date ON sales(business_date);"
        "CREATE TABLE sale_items(sale INTEGER, line INTEGER, sku TEXT, description TEXT, "
        "quantity INTEGER, price INTEGER, tax INTEGER, total INTEGER, PRIMARY KEY(sale, line)) "
        "WITHOUT ROWID;"
        "CREATE TABLE payments(sale INTEGER, line INTEGER, method TEXT, amount INTEGER, "
        "PRIMARY KEY(sale, line)) WITHOUT ROWID;"
        "CREATE TABLE inventory_deltas(sale INTEGER, line INTEGER, sku TEXT, delta INTEGER, "
        "reason TEXT, PRIMARY KEY(sale, line)) WITHOUT ROWID");
    sale_ = prepare("INSERT INTO sales VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    item_ = prepare("INSERT INTO sale_items VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    payment_ = prepare("INSERT INTO payments VALUES(?, ?, ?, ?)");
    delta_ = prepare("INSERT INTO inventory_deltas VALUES(?, ?, ?, ?, 'SALE')");
  }
  void insert(const Entry& entry) {
    BareRows::insert(entry);
    wire::Sale sale;
    sale.ParseFromString(entry.envelope.body);
    const sqlite3_int64 id = ++sales_;
    sqlite3_bind_int64(sale_, 1, id);
    blob(sale_, 2, entry.envelope.id.journal.view());
    sqlite3_bind_int64(sale_, 3, static_cast<sqlite3_int64>(entry.envelope.id.number));
    sqlite3_bind_int64(sale_, 4, entry.envelope.business_date);
    text(sale_, 5, sale.currency());
    sqlite3_bind_int64(sale_, 6, sale.total_minor());
    sqlite3_bind_int64(sale_, 7, sale.tax_minor());
    text(sale_, 8, sale.cashier());
    step(sale_);
    for (int i = 0; i < sale.lines_size(); ++i) insert_line(id, i, sale.lines(i));
    sqlite3_bind_int64(payment_, 1, id);
    sqlite3_bind_int64(payment_, 2, 0);
    text(payment_, 3, sale.payments(0).method());
    sqlite3_bind_int64(payment_, 4, sale.payments(0).amount_minor());
    step(payment_);
  }

 private:
  void insert_line(sqlite3_int64 sale, int index, const wire::Line& line) {
    sqlite3_bind_int64(item_, 1, sale);
    sqlite3_bind_int64(item_, 2, index);
    text(item_, 3, line.sku());
    text(item_, 4, line.description());
    sqlite3_bind_int64(item_, 5, line.quantity().value());
    sqlite3_bind_int64(item_, 6, line.charged_unit_price().amount());
    sqlite3_bind_int64(item_, 7, line.tax_minor());
    sqlite3_bind_int64(item_, 8, line.total_minor());
    step(item_);
    sqlite3_bind_int64(delta_, 1, sale);
    sqlite3_bind_int64(delta_, 2, index);
    text(delta_, 3, line.sku());
    sqlite3_bind_int64(delta_, 4, -line.quantity().value());
    step(delta_);
  }

  sqlite3_int64 sales_ = 0;
  sqlite3_stmt* sale_;
  sqlite3_stmt* item_;
  sqlite3_stmt* payment_;
  sqlite3_stmt* delta_;
};

std::unique_ptr<SqliteStore> open_store(const std::string& path, const Shop& shop,
                                        const Codec& codec) {
  StoreOptions options;
  options.path = path;
  return must(SqliteStore::open(options, {"acme", "london-1", shop.device(0), {}}, codec));
}

StoreRequest request_of(std::vector<EntryPointer> entries) {
  StoreRequest request;
  request.entries = std::move(entries);
  return request;
}

void measure_single_commits(const std::string& folder, int commits, const Codec& codec) {
  std::printf("\nOne sale of %d lines a commit, durable (%d commits each, alternating)\n",
              lines_per_sale, commits);
  Shop shop(1);
  auto store = open_store(folder + "/single.sqlite3", shop, codec);
  BareRows rows(folder + "/rows.sqlite3");
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
    rows.insert(*entry);
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
  note("sale commit: p99 against the same row",
       figures["sale commit: journal store p99"] /
           figures["sale commit: bare SQLite, the same row p99"],
       "x");
  note("sale commit: upkeep in idle moments, longest", quantile(idle, 1.0), "us");
}

void measure_group_commits(const std::string& folder, const Codec& codec) {
  constexpr int group = 50;
  constexpr int groups = 400;
  std::printf("\nGroup commit: %d sales of 10 tills a commit, flat out\n", group);
  Shop shop(2);
  auto store = open_store(folder + "/group.sqlite3", shop, codec);
  BareRows rows(folder + "/group-rows.sqlite3");
  BareTables tables(folder + "/group-tables.sqlite3");
  const auto bare = [](auto& database, const std::vector<EntryPointer>& entries) {
    database.run("BEGIN IMMEDIATE");
    for (const auto& entry : entries) database.insert(*entry);
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
      {"bare SQLite, the same rows", [&](const auto& entries) { bare(rows, entries); }},
      {"bare SQLite, 13 rows a sale as tables",
       [&](const auto& entries) { bare(tables, entries); }},
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
    note(name + ", a sale", one.wall / (group * groups), "us");
    note(name + ", processor a sale", one.cpu / (group * groups), "us");
    note(name + ", p99 of a commit", quantile(one.times, 0.99), "us");
  }

  std::printf("\nThe same %d sales, asked afterwards\n", group * groups);
  SQLite::Database& database = store->connection().database();
  const auto view_time = [&](const char* sql) {
    const double start = cpu_microseconds();
    database.execAndGet(sql);
    return cpu_microseconds() - start;
  };
  note("a day's total: view, processor",
       view_time("SELECT sum(total_minor) FROM sales WHERE business_date = "
                 "20111006"),
       "us");
  note("a day's total: table, processor",
       tables.processor_time_of("SELECT sum(total) FROM sales WHERE business_date = 20111006"),
       "us");
  note("units sold by sku: view, processor",
       view_time("SELECT sum(n) FROM (SELECT sku, sum(quantity_value) AS n FROM sale_items "
                 "GROUP BY sku)"),
       "us");
  note("units sold by sku: table, processor",
       tables.processor_time_of("SELECT sku, sum(quantity) FROM sale_items GROUP BY sku"), "us");
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
    note(name, microseconds_since(start) / 1000, "ms");
    note(std::string(name) + ", processor", (cpu_microseconds() - cpu_before) / 1000, "ms");
    if (state.vector.entry_count() != entries) std::exit(1);
  };
  load("load: everything replayed");
  const double cpu_before = cpu_microseconds();
  const auto start = Clock::now();
  while (must(store->checkpoint_if_idle())) {
  }
  note("fold: an entry", microseconds_since(start) / static_cast<double>(entries), "us");
  note("fold: an entry, processor",
       (cpu_microseconds() - cpu_before) / static_cast<double>(entries), "us");
  load("load: folded");
  store.reset();
  const auto opening = Clock::now();
  store = open_store(path, shop, codec);
  note("open", microseconds_since(opening) / 1000, "ms");
  load("load: folded, after opening");
  note("file, bytes an entry",
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
    note(name, microseconds_since(start) / 1000, "ms");
    note(name + ", processor", (cpu_microseconds() - cpu_at_start) / 1000, "ms");
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
  note("products: import of all", microseconds_since(start) / 1000, "ms");
  note("products: import of all, processor", (cpu_microseconds() - cpu_at_start) / 1000, "ms");
  note("products: longest commit of 500", quantile(commits, 1.0) / 1000, "ms");
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
    note(std::string(name) + ", processor mean", (cpu_microseconds() - cpu_before) / 1000, "us");
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

  std::string own = folder + "/titan-sqlite-bench-XXXXXX";
  if (mkdtemp(own.data()) == nullptr) {
    std::fprintf(stderr, "cannot make a folder in %s\n", folder.c_str());
    return 1;
  }
  const WireCodec codec;
  measure_single_commits(own, commits, codec);
  measure_group_commits(own, codec);
  measure_products(own, codec);
  measure_load(own, entries, codec);
  note("memory of this process, MB", resident_megabytes(), "MB");
  std::filesystem::remove_all(own);

  if (!json.empty()) {
    std::ofstream out(json);
    out << "{\n";
    std::size_t left = figures.size();
    for (const auto& [name, value] : figures) {
      out << "  \"" << name << "\": " << value << (--left > 0 ? ",\n" : "\n");
    }
    out << "}\n";
    if (!out) {
      std::fprintf(stderr, "cannot write %s\n", json.c_str());
      return 1;
    }
  }
  return 0;
}
