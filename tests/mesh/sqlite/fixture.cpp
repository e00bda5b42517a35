#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "mesh/journal/idempotency.h"
#include "mesh/wire/product_list.h"

namespace titan::mesh::testing {
namespace wire = titan::entry::v1;

const WireCodec& codec() {
  static const WireCodec shared;
  return shared;
}

KeyPair key_of(std::uint64_t seed) {
  Random random(seed);
  return KeyPair::from_seed(SecretSeed::draw(random));
}

DeviceId device_of_seed(std::uint64_t seed) {
  return seed == 0 ? DeviceId{} : device_of(key_of(seed).public_key);
}

TempFolder::TempFolder(Place place) {
  std::filesystem::path parent = std::filesystem::temp_directory_path();
  if (place == Place::memory && access("/dev/shm", W_OK) == 0) parent = "/dev/shm";
  std::string name = (parent / "titan-sqlite-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

namespace {

std::uint64_t next_process_seed() {
  static std::uint64_t seed = 1000;
  return ++seed;
}

std::vector<crdt::StockEffect> effects_of(const std::vector<Item>& items, bool comes_back) {
  std::vector<crdt::StockEffect> effects;
  for (const Item& item : items) {
    const auto units = static_cast<std::uint64_t>(item.pieces) * crdt::stock_units_per_piece;
    effects.push_back({item.sku, comes_back ? units : 0, comes_back ? 0 : units});
  }
  return effects;
}

wire::Sale sale_body(const std::vector<Item>& items) {
  wire::Sale sale;
  sale.set_currency("GBP");
  sale.set_exponent(2);
  sale.set_cashier("c-07");
  std::int64_t total = 0;
  for (const Item& item : items) {
    wire::Line& line = *sale.add_lines();
    line.set_sku(item.sku);
    line.set_description("ARTICLE " + item.sku);
    line.mutable_quantity()->set_value(item.pieces);
    line.mutable_list_unit_price()->set_amount(255);
    line.mutable_list_unit_price()->set_exponent(2);
    line.mutable_charged_unit_price()->set_amount(255);
    line.mutable_charged_unit_price()->set_exponent(2);
    line.set_tax_code("S");
    line.set_tax_rate_basis_points(2000);
    line.set_tax_included(true);
    line.set_total_minor(255 * item.pieces);
    total += line.total_minor();
  }
  wire::Payment& payment = *sale.add_payments();
  payment.set_method("cash");
  payment.set_currency("GBP");
  payment.set_exponent(2);
  payment.set_amount_minor(total + 45);
  payment.set_change_minor(45);
  sale.set_total_minor(total);
  sale.set_tax_minor(total / 6);
  return sale;
}

void set_reference(wire::EntryReference& reference, const Entry& entry) {
  reference.set_journal(std::string(entry.envelope.id.journal.view()));
  reference.set_number(entry.envelope.id.number);
  reference.set_hash(std::string(entry.hash.view()));
}

}  // namespace

Till::Till(std::uint64_t seed, JournalTail predecessor, std::uint64_t last_receipt,
           std::uint64_t logical_clock)
    : key_(key_of(seed)), random_(std::make_unique<Random>(next_process_seed())) {
  JournalWriterConfig config;
  config.terminal = "till-" + std::to_string(seed);
  config.tenant_store = tenant_store_hash("acme", "london-1");
  const ProcessId process = ProcessId::draw(*random_);
  writer_ = std::make_unique<JournalWriter>(codec(), key_, process, config, predecessor,
                                            last_receipt, logical_clock, *random_);
}

EntryPointer Till::write(EntryDraft draft) {
  draft.time.utc_ms = utc_ms++;
  draft.business_date = business_date;
  draft.clock_quality = ClockQuality::synchronised;
  auto entry = writer_->write(draft);
  REQUIRE(entry.has_value());
  return *entry;
}

EntryPointer Till::sale(const std::vector<Item>& items, const std::string& idempotency_key) {
  EntryDraft draft;
  draft.kind = Kind::sale;
  draft.body = sale_body(items).SerializeAsString();
  draft.stock_effects = effects_of(items, false);
  draft.idempotency_key = idempotency_key;
  if (!idempotency_key.empty()) draft.request_hash = blake2b(draft.body);
  draft.wants_receipt = true;
  return write(std::move(draft));
}

EntryPointer Till::sale_without_claim(const std::vector<Item>& items,
                                      const std::string& idempotency_key) {
  // Signed anew without the claim; its writer goes on behind it.
  const EntryPointer with_claim = sale(items, idempotency_key);
  Entry entry = *with_claim;
  entry.envelope.claim = {};
  entry.envelope_bytes = codec().encode_envelope(entry.envelope);
  entry.signature = sign(key_, signed_part(entry.envelope_bytes));
  entry.bytes = codec().encode_signed_entry(entry.envelope_bytes, entry.signature);
  entry.hash = blake2b(entry.bytes);
  return std::make_shared<const Entry>(std::move(entry));
}

EntryPointer Till::transfer_in(const std::string& transfer, const std::vector<Item>& items) {
  EntryDraft draft;
  draft.kind = Kind::transfer_in;
  draft.body = wire::StockMovement().SerializeAsString();
  draft.stock_effects = effects_of(items, true);
  draft.claim = blake2b("transfer " + transfer);
  return write(std::move(draft));
}

EntryPointer Till::refund(const Entry& original, const std::vector<Item>& items) {
  wire::Refund body;
  *body.mutable_sale() = sale_body(items);
  set_reference(*body.mutable_original(), original);
  body.set_reason("broken");
  EntryDraft draft;
  draft.kind = Kind::refund;
  draft.body = body.SerializeAsString();
  draft.stock_effects = effects_of(items, true);
  draft.wants_receipt = true;
  return write(std::move(draft));
}

EntryPointer Till::void_sale(const Entry& original) {
  wire::Void body;
  set_reference(*body.mutable_original(), original);
  body.set_reason("typed wrong");
  body.set_cashier("c-07");
  EntryDraft draft;
  draft.kind = Kind::void_sale;
  draft.body = body.SerializeAsString();
  for (const crdt::StockEffect& effect : original.envelope.stock_effects) {
    draft.stock_effects.push_back({effect.product, effect.removed, effect.added});
  }
  draft.claim = void_claim(original);
  return write(std::move(draft));
}

EntryPointer Till::delivery(const std::string& sku, std::uint64_t pieces) {
  wire::StockMovement body;
  body.set_document("note 7");
  EntryDraft draft;
  draft.kind = Kind::delivery;
  draft.body = body.SerializeAsString();
  draft.stock_effects = {{sku, pieces * crdt::stock_units_per_piece, 0}};
  return write(std::move(draft));
}

EntryPointer Till::products(const std::vector<wire::Product>& products) {
  wire::Products body;
  for (const wire::Product& one : products) *body.add_products() = one;
  EntryDraft draft;
  draft.kind = Kind::product;
  draft.body = body.SerializeAsString();
  return write(std::move(draft));
}

std::vector<EntryPointer> Till::product_list(const std::vector<wire::Product>& products,
                                             std::uint64_t list) {
  wire::Products body;
  for (const wire::Product& one : products) *body.add_products() = one;
  Random random(list);
  const auto unit = must(make_list_unit(ListId::draw(random), body.SerializeAsString(),
                                        static_cast<std::uint32_t>(products.size())));
  std::vector<EntryPointer> entries;
  EntryDraft draft;
  for (const Bytes& part : unit.parts) {
    draft.kind = Kind::product_list_part;
    draft.body = part;
    entries.push_back(write(draft));
  }
  draft.kind = Kind::product_list;
  draft.body = unit.head;
  entries.push_back(write(draft));
  return entries;
}

EntryPointer Till::settings(const std::map<std::string, std::string>& values) {
  wire::Settings body;
  for (const auto& [name, value] : values) (*body.mutable_values())[name] = value;
  EntryDraft draft;
  draft.kind = Kind::setting;
  draft.body = body.SerializeAsString();
  return write(std::move(draft));
}

EntryPointer Till::user(const std::string& id, const std::string& display) {
  wire::Users body;
  wire::User& user = *body.add_users();
  user.set_id(id);
  user.set_display(display);
  EntryDraft draft;
  draft.kind = Kind::user;
  draft.body = body.SerializeAsString();
  return write(std::move(draft));
}

wire::Product product(const std::string& sku, const std::string& description, std::int64_t price,
                      const std::vector<std::string>& gtins) {
  wire::Product value;
  value.set_sku(sku);
  value.set_description(description);
  if (price != 0) {
    value.mutable_price()->set_amount(price);
    value.mutable_price()->set_exponent(2);
    value.set_currency("GBP");
  }
  for (const std::string& gtin : gtins) value.add_gtins(gtin);
  return value;
}

StoreRequest request_of(std::vector<EntryPointer> entries) {
  static std::uint64_t id = 0;
  StoreRequest request;
  request.id = ++id;
  request.entries = std::move(entries);
  return request;
}

StoreIdentity identity(std::uint64_t device_seed, std::uint64_t cloud_seed) {
  return {"acme", "london-1", device_of_seed(device_seed), device_of_seed(cloud_seed)};
}

std::unique_ptr<SqliteStore> open_store(const std::string& path, std::uint64_t device_seed,
                                        std::uint64_t cloud_seed) {
  StoreOptions options;
  options.path = path;
  return must(SqliteStore::open(options, identity(device_seed, cloud_seed), codec()));
}

std::unique_ptr<SqliteStore> open_in_memory(std::uint64_t device_seed, std::uint64_t cloud_seed) {
  StoreOptions options;
  options.path = "memory";
  options.in_memory = true;
  return must(SqliteStore::open(options, identity(device_seed, cloud_seed), codec()));
}

void must(const Status& status) {
  if (!status) FAIL(to_string(status.error().code) << ": " << status.error().message);
}

std::vector<std::string> column(SqliteStore& store, const std::string& sql) {
  SQLite::Statement statement(store.connection().database(), sql);
  std::vector<std::string> values;
  while (statement.executeStep()) values.push_back(statement.getColumn(0).getString());
  return values;
}

std::optional<IdempotencyRecord> key_in(SqliteStore& store, const std::string& key) {
  return must(must(store.open_reader())->find_key(key));
}

std::int64_t number(SqliteStore& store, const std::string& sql) {
  return store.connection().single_number(sql);
}

void require_same(const StoredState& a, const StoredState& b) {
  REQUIRE(a.vector == b.vector);
  REQUIRE(a.vector.root() == b.vector.root());
  REQUIRE(a.stock.sums() == b.stock.sums());
  REQUIRE(a.stock.claims() == b.stock.claims());
  REQUIRE(a.stock.digest() == b.stock.digest());
  REQUIRE(a.devices == b.devices);
  REQUIRE(a.promise == b.promise);
  REQUIRE(a.members == b.members);
  REQUIRE(a.watermark == b.watermark);
  REQUIRE(a.last_journal == b.last_journal);
  REQUIRE(a.last_number == b.last_number);
  REQUIRE(a.last_hash == b.last_hash);
  REQUIRE(a.last_receipt_number == b.last_receipt_number);
  REQUIRE(a.logical_clock == b.logical_clock);
  REQUIRE(a.keys == b.keys);
  const auto by_hash = [](std::vector<DuplicateRecord> all) {
    std::sort(all.begin(), all.end(), [](const DuplicateRecord& x, const DuplicateRecord& y) {
      return x.extra_hash < y.extra_hash;
    });
    return all;
  };
  REQUIRE(by_hash(a.duplicates) == by_hash(b.duplicates));
  REQUIRE(by_hash(a.reused_keys) == by_hash(b.reused_keys));
  a.vector.check_invariants();
  a.stock.check_invariants();
}

}  // namespace titan::mesh::testing
