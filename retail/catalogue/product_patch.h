// What one row of a product list says of one product, and what becomes of the product by it.
//
// A list updates: what a row does not state stays as it is, what it states empty goes back to the
// default. Till and head office, CSV and JSON: all go through the one table of fields below.
//
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retail/product.h"
#include "retail/tax.h"

namespace titan::retail {

inline constexpr std::size_t import_gtins_max = 50;  // per product

enum class ProductField : std::uint8_t {
  sku,
  gtins,
  description,
  brand,
  category,
  price,
  currency,
  unit,
  tax_code,
  tax_rate_basis_points,
  tax_rate,
  tax_exempt,
  taxes,
  tax_included,
  low_stock,
  delisted,
  price_version,
  clears_override,
};

// How a field is written: it decides what a JSON member must be and what a cell may hold.
enum class FieldForm : std::uint8_t {
  text,      // JSON: a text
  code,      // a text that a spreadsheet likes to destroy
  codes,     // JSON: a list of texts; CSV: separated by blanks or semicolons
  decimal,   // JSON: a text "2.55" or a number
  percent,   // a decimal that may end in %
  whole,     // JSON: a number
  flag,      // JSON: true or false
  currency,  // a text
  taxes,     // JSON: a list of {code, rate, exempt}; CSV: "GST:5;QST:9.975"
};

// A tax as a list writes it, its rate still a text.
struct TaxText {
  std::string code;
  std::string rate;
  bool exempt = false;
};

// A field's value, brought to one form by the front end: one of the three, by the field's form.
struct FieldInput {
  std::string text;  // decimals with a point and no thousands mark, flags as "true" or "false"
  std::vector<std::string> codes;
  std::vector<TaxText> taxes;
};

struct ProductPatch {
  Product said;               // the stated fields, taxes apart
  std::uint32_t stated = 0;   // bit per ProductField
  std::uint32_t cleared = 0;  // stated as empty
  std::optional<std::string> tax_code;
  std::optional<std::uint32_t> tax_rate;  // millionths of a percent
  std::optional<bool> tax_exempt;
  std::vector<Tax> taxes;
  std::string place;  // "line 7", "products[6]"
  // The row names no sku, and its first barcode stands for one: the article may be there by
  // another.
  bool is_by_gtin = false;
  std::string doubtful_low_stock;  // as the list writes it, if a thousands mark may be meant

  bool states(ProductField field) const { return (stated >> static_cast<int>(field) & 1) != 0; }
  bool clears(ProductField field) const { return (cleared >> static_cast<int>(field) & 1) != 0; }
};

// What is wrong with a field, without its name ("must be ..."); nothing if it is taken.
using Complaint = std::optional<std::string>;

struct FieldRule {
  ProductField field;
  std::string_view name;        // JSON member and CSV column
  std::string_view other_name;  // the column is also known by; "" for none
  FieldForm form;
  bool clearable;  // an empty cell or text brings the default back
  Complaint (*take)(ProductPatch& patch, const FieldInput& input);
  // Copies the field; null for the sku and the taxes, which are no single field of a product.
  void (*put)(Product& product, const Product& from);
};

std::span<const FieldRule> product_fields();
// By either name, exactly as written; null if there is none.
const FieldRule* find_product_field(std::string_view name);

// Takes a value into the patch, an empty one as clearing.
Complaint state_field(ProductPatch& patch, const FieldRule& rule, const FieldInput& input);
void clear_field(ProductPatch& patch, const FieldRule& rule);
// A row that names an article by a barcode adds to its barcodes: the other ones stay.
void keep_gtins(ProductPatch& patch, const Product& known);
// What two rows say of one product: where the later one states a field, it counts.
void merge_later(ProductPatch& patch, const ProductPatch& later);
// What the fields together contradict; the complaint names the field first.
struct PatchFault {
  std::string_view field;
  std::string message;
};
std::optional<PatchFault> finish_patch(ProductPatch& patch);

// The one table of defaults: an article that nothing is said of. Its price contains the tax, and it
// is priced in `currency` (that of the store; empty where the store is to say).
Product default_product(const std::string& sku, const std::string& currency);
// `base`: the product before, null for a new one or where the list replaces.
Product patched(const ProductPatch& patch, const Product* base, const std::string& currency);

// A price, tax or currency that a person should look at once more, without the place; empty: none.
std::vector<std::string> patch_warnings(const ProductPatch& patch, const std::string& currency);

}  // namespace titan::retail
