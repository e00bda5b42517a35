// Fills the data folder of a till with what a store gathers over the years: products, and months of
// sales of many tills, one journal a till and day, as each morning's start opens one.
//
//   make_history --data DIR --tenant T --store S --products N --tills N --days N --sales-a-day N
//
// The till must not run; its journal must be empty or not there. The entries carry no signatures:
// whoever reads them from the disk checks none, and signing them would take hours. So only the till
// itself may use them; a peer would refuse them. Run by qa/bench/run.py.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "mesh/journal/idempotency.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "mesh/wire/wire_codec.h"
#include "pos-node/storage/data_folder.h"
#include "proto/entry.pb.h"
#include "qa/bench/support/program.h"

namespace {

using namespace titan;
using titan::bench::fail;
namespace wire = titan::entry::v1;

constexpr int lines_per_sale = 5;
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
  History(const Size& size, mesh::SqliteStore& store) : size_(size), store_(store), random_(7) {
    for (int till = 0; till < size.tills; ++till) {
      keys_.push_back(KeyPair::from_seed(SecretSeed::draw(random_)));
    }
  }

  void write() {
    open_journal(0, 0);
    for (std::uint64_t product = 0; product < size_.products; product += products_per_entry) {
      add(0, products(product));
    }
    for (int day = 0; day < size_.days; ++day) {
      for (int till = 0; till < size_.tills; ++till) {
        open_journal(till, day);
        for (int n = 0; n < size_.sales_a_day; ++n) add(till, sale());
      }
    }
    commit();
  }

  std::uint64_t entries() const { return entries_; }
  std::uint64_t journals() const { return journals_; }

 private:
  void open_journal(int till, int day) {
    ++journals_;
    tail_ = {JournalId::draw(random_), 0, {}};
    time_.utc_ms = first_day_ms + day * day_ms + till;
    process_ = ProcessId::draw(random_);
  }

  mesh::Envelope sale() {
    wire::Sale body;
    body.set_currency("GBP");
    body.set_exponent(2);
    body.set_cashier("c-07");
    mesh::Envelope envelope;
    for (int i = 0; i < lines_per_sale; ++i) {
      const std::string sku = sku_of(random_.below(size_.products));
      wire::Line& line = *body.add_lines();
      line.set_sku(sku);
      line.set_description("WHITE HANGING HEART T-LIGHT HOLDER");
      line.mutable_quantity()->set_value(2);
      line.mutable_charged_unit_price()->set_amount(255);
      line.mutable_charged_unit_price()->set_exponent(2);
      line.set_tax_code("S");
      line.set_tax_rate_basis_points(2000);
      line.set_tax_minor(85);
      line.set_total_minor(510);
      envelope.stock_effects.push_back({sku, 0, 2'000'000});
    }
    body.set_total_minor(510 * lines_per_sale);
    body.set_tax_minor(85 * lines_per_sale);
    envelope.kind = mesh::Kind::sale;
    envelope.body = body.SerializeAsString();
    envelope.idempotency_key = "history-" + std::to_string(entries_);
    envelope.request_hash = blake2b(envelope.idempotency_key);
    return envelope;
  }

  mesh::Envelope products(std::uint64_t first) {
    wire::Products body;
    for (std::uint64_t i = first; i < first + products_per_entry && i < size_.products; ++i) {
      wire::Product& product = *body.add_products();
      product.set_sku(sku_of(i));
      product.set_description("WHITE HANGING HEART LANTERN " + std::to_string(i));
      product.add_gtins(std::to_string(5'000'000'000'000 + i));
      product.set_brand("BRAND" + std::to_string(i % 300));
      product.mutable_price()->set_amount(255);
      product.mutable_price()->set_exponent(2);
      product.set_currency("GBP");
      product.set_tax_code("S");
    }
    mesh::Envelope envelope;
    envelope.kind = mesh::Kind::product;
    envelope.body = body.SerializeAsString();
    return envelope;
  }

  void add(int till, mesh::Envelope envelope) {
    const auto& key = keys_[static_cast<std::size_t>(till)].public_key;
    const std::string terminal = "till-" + std::to_string(till + 1);
    envelope.id = {tail_.journal, tail_.number + 1};
    envelope.previous_hash = tail_.hash;
    envelope.device = device_of(key);
    envelope.time = time_;
    time_.utc_ms += 1000;
    envelope.business_date = 20111006;
    envelope.logical_clock = static_cast<std::uint64_t>(envelope.time.utc_ms) << 16;
    if (envelope.kind == mesh::Kind::sale) {
      envelope.receipt = mesh::Receipt{terminal, envelope.id.number};
      envelope.claim =
          mesh::request_claim(envelope.device, envelope.request_hash, envelope.idempotency_key);
    }
    if (envelope.id.number == 1) {
      envelope.opening.emplace();
      envelope.opening->process = process_;
      envelope.opening->device_public_key = key;
      envelope.opening->tenant_store = mesh::tenant_store_hash(size_.tenant, size_.store);
      envelope.opening->terminal = terminal;
    }
    auto entry = std::make_shared<mesh::Entry>();
    entry->envelope_bytes = codec_.encode_envelope(envelope);
    entry->bytes = codec_.encode_signed_entry(entry->envelope_bytes, Signature{});
    entry->hash = blake2b(entry->bytes);
    entry->envelope = std::move(envelope);
    tail_.number = entry->envelope.id.number;
    tail_.hash = entry->hash;
    ++entries_;
    request_.entries.push_back(std::move(entry));
    if (request_.entries.size() >= entries_per_commit) commit();
  }

  void commit() {
    if (const Status stored = store_.commit(request_); !stored) fail(stored.error().message);
    request_.entries.clear();
  }

  const Size size_;
  mesh::SqliteStore& store_;
  mesh::WireCodec codec_;
  Random random_;
  std::vector<KeyPair> keys_;
  mesh::JournalTail tail_;
  ProcessId process_;
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

  const auto folder = pos::DataFolder::open(data, size.tenant, size.store);
  if (!folder) fail(folder.error().message);
  mesh::WireCodec codec;
  mesh::StoreIdentity identity{
      size.tenant, size.store, device_of(folder->device_key().public_key), {}};
  mesh::StoreOptions options;
  options.path = folder->file("titan.sqlite3");
  auto store = mesh::SqliteStore::open(options, identity, codec);
  if (!store) fail(store.error().message);
  History history(size, **store);
  history.write();
  // The nightly idle moments fold; a till that starts in the morning finds it done.
  for (bool more = true; more;) {
    const auto worked = (*store)->checkpoint_if_idle();
    if (!worked) fail(worked.error().message);
    more = *worked;
  }
  if (const Status closed = (*store)->close(); !closed) fail(closed.error().message);
  std::printf(R"({"entries":%llu,"journals":%llu})"
              "\n",
              static_cast<unsigned long long>(history.entries()),
              static_cast<unsigned long long>(history.journals()));
  return 0;
}
