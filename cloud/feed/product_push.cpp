#include "cloud/feed/product_push.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "uplink/postgres/sql_values.h"

namespace titan::cloud {
namespace {

namespace json = boost::json;
using retail::Product;
using retail::ProductPatch;
using uplink::sql_text;

constexpr std::size_t products_a_query = 1000;

Product product_of(const pqxx::row& row) {
  Product product;
  product.set_sku(row["sku"].c_str());
  const json::value gtins = json::parse(row["gtins"].c_str());
  for (const auto& gtin : gtins.as_array()) {
    product.add_gtins(std::string(gtin.as_string()));
  }
  product.set_description(row["description"].c_str());
  product.set_brand(row["brand"].c_str());
  product.set_category(row["category"].c_str());
  if (row["has_price"].as<bool>()) {
    product.mutable_price()->set_amount(row["price"].as<std::int64_t>());
    product.mutable_price()->set_exponent(row["price_exponent"].as<std::uint32_t>());
  }
  product.set_currency(row["currency"].c_str());
  product.set_unit(row["unit"].c_str());
  product.set_tax_code(row["tax_code"].c_str());
  product.set_tax_rate_basis_points(row["tax_rate_basis_points"].as<std::uint32_t>());
  const json::value taxes = json::parse(row["taxes"].c_str());
  for (const auto& value : taxes.as_array()) {
    const auto& tax = value.as_object();
    auto& out = *product.add_taxes();
    out.set_code(std::string(tax.at("code").as_string()));
    out.set_rate_micropercent(tax.at("rate_micropercent").to_number<std::uint32_t>());
    out.set_exempt(tax.at("exempt").as_bool());
  }
  product.set_tax_included(row["tax_included"].as<bool>());
  product.set_delisted(row["delisted"].as<bool>());
  product.set_price_version(row["price_version"].c_str());
  if (!row["low_stock_micro"].is_null()) {
    product.set_low_stock_micro(row["low_stock_micro"].as<std::int64_t>());
  }
  return product;
}

// Calls `read` with "sku IN (...)" for a few skus at a time.
template <class Read>
void for_each_chunk(const std::vector<ProductPatch>& patches, Read&& read) {
  for (std::size_t begin = 0; begin < patches.size(); begin += products_a_query) {
    const std::size_t end = std::min(patches.size(), begin + products_a_query);
    std::string skus;
    for (std::size_t i = begin; i < end; ++i) {
      skus += (skus.empty() ? "" : ",") + sql_text(patches[i].said.sku());
    }
    read("sku IN (" + skus + ")");
  }
}

ProductsBySku feed_products(pqxx::transaction_base& transaction, const std::string& store,
                            const std::vector<ProductPatch>& patches) {
  ProductsBySku products;
  for_each_chunk(patches, [&](const std::string& of_these) {
    const auto rows = transaction.exec(
        "SELECT sku, array_to_json(gtins) AS gtins, description, brand, category, has_price, "
        "price, price_exponent, currency, unit, tax_code, tax_rate_basis_points, taxes, "
        "tax_included, delisted, price_version, low_stock_micro FROM product_layers WHERE store "
        "= " +
        sql_text(store) + " AND from_feed AND " + of_these);
    for (const auto& row : rows) products.emplace(row["sku"].c_str(), product_of(row));
  });
  return products;
}

}  // namespace

ProductsBySku change_tenant_products(pqxx::transaction_base& transaction, const ProductPush& push) {
  const auto& patches = push.list.products;
  ProductsBySku products;
  for_each_chunk(patches, [&](const std::string& of_these) {
    for (const auto& row :
         transaction.exec("SELECT sku, product FROM tenant_products WHERE " + of_these)) {
      Product product;
      if (push.replaces || !product.ParseFromString(pqxx::binarystring(row[1]).str())) continue;
      products.emplace(row[0].c_str(), std::move(product));
    }
  });
  uplink::SqlRows rows;
  for (const ProductPatch& patch : patches) {
    const auto base = products.find(patch.said.sku());
    Product product = retail::patched(patch, base == products.end() ? nullptr : &base->second, "");
    rows.begin_row().text(patch.said.sku()).bytes(product.SerializeAsString()).end_row();
    products[patch.said.sku()] = std::move(product);
  }
  if (rows.empty()) return products;
  transaction.exec("INSERT INTO tenant_products (sku, product) VALUES " + rows.sql() +
                   " ON CONFLICT (sku) DO UPDATE SET product = excluded.product, changed = now()");
  return products;
}

std::vector<Bytes> changed_store_products(pqxx::transaction_base& transaction,
                                          const std::string& store, const ProductPush& push,
                                          const ProductsBySku& tenant) {
  const auto& patches = push.list.products;
  const ProductsBySku feed =
      push.replaces ? ProductsBySku() : feed_products(transaction, store, patches);
  std::vector<Bytes> changed;
  changed.reserve(patches.size());
  for (const ProductPatch& patch : patches) {
    const auto known = feed.find(patch.said.sku());
    const auto common = tenant.find(patch.said.sku());
    if (known == feed.end() && common != tenant.end()) {
      changed.push_back(common->second.SerializeAsString());
      continue;
    }
    const Product* base = known == feed.end() ? nullptr : &known->second;
    changed.push_back(retail::patched(patch, base, "").SerializeAsString());
  }
  return changed;
}

std::string Overridden::warning() const {
  if (products == 0) return "";
  return std::to_string(products) +
         (products == 1 ? " listed product has" : " listed products have") +
         " a value of the store's own in " + std::to_string(stores) +
         (stores == 1 ? " store" : " stores") +
         ", which stays in force there; \"clears_override\": true drops it.";
}

Overridden overridden_products(pqxx::transaction_base& transaction, const std::string& store,
                               const ProductPush& push) {
  std::set<std::string_view> listed;
  for (const ProductPatch& patch : push.list.products) {
    if (!patch.said.clears_override()) listed.insert(patch.said.sku());
  }
  // Overrides are few, listed products may be many.
  const auto rows = transaction.exec(
      "SELECT p.store, p.sku FROM product_layers p WHERE NOT p.from_feed" +
      (store.empty() ? std::string() : " AND p.store = " + sql_text(store)) +
      " AND p.logical_clock > coalesce((SELECT f.clears_below FROM product_layers f WHERE f.store "
      "= p.store AND f.sku = p.sku AND f.from_feed), 0)");
  std::set<std::string> products;
  std::set<std::string> stores;
  for (const auto& row : rows) {
    if (!listed.contains(row[1].c_str())) continue;
    stores.insert(row[0].c_str());
    products.insert(row[1].c_str());
  }
  return {products.size(), stores.size()};
}

}  // namespace titan::cloud
