#include "retail/catalogue/known_exports.h"

#include <algorithm>

namespace titan::retail {
namespace {

struct MappedColumn {
  std::string_view header;  // canonical
  ColumnRole role;
  std::string_view field;  // of role field
};

struct System {
  std::string_view name;
  // Each group: one of its headers must be there.
  std::vector<std::vector<std::string_view>> marks;
  std::vector<MappedColumn> columns;  // of two for one field the first one counts
};

using Role = ColumnRole;

System square() {
  return {"Square",
          {{"itemname"}, {"variationname"}},
          {{"sku", Role::field, "sku"},
           {"gtin", Role::field, "gtins"},
           {"itemname", Role::name, ""},
           {"variationname", Role::variation, ""},
           {"price", Role::field, "price"},
           {"categories", Role::field, "category"},
           {"category", Role::field, "category"},
           {"reportingcategory", Role::field, "category"},
           {"archived", Role::field, "delisted"},
           {"sellable", Role::for_sale, ""}}};
}

System shopify() {
  return {"Shopify",
          {{"handle"}, {"title"}, {"variantsku", "variantprice"}},
          {{"handle", Role::handle, ""},
           {"variantsku", Role::field, "sku"},
           {"variantbarcode", Role::field, "gtins"},
           {"title", Role::name, ""},
           {"option1value", Role::variation, ""},
           {"option2value", Role::variation, ""},
           {"option3value", Role::variation, ""},
           {"variantprice", Role::field, "price"},
           {"vendor", Role::field, "brand"},
           {"type", Role::field, "category"},
           {"status", Role::status, ""}}};
}

System shopify_with_shorter_headers() {
  return {"Shopify",
          {{"urlhandle"}, {"title"}, {"sku"}},
          {{"urlhandle", Role::handle, ""},
           {"sku", Role::field, "sku"},
           {"barcode", Role::field, "gtins"},
           {"title", Role::name, ""},
           {"option1value", Role::variation, ""},
           {"option2value", Role::variation, ""},
           {"option3value", Role::variation, ""},
           {"price", Role::field, "price"},
           {"vendor", Role::field, "brand"},
           {"type", Role::field, "category"},
           {"status", Role::status, ""}}};
}

System woo_commerce() {
  return {"WooCommerce",
          {{"type"}, {"sku"}, {"name"}, {"regularprice"}},
          {{"type", Role::row_type, ""},
           {"sku", Role::field, "sku"},
           {"gtinupceanorisbn", Role::field, "gtins"},
           {"name", Role::name, ""},
           {"regularprice", Role::field, "price"},
           {"categories", Role::field, "category"},
           {"brands", Role::field, "brand"},
           {"taxclass", Role::field, "tax_code"},
           {"lowstockamount", Role::field, "low_stock"}}};
}

System odoo() {
  return {"Odoo",
          {{"internalreference", "defaultcode"}, {"salesprice", "listprice", "lstprice"}},
          {{"internalreference", Role::field, "sku"},
           {"defaultcode", Role::field, "sku"},
           {"barcode", Role::field, "gtins"},
           {"name", Role::name, ""},
           {"salesprice", Role::field, "price"},
           {"listprice", Role::field, "price"},
           {"lstprice", Role::field, "price"},
           {"productcategory", Role::field, "category"},
           {"categid", Role::field, "category"},
           {"unitofmeasure", Role::unit_name, ""},
           {"uomid", Role::unit_name, ""},
           {"active", Role::for_sale, ""}}};
}

System loyverse() {
  return {"Loyverse",
          {{"handle"}, {"sku"}, {"name"}, {"defaultprice", "price["}},
          {{"handle", Role::handle, ""},
           {"sku", Role::field, "sku"},
           {"barcode", Role::field, "gtins"},
           {"name", Role::name, ""},
           {"option1value", Role::variation, ""},
           {"option2value", Role::variation, ""},
           {"option3value", Role::variation, ""},
           {"defaultprice", Role::field, "price"},
           {"price[", Role::field, "price"},
           {"category", Role::field, "category"},
           {"soldbyweight", Role::weighed, ""},
           {"availableforsale[", Role::for_sale, ""},
           {"lowstock[", Role::field, "low_stock"}}};
}

const std::vector<System>& systems() {
  static const std::vector<System> all = {square(),       shopify(), shopify_with_shorter_headers(),
                                          woo_commerce(), odoo(),    loyverse()};
  return all;
}

bool has(const std::vector<std::string>& headers, std::string_view name) {
  return std::find(headers.begin(), headers.end(), name) != headers.end();
}

bool matches(const System& system, const std::vector<std::string>& headers) {
  return std::all_of(system.marks.begin(), system.marks.end(), [&](const auto& group) {
    return std::any_of(group.begin(), group.end(),
                       [&](std::string_view name) { return has(headers, name); });
  });
}

}  // namespace

std::string canonical_header(std::string_view header) {
  std::string name;
  for (const char c : header) {
    const auto byte = static_cast<unsigned char>(c);
    if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c + 32);
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || byte >= 0x80) {
      name += c;
    } else if (c == '[') {
      return name + c;
    }
  }
  return name;
}

std::optional<KnownExport> recognise_export(std::span<const std::string> headers) {
  std::vector<std::string> names;
  for (const std::string& header : headers) names.push_back(canonical_header(header));
  const auto& all = systems();
  const auto system =
      std::find_if(all.begin(), all.end(), [&](const System& one) { return matches(one, names); });
  if (system == all.end()) return std::nullopt;

  KnownExport known{system->name, {}, {}};
  known.columns.resize(headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) known.columns[i].header = headers[i];
  // In the order of the table, so that the better of two columns for one field is the one taken.
  std::vector<std::pair<Role, const FieldRule*>> taken;
  for (const MappedColumn& mapped : system->columns) {
    const FieldRule* rule = mapped.field.empty() ? nullptr : find_product_field(mapped.field);
    const auto at = std::find(names.begin(), names.end(), mapped.header);
    if (at == names.end()) continue;
    const std::pair use{mapped.role, rule};
    const bool once = mapped.role != Role::variation;
    if (once && std::find(taken.begin(), taken.end(), use) != taken.end()) continue;
    taken.push_back(use);
    ColumnUse& column = known.columns[static_cast<std::size_t>(at - names.begin())];
    column.role = mapped.role;
    column.rule = rule;
  }
  for (const ColumnUse& column : known.columns) {
    if (column.role == Role::ignored && !column.header.empty()) {
      known.ignored.push_back(column.header);
    }
  }
  return known;
}

}  // namespace titan::retail
