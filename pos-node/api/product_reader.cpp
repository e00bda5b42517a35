#include "pos-node/api/product_reader.h"

#include "pos-node/api/json_reader.h"
#include "pos-node/domain/sale_builder.h"
#include "retail/currency.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

namespace v1 = titan::entry::v1;
using Value = json::value;
using Path = FieldPath;

void read_gtins(v1::Product& product, const Value& value, const Path& at, Problem& problem) {
  const json::array* list = value.if_array();
  if (!list) return problem.report(at, "must be a list of texts [\"4006381333931\"]");
  if (list->size() > import_gtins_max) return problem.report(at, "has more than 50 codes");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string gtin = read_text((*list)[i], gtin_bytes_max, Path{&at, {}, i}, problem);
    if (problem.found()) return;
    if (!gtin.empty()) product.add_gtins(gtin);
  }
}

void read_low_stock(v1::Product& product, const Value& value, const Path& at, Problem& problem) {
  const Decimal quantity = read_decimal(value, at, problem);
  if (problem.found()) return;
  const auto units = rescale_exactly(quantity, 6);
  if (!units || *units < 0 || (*units > 0 && check_quantity(quantity, "").has_error())) {
    return problem.report(at, "must be a quantity of zero or more");
  }
  product.set_low_stock_micro(*units);
}

constexpr Field<v1::Product> product_fields[] = {
    {"sku", [](v1::Product& r, const Value& v, const Path& at,
               Problem& p) { r.set_sku(read_sku(v, at, p)); }},
    {"gtins", read_gtins},
    {"description",
     [](v1::Product& r, const Value& v, const Path& at, Problem& p) {
       r.set_description(read_text(v, description_bytes_max, at, p));
     }},
    {"brand", [](v1::Product& r, const Value& v, const Path& at,
                 Problem& p) { r.set_brand(read_text(v, description_bytes_max, at, p)); }},
    {"category", [](v1::Product& r, const Value& v, const Path& at,
                    Problem& p) { r.set_category(read_text(v, description_bytes_max, at, p)); }},
    {"price", [](v1::Product& r, const Value& v, const Path& at,
                 Problem& p) { set_price(*r.mutable_price(), read_decimal(v, at, p)); }},
    {"currency",
     [](v1::Product& r, const Value& v, const Path& at, Problem& p) {
       r.set_currency(read_text(v, name_bytes_max, at, p));
       if (!is_currency_code(r.currency())) p.report(at, "must be a currency code such as EUR");
     }},
    {"unit", [](v1::Product& r, const Value& v, const Path& at,
                Problem& p) { r.set_unit(read_text(v, name_bytes_max, at, p)); }},
    {"tax_code", [](v1::Product& r, const Value& v, const Path& at,
                    Problem& p) { r.set_tax_code(read_text(v, name_bytes_max, at, p)); }},
    {"tax_rate_basis_points",
     [](v1::Product& r, const Value& v, const Path& at, Problem& p) {
       r.set_tax_rate_basis_points(read_number(v, tax_rate_basis_points_max, at, p));
     }},
    {"tax_included", [](v1::Product& r, const Value& v, const Path& at,
                        Problem& p) { r.set_tax_included(read_flag(v, at, p)); }},
    {"low_stock", read_low_stock},
    {"delisted", [](v1::Product& r, const Value& v, const Path& at,
                    Problem& p) { r.set_delisted(read_flag(v, at, p)); }},
    {"price_version", [](v1::Product& r, const Value& v, const Path& at,
                         Problem& p) { r.set_price_version(read_text(v, name_bytes_max, at, p)); }},
};

struct Import {
  std::string currency;
  ProductCollector collector;
  bool found = false;
};

void read_products(Import& import, const Value& value, const Path& at, Problem& problem) {
  const json::array* list = value.if_array();
  if (!list) return problem.report(at, "must be a list [...]");
  if (list->size() > import_products_max) {
    return problem.report(at, "has more than 200000 products; divide the list",
                          ErrorCode::too_large);
  }
  import.found = true;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Path place{&at, {}, i};
    v1::Product product;
    product.set_currency(import.currency);
    product.set_tax_included(true);
    read_object<v1::Product>((*list)[i], product_fields, place, product, problem);
    if (problem.found()) return;
    if (const auto added = import.collector.add(std::move(product), place.text()); !added) {
      return problem.report(Path{&place, "sku", {}}, added.error().message);
    }
  }
}

constexpr Field<Import> import_fields[] = {{"products", read_products}};

}  // namespace

Result<ProductList> read_product_json(std::string_view text, const std::string& currency) {
  json::monotonic_resource memory;
  const auto body = parse_json(text, &memory);
  if (!body) return body.error();
  Problem problem;
  Import import;
  import.currency = currency;
  read_object<Import>(*body, import_fields, {}, import, problem);
  if (!problem.found() && !import.found) {
    problem.report(Path{nullptr, "products", {}}, "is missing; it lists the products");
  }
  if (problem.found()) return problem.take();
  return import.collector.take();
}

}  // namespace titan::pos
