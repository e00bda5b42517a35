#include "pos-node/domain/product_import.h"

#include <algorithm>
#include <array>

#include "pos-node/domain/sale_builder.h"
#include "retail/csv.h"
#include "retail/currency.h"
#include "retail/gtin.h"
#include "retail/money.h"
#include "retail/text.h"

namespace titan::pos {

namespace v1 = titan::entry::v1;

void ProductList::warn(std::string text) {
  if (warnings.size() < import_warnings_max) warnings.push_back(std::move(text));
  ++warning_count;
}

Status ProductCollector::add(v1::Product product, const std::string& place) {
  if (product.sku().empty() && product.gtins_size() > 0) product.set_sku(product.gtins(0));
  if (const auto fault = sku_fault(product.sku())) {
    return make_error(ErrorCode::invalid,
                      place + ": the sku " + *fault + " (a row needs a sku or a gtin).", place);
  }
  for (const std::string& gtin : product.gtins()) {
    const GtinFault fault = check_gtin(gtin);
    if (fault != GtinFault::none) {
      list_.warn(place + ": " + describe_gtin_fault(gtin, fault) + "; taken all the same.");
    }
    const auto [at, fresh] = sku_by_gtin_.try_emplace(gtin, product.sku());
    if (!fresh && at->second != product.sku()) {
      list_.warn(place + ": GTIN " + gtin + " also belongs to " + at->second +
                 "; the scanner finds one of them.");
      at->second = product.sku();
    }
  }
  ++list_.rows;
  const auto [at, fresh] = by_sku_.try_emplace(product.sku(), Seen{products_.size(), place});
  if (fresh) {
    products_.push_back(std::move(product));
    return {};
  }
  list_.warn(place + ": " + product.sku() + " was already given at " + at->second.place +
             "; the later one counts.");
  at->second.place = place;
  products_[at->second.index] = std::move(product);
  return {};
}

ProductList ProductCollector::take() {
  list_.products.reserve(products_.size());
  for (v1::Product& product : products_) {
    list_.products.push_back(std::make_shared<const Product>(std::move(product)));
  }
  products_.clear();
  return std::move(list_);
}

namespace {

// Says what is wrong with a field, or nothing. The field is not empty.
using Complaint = std::optional<std::string>;
using TakeField = Complaint (*)(v1::Product& product, const std::string& field);

template <void (v1::Product::*set)(const std::string&)>
Complaint take_text(v1::Product& product, const std::string& field) {
  if (auto fault = text_fault(field, description_bytes_max)) return fault;
  (product.*set)(field);
  return std::nullopt;
}

std::optional<bool> parse_flag(const std::string& field) {
  if (field == "true" || field == "1" || field == "yes") return true;
  if (field == "false" || field == "0" || field == "no") return false;
  return std::nullopt;
}

Complaint take_gtins(v1::Product& product, const std::string& field) {
  if (auto fault = text_fault(field, import_gtins_max * gtin_bytes_max)) return fault;
  std::size_t at = 0;
  while (at < field.size()) {
    const std::size_t end = std::min(field.find_first_of(" ;", at), field.size());
    if (end - at > gtin_bytes_max) return "has a code of more than 80 characters";
    if (end > at) product.add_gtins(field.substr(at, end - at));
    at = end + 1;
  }
  if (product.gtins_size() > static_cast<int>(import_gtins_max)) return "has more than 50 codes";
  return std::nullopt;
}

Complaint take_price(v1::Product& product, const std::string& field) {
  const auto price = parse_decimal(field);
  if (!price) return price.error().message;
  set_price(*product.mutable_price(), *price);
  return std::nullopt;
}

Complaint take_currency(v1::Product& product, const std::string& field) {
  if (!is_currency_code(field)) return "must be a currency code such as EUR";
  product.set_currency(field);
  return std::nullopt;
}

Complaint take_tax_rate(v1::Product& product, const std::string& field) {
  const auto rate = parse_decimal(field);
  const auto whole = rate ? rescale_exactly(*rate, 0) : std::nullopt;
  if (!whole || *whole < 0 || *whole > tax_rate_basis_points_max) {
    return "must be a whole number of basis points: 2000 is 20 %";
  }
  product.set_tax_rate_basis_points(static_cast<std::uint32_t>(*whole));
  return std::nullopt;
}

Complaint take_tax_included(v1::Product& product, const std::string& field) {
  const auto flag = parse_flag(field);
  if (!flag) return "must be true or false";
  product.set_tax_included(*flag);
  return std::nullopt;
}

Complaint take_delisted(v1::Product& product, const std::string& field) {
  const auto flag = parse_flag(field);
  if (!flag) return "must be true or false";
  product.set_delisted(*flag);
  return std::nullopt;
}

Complaint take_low_stock(v1::Product& product, const std::string& field) {
  const auto quantity = parse_decimal(field);
  const auto units = quantity ? rescale_exactly(*quantity, 6) : std::nullopt;
  if (!units || *units < 0 ||
      check_quantity({std::max<std::int64_t>(*units, 1), 6}, "").has_error()) {
    return "must be a quantity of zero or more";
  }
  product.set_low_stock_micro(*units);
  return std::nullopt;
}

struct Column {
  std::string_view name;
  TakeField take;
};

constexpr Column columns[] = {
    {"sku", take_text<&v1::Product::set_sku<const std::string&>>},
    {"gtin", take_gtins},
    {"gtins", take_gtins},
    {"description", take_text<&v1::Product::set_description<const std::string&>>},
    {"name", take_text<&v1::Product::set_description<const std::string&>>},
    {"brand", take_text<&v1::Product::set_brand<const std::string&>>},
    {"category", take_text<&v1::Product::set_category<const std::string&>>},
    {"price", take_price},
    {"currency", take_currency},
    {"unit", take_text<&v1::Product::set_unit<const std::string&>>},
    {"tax_code", take_text<&v1::Product::set_tax_code<const std::string&>>},
    {"tax_rate_basis_points", take_tax_rate},
    {"tax_included", take_tax_included},
    {"low_stock", take_low_stock},
    {"delisted", take_delisted},
    {"price_version", take_text<&v1::Product::set_price_version<const std::string&>>},
};

Result<std::vector<const Column*>> read_header(const CsvRow& row) {
  std::vector<const Column*> header;
  for (const std::string& name : row.fields) {
    const auto* found = std::find_if(std::begin(columns), std::end(columns),
                                     [&](const Column& column) { return column.name == name; });
    const std::string place =
        "Line " + std::to_string(row.line) + ", column " + std::to_string(header.size() + 1) + ": ";
    const std::string field = "line " + std::to_string(row.line);
    if (found == std::end(columns)) {
      std::string known;
      for (const Column& column : columns) {
        known += (known.empty() ? "" : ", ") + std::string(column.name);
      }
      return make_error(ErrorCode::invalid,
                        place + "unknown column \"" + name.substr(0, 60) +
                            "\". The first line names the columns; known are " + known + ".",
                        field);
    }
    // "gtin" and "gtins", "description" and "name" are one column each.
    const auto same = std::find_if(header.begin(), header.end(), [&](const Column* column) {
      return column->name == found->name || column->take == found->take;
    });
    if (same != header.end()) {
      return make_error(ErrorCode::invalid, place + "column \"" + name + "\" is there twice.",
                        field);
    }
    header.push_back(found);
  }
  const bool has_key = std::any_of(header.begin(), header.end(), [](const Column* column) {
    return column->name == "sku" || column->take == take_gtins;
  });
  if (!has_key) {
    return make_error(ErrorCode::invalid, "The list has neither a column \"sku\" nor \"gtin\".",
                      "line " + std::to_string(row.line));
  }
  return header;
}

Status check_encoding(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return make_error(ErrorCode::invalid,
                      "The list is UTF-16; save it as UTF-8 (in spreadsheets: \"CSV UTF-8\").",
                      "line 1");
  }
  const std::size_t bad = first_invalid_utf8(text);
  if (bad == text.size()) return {};
  const std::string_view before = text.substr(0, bad);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;
  return make_error(ErrorCode::invalid,
                    "Line " + std::to_string(line) + ", column " +
                        std::to_string(bad - line_start + 1) +
                        ": not UTF-8. Save the list as UTF-8 (in spreadsheets: \"CSV UTF-8\").",
                    "line " + std::to_string(line));
}

}  // namespace

Result<ProductList> read_product_csv(std::string_view text, const std::string& currency) {
  if (const auto checked = check_encoding(text); !checked) return checked.error();
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  CsvReader reader(text);
  CsvRow row;
  const auto first = reader.next(row);
  if (!first) return first.error();
  if (!*first) return make_error(ErrorCode::invalid, "The list is empty.", "line 1");
  const auto header = read_header(row);
  if (!header) return header.error();

  ProductCollector collector;
  std::size_t rows = 0;
  for (;;) {
    const auto more = reader.next(row);
    if (!more) return more.error();
    if (!*more) break;
    const std::string place = "line " + std::to_string(row.line);
    const auto fault = [&](const std::string& what) {
      return make_error(ErrorCode::invalid, "L" + place.substr(1) + what, place);
    };
    if (++rows > import_products_max) {
      return make_error(
          ErrorCode::too_large,
          "More than " + std::to_string(import_products_max) + " products; divide the list.",
          place);
    }
    if (row.fields.size() != header->size()) {
      return fault(" has " + std::to_string(row.fields.size()) + " columns, the first line has " +
                   std::to_string(header->size()) + ".");
    }
    v1::Product product;
    product.set_currency(currency);
    product.set_tax_included(true);
    for (std::size_t i = 0; i < header->size(); ++i) {
      if (row.fields[i].empty()) continue;
      const Column& column = *(*header)[i];
      if (const auto complaint = column.take(product, row.fields[i])) {
        return fault(", column " + std::to_string(i + 1) + ": " + std::string(column.name) + " " +
                     *complaint + ".");
      }
    }
    if (const auto done = collector.add(std::move(product), place); !done) return done.error();
  }
  return collector.take();
}

}  // namespace titan::pos
