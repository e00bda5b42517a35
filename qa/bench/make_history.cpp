// Fills the data folder of a till with what a store gathers over the years: products, and months of
// sales of many tills, one journal a till and day, as each morning's start opens one.
//
//   make_history --data DIR --tenant T --store S --products N --tills N --days N --sales-a-day N
//
// The first of the tills is the folder's own. The till must not run; its journal must be empty or
// not there. Run by qa/bench/run.py and by tests.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "mesh/wire/wire_codec.h"
#include "pos-node/storage/data_folder.h"
#include "qa/bench/support/goods.h"
#include "qa/bench/support/history_journal.h"
#include "qa/bench/support/program.h"

namespace {

using namespace titan;
using namespace titan::bench;
namespace wire = titan::entry::v1;

constexpr std::size_t products_per_entry = 500;
constexpr std::size_t entries_per_commit = 2000;
constexpr std::int64_t first_day_ms = 1317888000000;  // 2011-10-06
constexpr std::int64_t day_ms = 86'400'000;

struct Size {
  std::string tenant = "acme";
  std::string store = "london-1";
  std::uint64_t products = 50'000;
  int tills = 30;
  int days = 90;
  int sales_a_day = 100;  // of each till
};

std::string sku_of(std::uint64_t product) {
  char text[32];
  std::snprintf(text, sizeof text, "P%05llu", static_cast<unsigned long long>(product));
  return text;
}

class History {
 public:
  History(const Size& size, const KeyPair& own_key, mesh::SqliteStore& store)
      : size_(size), store_(store), random_(7), keys_{own_key} {
    for (int till = 1; till < size.tills; ++till) {
      keys_.push_back(KeyPair::from_seed(SecretSeed::draw(random_)));
    }
    for (const KeyPair& key : keys_) request_.devices.push_back(key.public_key);
  }

  void write() {
    open_journal(0, 0);
    for (std::uint64_t product = 0; product < size_.products; product += products_per_entry) {
      add(products(product));
    }
    for (int day = 0; day < size_.days; ++day) {
      for (int till = 0; till < size_.tills; ++till) {
        open_journal(till, day);
        for (int n = 0; n < size_.sales_a_day; ++n) add(sale());
      }
    }
    commit();
  }

  std::uint64_t entries() const { return entries_; }
  std::uint64_t journals() const { return journals_; }

 private:
  void open_journal(int till, int day) {
    ++journals_;
    time_.utc_ms = first_day_ms + day * day_ms + till;
    const KeyPair& key = keys_[static_cast<std::size_t>(till)];
    const HistoryJournal::Owner owner{key.public_key, key, "till-" + std::to_string(till + 1),
                                      size_.tenant, size_.store};
    journal_.emplace(owner, random_);
  }

  mesh::Envelope sale() {
    mesh::Envelope envelope;
    envelope.kind = mesh::Kind::sale;
    wire::Sale body = open_sale();
    for (int i = 0; i < lines_per_sale; ++i) {
      const std::string sku = sku_of(random_.below(size_.products));
      *body.add_lines() = line_of(sku, "WHITE HANGING HEART T-LIGHT HOLDER", 2);
      envelope.stock_effects.push_back({sku, 0, 2'000'000});
    }
    add_totals(body);
    envelope.body = body.SerializeAsString();
    envelope.idempotency_key = "history-" + std::to_string(entries_);
    return envelope;
  }

  mesh::Envelope products(std::uint64_t first) {
    wire::Products body;
    for (std::uint64_t i = first; i < first + products_per_entry && i < size_.products; ++i) {
      wire::Product& product = *body.add_products();
      product = product_of(sku_of(i), "WHITE HANGING HEART LANTERN " + std::to_string(i), i);
      product.set_brand("BRAND" + std::to_string(i % 300));
    }
    mesh::Envelope envelope;
    envelope.kind = mesh::Kind::product;
    envelope.body = body.SerializeAsString();
    return envelope;
  }

  void add(mesh::Envelope envelope) {
    envelope.time = time_;
    time_.utc_ms += 1000;
    envelope.business_date = 20111006;
    request_.entries.push_back(journal_->write(std::move(envelope)));
    ++entries_;
    if (request_.entries.size() >= entries_per_commit) commit();
  }

  void commit() {
    must(store_.commit(request_));
    request_ = {};
  }

  const Size size_;
  mesh::SqliteStore& store_;
  Random random_;
  std::vector<KeyPair> keys_;
  std::optional<HistoryJournal> journal_;
  WallTime time_;
  mesh::StoreRequest request_;
  std::uint64_t entries_ = 0;
  std::uint64_t journals_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Fills a till's data folder with months of a store's entries"};
  std::string data;
  Size size;
  app.add_option("--data", data, "the till's data folder")->required();
  app.add_option("--tenant", size.tenant, "of the till's configuration");
  app.add_option("--store", size.store, "of the till's configuration");
  app.add_option("--products", size.products, "products of the catalogue");
  app.add_option("--tills", size.tills, "tills of the store");
  app.add_option("--days", size.days, "days of history");
  app.add_option("--sales-a-day", size.sales_a_day, "of each till");
  CLI11_PARSE(app, argc, argv);

  const auto folder = must(pos::DataFolder::open(data, size.tenant, size.store));
  mesh::WireCodec codec;
  mesh::StoreIdentity identity{
      size.tenant, size.store, device_of(folder.device_key().public_key), {}};
  mesh::StoreOptions options;
  options.path = folder.file("titan.sqlite3");
  const auto store = must(mesh::SqliteStore::open(options, identity, codec));
  History history(size, folder.device_key(), *store);
  history.write();
  // The nightly idle moments fold; a till that starts in the morning finds it done.
  while (must(store->checkpoint_if_idle())) {
  }
  must(store->close());
  std::printf(R"({"entries":%llu,"journals":%llu})"
              "\n",
              static_cast<unsigned long long>(history.entries()),
              static_cast<unsigned long long>(history.journals()));
  return 0;
}
