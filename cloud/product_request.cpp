#include "cloud/product_request.h"

#include <boost/json.hpp>
#include <optional>
#include <set>

#include "mesh/entry.h"
#include "proto/entry.pb.h"

namespace titan::cloud {

namespace json = boost::json;

namespace {

constexpr std::uint32_t price_places_max = 6;
constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t gtins_max = 64;

class ProductReader {
 public:
  ProductReader(std::size_t index, const json::object& source) : index_(index), source_(source) {}

  void fail(const std::string& field, const std::string& what) {
    if (error_) return;
    const std::string place = "products[" + std::to_string(index_) + "]";
    error_ = make_error(ErrorCode::invalid, place + (field.empty() ? "" : "." + field) + " " + what,
                        place + (field.empty() ? "" : "." + field));
  }

  void refuse_unknown() {
    static const std::set<std::string, std::less<>> known = {
        "sku",      "gtins",         "gtin",      "description",     "brand",
        "price",    "currency",      "unit",      "tax_code",        "tax_rate_basis_points",
        "delisted", "price_version", "low_stock", "clears_override", "tax_included",
        "category"};
    for (const auto& member : source_) {
      if (!known.contains(std::string_view(member.key()))) {
        fail(std::string(member.key()), "is not a field of a product");
      }
    }
  }

  std::string text(const char* field, std::size_t bytes_max = text_bytes_max) {
    const auto* value = source_.if_contains(field);
    if (!value) return {};
    if (!value->is_string()) {
      fail(field, "must be text");
      return {};
    }
    const std::string read(value->get_string());
    check_text(field, read, bytes_max);
    return read;
  }

  void check_text(const std::string& field, const std::string& value, std::size_t bytes_max) {
    if (value.size() > bytes_max) {
      fail(field, "is longer than " + std::to_string(bytes_max) + " bytes");
    }
    for (const char c : value) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        fail(field, "contains a control character");
      }
    }
  }

  bool boolean(const char* field) {
    const auto* value = source_.if_contains(field);
    if (!value) return false;
    if (!value->is_bool()) fail(field, "must be true or false");
    return value->is_bool() && value->get_bool();
  }

  std::optional<Decimal> decimal(const char* field) {
    const auto* value = source_.if_contains(field);
    if (!value) return std::nullopt;
    std::optional<Decimal> read;
    if (value->is_string()) read = parse_decimal(std::string_view(value->get_string()));
    if (value->is_int64()) read = Decimal{value->get_int64(), 0};
    if (!read) fail(field, "must be a decimal number in quotation marks, like \"2.55\"");
    return read;
  }

  std::uint32_t whole(const char* field, std::int64_t max) {
    const auto* value = source_.if_contains(field);
    if (!value) return 0;
    if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() > max) {
      fail(field, "must be a whole number from 0 to " + std::to_string(max));
      return 0;
    }
    return static_cast<std::uint32_t>(value->get_int64());
  }

  void read_gtins(titan::entry::v1::Product& product) {
    if (const std::string single = text("gtin", 14); !single.empty()) product.add_gtins(single);
    const auto* list = source_.if_contains("gtins");
    if (!list) return;
    if (!list->is_array() || list->get_array().size() > gtins_max) {
      return fail("gtins", "must be a list of at most " + std::to_string(gtins_max) + " codes");
    }
    for (const auto& value : list->get_array()) {
      if (!value.is_string() || value.get_string().empty() || value.get_string().size() > 14) {
        return fail("gtins", "must hold codes of 1 to 14 digits in quotation marks");
      }
      product.add_gtins(std::string(value.get_string()));
    }
    for (const auto& gtin : product.gtins()) {
      if (gtin.find_first_not_of("0123456789") != std::string::npos) {
        return fail("gtins", "must hold digits only: '" + gtin + "'");
      }
    }
  }

  std::optional<Error> error_;

 private:
  std::size_t index_;
  const json::object& source_;
};

Result<titan::entry::v1::Product> product_from(std::size_t index, const json::object& source) {
  ProductReader reader(index, source);
  titan::entry::v1::Product product;
  reader.refuse_unknown();
  product.set_sku(reader.text("sku", mesh::product_bytes_max));
  if (product.sku().empty()) reader.fail("sku", "is missing");
  reader.read_gtins(product);
  product.set_description(reader.text("description"));
  product.set_brand(reader.text("brand"));
  if (const auto price = reader.decimal("price")) {
    if (price->value < 0) reader.fail("price", "must not be negative");
    if (price->places > price_places_max) reader.fail("price", "has too many decimal places");
    product.mutable_price()->set_amount(price->value);
    product.mutable_price()->set_exponent(price->places);
  }
  product.set_currency(reader.text("currency", 3));
  if (!product.currency().empty() && product.currency().size() != 3) {
    reader.fail("currency", "must have three letters, like EUR");
  }
  product.set_unit(reader.text("unit", 16));
  product.set_tax_code(reader.text("tax_code", 32));
  product.set_tax_rate_basis_points(reader.whole("tax_rate_basis_points", 100'000));
  product.set_tax_included(reader.boolean("tax_included"));
  product.set_delisted(reader.boolean("delisted"));
  product.set_price_version(reader.text("price_version", 64));
  product.set_category(reader.text("category", 256));
  product.set_clears_override(reader.boolean("clears_override"));
  if (const auto low = reader.decimal("low_stock")) {
    std::int64_t micro = low->value;
    for (std::uint32_t places = low->places; places < 6; ++places) {
      if (__builtin_mul_overflow(micro, 10, &micro)) reader.fail("low_stock", "is too large");
    }
    if (low->places > 6 || low->value < 0)
      reader.fail("low_stock",
                  "must be 0 or more, at most 6 "
                  "decimal places");
    product.set_low_stock_micro(micro);
  }
  if (reader.error_) return *reader.error_;
  return product;
}

}  // namespace

Result<ProductRequest> parse_products(std::string_view body) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 16;
  const json::value document = json::parse(body, error, {}, options);
  if (error) return make_error(ErrorCode::invalid, "the body is not JSON: " + error.message());
  const auto* root = document.if_object();
  const auto* list = root ? root->if_contains("products") : nullptr;
  if (!list || !list->is_array() || root->size() != 1) {
    return make_error(ErrorCode::invalid, "the body must be {\"products\": [ … ]}", "products");
  }
  const auto& products = list->get_array();
  if (products.empty() || products.size() > products_per_request_max) {
    return make_error(ErrorCode::invalid,
                      "products must hold 1 to " + std::to_string(products_per_request_max) +
                          " items; it holds " + std::to_string(products.size()),
                      "products");
  }
  ProductRequest request;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const std::string place = "products[" + std::to_string(i) + "]";
    if (!products[i].is_object()) {
      return make_error(ErrorCode::invalid, place + " must be an object", place);
    }
    const auto product = product_from(i, products[i].get_object());
    if (!product) return product.error();
    if (!seen.insert(product->sku()).second) {
      return make_error(ErrorCode::invalid, place + ".sku '" + product->sku() + "' is there twice",
                        place + ".sku");
    }
    request.skus.push_back(product->sku());
    request.products.push_back(product->SerializeAsString());
  }
  return request;
}

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal decimal;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 20) return std::nullopt;
  bool digits = false;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point && digits) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    digits = true;
    if (point) ++decimal.places;
    if (__builtin_mul_overflow(decimal.value, 10, &decimal.value) ||
        __builtin_add_overflow(decimal.value, c - '0', &decimal.value)) {
      return std::nullopt;
    }
  }
  if (text.back() == '.') return std::nullopt;
  if (negative) decimal.value = -decimal.value;
  return decimal;
}

std::string decimal_text(std::int64_t value, std::uint32_t places) {
  const bool negative = value < 0;
  const auto magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string text = std::to_string(magnitude);
  if (places > 0) {
    if (text.size() <= places) text.insert(0, places + 1 - text.size(), '0');
    text.insert(text.size() - places, ".");
  }
  return negative ? "-" + text : text;
}

std::string units_text(std::int64_t micro) {
  std::string text = decimal_text(micro, 6);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace titan::cloud
