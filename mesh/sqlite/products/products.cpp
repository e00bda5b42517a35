#include "mesh/sqlite/products/products.h"

#include <algorithm>

#include "mesh/entry/code_key.h"
#include "proto/entry.pb.h"

namespace titan::mesh {
namespace {

namespace wire = titan::entry::v1;

enum Layer : int { feed_layer = 0, store_layer = 1, clearing_layer = 2 };

void put_big_endian(Bytes& bytes, std::uint64_t value, int size) {
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

// (logical clock, journal id) decides; hash and place within the entry only make sure that a forked
// journal and a sku named twice in one entry have one outcome whatever arrives first.
Bytes stamp_of(std::uint64_t logical_clock, const JournalId& journal, const Hash& hash,
               std::size_t index) {
  Bytes stamp;
  put_big_endian(stamp, logical_clock, 8);
  stamp += journal.view();
  stamp += hash.view().substr(0, 8);
  put_big_endian(stamp, index, 4);
  return stamp;
}
Bytes stamp_of(const Entry& entry, std::size_t index) {
  return stamp_of(entry.envelope.logical_clock, entry.envelope.id.journal, entry.hash, index);
}

template <class Body>
bool parse(const Bytes& bytes, Body& body) {
  return body.ParseFromString(bytes);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : " ") + text;
  return all;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

constexpr std::string_view select_by_sku =
    "SELECT sku, gtins, description, brand, price_amount, price_exponent, currency, unit, "
    "tax_code, tax_rate_basis_points, tax_included, delisted, price_version, low_stock_micro, "
    "category, overridden, taxes FROM products WHERE sku = ?";
constexpr std::string_view select_by_gtin =
    "SELECT sku, p.gtins, description, brand, price_amount, price_exponent, currency, unit, "
    "tax_code, tax_rate_basis_points, tax_included, delisted, price_version, low_stock_micro, "
    "category, overridden, taxes FROM product_gtins g JOIN products p ON p.id = g.product "
    "WHERE g.gtin = ? ORDER BY p.sku";
constexpr std::string_view select_list =
    "SELECT sku, gtins, description, brand, price_amount, price_exponent, currency, unit, "
    "tax_code, tax_rate_basis_points, tax_included, delisted, price_version, low_stock_micro, "
    "category, overridden, taxes FROM products WHERE sku > ? ORDER BY sku LIMIT ?";
StoredProduct product_at(const Use& row) {
  StoredProduct product;
  product.sku = row.bytes_at(0);
  product.gtins = split(row.view_at(1));
  product.description = row.bytes_at(2);
  product.brand = row.bytes_at(3);
  if (!row.is_null_at(4)) {
    product.price = UnitPrice{row.integer_at(4), static_cast<std::uint32_t>(row.integer_at(5))};
  }
  product.currency = row.bytes_at(6);
  product.unit = row.bytes_at(7);
  product.tax_code = row.bytes_at(8);
  product.tax_rate_basis_points = static_cast<std::uint32_t>(row.integer_at(9));
  product.tax_included = row.integer_at(10) != 0;
  product.delisted = row.integer_at(11) != 0;
  product.price_version = row.bytes_at(12);
  if (!row.is_null_at(13)) product.low_stock_micro = row.integer_at(13);
  product.category = row.bytes_at(14);
  product.overridden = row.integer_at(15) != 0;
  wire::Product taxed;
  if (!row.view_at(16).empty() && taxed.ParseFromString(row.bytes_at(16))) {
    for (const wire::ProductTax& tax : taxed.taxes()) {
      product.taxes.push_back({tax.code(), tax.rate_micropercent(), tax.exempt()});
    }
  }
  return product;
}

}  // namespace

void ProductProjection::apply(const Entry& entry, std::int64_t position) {
  switch (entry.envelope.kind) {
    case Kind::product:
      return apply_products(entry);
    case Kind::setting:
      return apply_settings(entry);
    case Kind::user:
      return apply_users(entry);
    case Kind::product_list_part:
      return apply_list_part(entry, position);
    case Kind::product_list:
      return apply_list_head(entry, position);
    default:
      return;
  }
}

void ProductProjection::clear() {
  connection_.execute(
      "DELETE FROM layers; DELETE FROM products; DELETE FROM product_gtins;"
      "DELETE FROM product_lists; DELETE FROM product_list_parts;"
      "INSERT INTO product_search(product_search) VALUES('rebuild');");
}

ProductProjection::Writer ProductProjection::writer_of(const Entry& entry) const {
  const bool is_feed = !cloud_device_.is_none() && entry.envelope.device == cloud_device_;
  return {entry.envelope.logical_clock, entry.envelope.id.journal, entry.hash, is_feed};
}

void ProductProjection::apply_products(const Entry& entry) {
  wire::Products body;
  if (!parse(entry.envelope.body, body)) return;
  const Writer writer = writer_of(entry);
  std::size_t index = 0;
  for (const wire::Product& product : body.products()) {
    apply_product(writer, index++, product.SerializeAsString());
  }
}

void ProductProjection::apply_product(const Writer& writer, std::size_t index,
                                      BytesView serialised) {
  wire::Product product;
  if (!product.ParseFromArray(serialised.data(), static_cast<int>(serialised.size()))) return;
  const Bytes stamp = stamp_of(writer.logical_clock, writer.journal, writer.hash, index);
  bool changed = put_layer(Kind::product, product.sku(), writer.is_feed ? feed_layer : store_layer,
                           stamp, Bytes(serialised));
  if (writer.is_feed && product.clears_override()) {
    changed |= put_layer(Kind::product, product.sku(), clearing_layer, stamp, {});
  }
  if (changed) show(product.sku());
}

void ProductProjection::apply_settings(const Entry& entry) {
  wire::Settings body;
  if (!parse(entry.envelope.body, body)) return;
  const bool from_feed = !cloud_device_.is_none() && entry.envelope.device == cloud_device_;
  for (const auto& [name, value] : body.values()) {
    put_layer(Kind::setting, name, from_feed ? feed_layer : store_layer, stamp_of(entry, 0), value);
  }
}

void ProductProjection::apply_users(const Entry& entry) {
  wire::Users body;
  if (!parse(entry.envelope.body, body)) return;
  const bool from_feed = !cloud_device_.is_none() && entry.envelope.device == cloud_device_;
  std::size_t index = 0;
  for (const wire::User& user : body.users()) {
    put_layer(Kind::user, user.id(), from_feed ? feed_layer : store_layer, stamp_of(entry, index++),
              user.SerializeAsString());
  }
}

bool ProductProjection::put_layer(Kind kind, const std::string& name, int layer, const Bytes& stamp,
                                  const Bytes& value) {
  Use use = connection_.use(
      "INSERT INTO layers(kind, name, layer, stamp, value) VALUES(?, ?, ?, ?, ?) "
      "ON CONFLICT(kind, name, layer) DO UPDATE SET stamp = excluded.stamp, value = excluded.value "
      "WHERE excluded.stamp > stamp");
  return use.integer(1, static_cast<std::int64_t>(kind))
             .text(2, name)
             .integer(3, layer)
             .blob(4, stamp)
             .blob(5, value)
             .run() > 0;
}

ProductProjection::Effective ProductProjection::effective(const std::string& sku) {
  Bytes stamps[3];
  Bytes values[3];
  Use rows = connection_.use("SELECT layer, stamp, value FROM layers WHERE kind = 9 AND name = ?");
  rows.text(1, sku);
  while (rows.step()) {
    const auto layer = rows.integer_at(0);
    if (layer < feed_layer || layer > clearing_layer) continue;
    stamps[layer] = rows.bytes_at(1);
    values[layer] = rows.bytes_at(2);
  }
  const bool overridden =
      !stamps[store_layer].empty() && stamps[store_layer] > stamps[clearing_layer];
  return {std::move(values[overridden ? store_layer : feed_layer]), overridden};
}

void ProductProjection::show(const std::string& sku) {
  const Effective now = effective(sku);
  wire::Product value;
  if (!parse(now.value, value)) return;

  const SearchText text{value.description(), sku,
                        joined({value.gtins().begin(), value.gtins().end()}), value.brand()};
  std::int64_t id = 0;
  std::optional<SearchText> before;
  {
    Use old = connection_.use("SELECT id, description, gtins, brand FROM products WHERE sku = ?");
    old.text(1, sku);
    if (old.step()) {
      id = old.integer_at(0);
      before = SearchText{old.bytes_at(1), sku, old.bytes_at(2), old.bytes_at(3)};
    }
  }
  put_row(now);
  if (!before) id = connection_.database().getLastInsertRowid();
  if (before == text) return;
  if (before) {
    index_text(id, *before, true);
    index_gtins(id, split(before->gtins), true);
  }
  index_text(id, text, false);
  index_gtins(id, split(text.gtins), false);
}

void ProductProjection::put_row(const Effective& effective) {
  wire::Product value;
  if (!parse(effective.value, value)) return;
  const std::string gtins = joined({value.gtins().begin(), value.gtins().end()});
  Use put = connection_.use(
      "INSERT INTO products(sku, description, gtins, brand, price_amount, price_exponent, "
      "currency, unit, tax_code, tax_rate_basis_points, tax_included, delisted, price_version, "
      "low_stock_micro, category, overridden, taxes) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT(sku) DO UPDATE SET description = excluded.description, "
      "gtins = excluded.gtins, brand = excluded.brand, price_amount = excluded.price_amount, "
      "price_exponent = excluded.price_exponent, currency = excluded.currency, "
      "unit = excluded.unit, tax_code = excluded.tax_code, "
      "tax_rate_basis_points = excluded.tax_rate_basis_points, "
      "tax_included = excluded.tax_included, delisted = excluded.delisted, "
      "price_version = excluded.price_version, low_stock_micro = excluded.low_stock_micro, "
      "category = excluded.category, overridden = excluded.overridden, taxes = excluded.taxes");
  put.text(1, value.sku()).text(2, value.description()).text(3, gtins).text(4, value.brand());
  if (value.has_price()) {
    put.integer(5, value.price().amount()).integer(6, value.price().exponent());
  } else {
    put.null(5).null(6);
  }
  put.text(7, value.currency())
      .text(8, value.unit())
      .text(9, value.tax_code())
      .integer(10, value.tax_rate_basis_points())
      .integer(11, value.tax_included())
      .integer(12, value.delisted())
      .text(13, value.price_version())
      .text(15, value.category())
      .integer(16, effective.overridden);
  if (value.has_low_stock_micro()) {
    put.integer(14, value.low_stock_micro());
  } else {
    put.null(14);
  }
  wire::Product taxes;
  *taxes.mutable_taxes() = value.taxes();
  const Bytes tax_bytes = taxes.SerializeAsString();
  put.blob(17, tax_bytes).run();
}

// The search table holds no text of its own: to forget a product it must be told what it learnt.
void ProductProjection::index_text(std::int64_t product, const SearchText& text, bool remove) {
  Use use = connection_.use(
      remove ? std::string_view("INSERT INTO product_search(product_search, rowid, description, "
                                "sku, gtins, brand) VALUES('delete', ?, ?, ?, ?, ?)")
             : std::string_view("INSERT INTO product_search(rowid, description, sku, gtins, brand) "
                                "VALUES(?, ?, ?, ?, ?)"));
  use.integer(1, product)
      .text(2, text.description)
      .text(3, text.sku)
      .text(4, text.gtins)
      .text(5, text.brand)
      .run();
}

void ProductProjection::index_gtins(std::int64_t product, const std::vector<std::string>& gtins,
                                    bool remove) {
  for (const std::string& gtin : gtins) {
    const std::string key = code_key(gtin);
    Use use = connection_.use(
        remove
            ? std::string_view("DELETE FROM product_gtins WHERE gtin = ? AND product = ?")
            : std::string_view("INSERT OR IGNORE INTO product_gtins(gtin, product) VALUES(?, ?)"));
    use.text(1, key).integer(2, product).run();
  }
}

std::optional<StoredProduct> ProductQueries::product(const std::string& sku) {
  Use use = connection_.use(select_by_sku);
  use.text(1, sku);
  if (!use.step()) return std::nullopt;
  return product_at(use);
}

std::vector<StoredProduct> ProductQueries::products_by_gtin(std::string_view code) {
  const std::string key = code_key(code);
  Use use = connection_.use(select_by_gtin);
  use.text(1, key);
  std::vector<StoredProduct> found;
  while (found.size() < product_page_max && use.step()) found.push_back(product_at(use));
  return found;
}

ProductPage ProductQueries::list(std::size_t limit, const std::string& after) {
  limit = std::clamp<std::size_t>(limit, 1, product_page_max);
  Use use = connection_.use(select_list);
  use.text(1, after).integer(2, static_cast<std::int64_t>(limit) + 1);
  ProductPage page;
  while (use.step()) {
    if (page.products.size() == limit) {
      page.next = page.products.back().sku;
      break;
    }
    page.products.push_back(product_at(use));
  }
  return page;
}

std::uint64_t ProductQueries::count() {
  Use use = connection_.use("SELECT count(*) FROM products");
  use.step();
  return use.number_at(0);
}

std::optional<Bytes> ProductQueries::layer(const std::string& sku, int layer) {
  Use use = connection_.use("SELECT value FROM layers WHERE kind = 9 AND name = ? AND layer = ?");
  use.text(1, sku).integer(2, layer);
  if (!use.step()) return std::nullopt;
  return use.bytes_at(0);
}

std::map<std::string, std::string> ProductQueries::settings() {
  Use use = connection_.use("SELECT name, value FROM layers WHERE kind = 10 ORDER BY name, layer");
  std::map<std::string, std::string> values;
  while (use.step()) values[use.bytes_at(0)] = use.bytes_at(1);
  return values;
}

std::vector<Bytes> ProductQueries::users() {
  Use use = connection_.use("SELECT name, value FROM layers WHERE kind = 11 ORDER BY name, layer");
  std::map<std::string, Bytes> users;
  while (use.step()) users[use.bytes_at(0)] = use.bytes_at(1);
  std::vector<Bytes> values;
  for (auto& [id, value] : users) values.push_back(std::move(value));
  return values;
}

}  // namespace titan::mesh
