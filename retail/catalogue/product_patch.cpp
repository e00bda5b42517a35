#include "retail/catalogue/product_patch.h"

#include <algorithm>
#include <limits>

#include "retail/catalogue/list_numbers.h"
#include "retail/catalogue/product_list.h"
#include "retail/catalogue/spreadsheet_code.h"
#include "retail/check_digits.h"
#include "retail/currency.h"
#include "retail/money.h"
#include "retail/text.h"

namespace titan::retail {
namespace {

using SetText = void (Product::*)(const std::string&);
template <SetText set, std::size_t length_max>
Complaint take_text(ProductPatch& patch, const FieldInput& input) {
  if (auto fault = text_fault(input.text, length_max)) return fault;
  (patch.said.*set)(input.text);
  return std::nullopt;
}

// A code: two that look alike must be alike.
Complaint code_fault(std::string_view text, std::size_t length_max) {
  if (auto fault = text_fault(text, length_max)) return fault;
  return invisible_fault(text);
}

Complaint take_unit(ProductPatch& patch, const FieldInput& input) {
  if (auto fault = code_fault(input.text, name_characters_max)) return fault;
  patch.said.set_unit(input.text);
  return std::nullopt;
}

Complaint take_sku(ProductPatch& patch, const FieldInput& input) {
  if (auto fault = sku_fault(input.text)) return fault;
  if (auto fault = destroyed_code(input.text)) return fault;
  if (auto fault = decimal_code(input.text)) return fault;
  patch.said.set_sku(input.text);
  return std::nullopt;
}

Complaint take_gtins(ProductPatch& patch, const FieldInput& input) {
  if (input.codes.size() > import_gtins_max) return "has more than 50 codes";
  patch.said.clear_gtins();
  for (const std::string& code : input.codes) {
    if (code.find(' ') != std::string::npos) return "has a code with a blank in it";
    if (auto fault = code_fault(code, gtin_characters_max)) return "has a code that " + *fault;
    if (auto fault = destroyed_code(code)) return fault;
    if (auto fault = decimal_code(code)) return fault;
    patch.said.add_gtins(code);
  }
  return std::nullopt;
}

Complaint take_price(ProductPatch& patch, const FieldInput& input) {
  const auto price = parse_decimal(input.text);
  if (!price) return price.error().message;
  patch.said.mutable_price()->set_amount(price->value);
  patch.said.mutable_price()->set_exponent(price->scale);
  return std::nullopt;
}

Complaint take_currency(ProductPatch& patch, const FieldInput& input) {
  if (!is_currency_code(input.text)) {
    return "must be a currency code of three capital letters, such as EUR";
  }
  patch.said.set_currency(input.text);
  return std::nullopt;
}

Complaint take_tax_code(ProductPatch& patch, const FieldInput& input) {
  if (auto fault = code_fault(input.text, name_characters_max)) return fault;
  patch.tax_code = input.text;
  return std::nullopt;
}

Complaint take_basis_points(ProductPatch& patch, const FieldInput& input) {
  if (may_be_thousands(input.text)) {
    return "is \"" + input.text +
           "\", which may have a thousands mark; basis points are written as whole digits: 2000 is "
           "20 %";
  }
  const auto rate = parse_decimal(input.text);
  const auto whole = rate ? rescale_exactly(*rate, 0) : std::nullopt;
  if (!whole || *whole < 0 || *whole > tax_rate_basis_points_max) {
    return "must be a whole number of basis points: 2000 is 20 %";
  }
  const auto micro = static_cast<std::uint32_t>(*whole) * micropercent_per_basis_point;
  if (patch.states(ProductField::tax_rate) && patch.tax_rate != micro) {
    return "says another rate than tax_rate; one of them is enough";
  }
  patch.tax_rate = micro;
  return std::nullopt;
}

Complaint take_tax_rate(ProductPatch& patch, const FieldInput& input) {
  const auto rate = parse_tax_rate(input.text);
  if (!rate) return "must be percent from 0 to 1000, such as 8.875";
  if (patch.states(ProductField::tax_rate_basis_points) && patch.tax_rate != *rate) {
    return "says another rate than tax_rate_basis_points; one of them is enough";
  }
  patch.tax_rate = *rate;
  return std::nullopt;
}

Complaint take_taxes(ProductPatch& patch, const FieldInput& input) {
  if (input.taxes.size() > taxes_max) {
    return "has more than " + std::to_string(taxes_max) + " taxes";
  }
  patch.taxes.clear();
  for (const TaxText& written : input.taxes) {
    if (auto fault = code_fault(written.code, name_characters_max))
      return "has a code that " + *fault;
    Tax tax{written.code, 0, written.exempt};
    if (!written.rate.empty()) {
      const auto rate = parse_tax_rate(written.rate);
      if (!rate) {
        return "has the rate \"" + written.rate.substr(0, 40) +
               "\"; a rate is percent from 0 to 1000, such as 9.975";
      }
      tax.rate_micropercent = *rate;
    }
    if (tax.exempt && tax.rate_micropercent != 0) return "has an exempt tax with a rate";
    for (const Tax& other : patch.taxes) {
      if (other.code == tax.code) return "names the tax \"" + tax.code + "\" twice";
    }
    patch.taxes.push_back(std::move(tax));
  }
  return std::nullopt;
}

std::optional<bool> parse_flag(const std::string& field) {
  if (field == "true") return true;
  if (field == "false") return false;
  return std::nullopt;
}

using SetFlag = void (Product::*)(bool);
template <SetFlag set>
Complaint take_flag(ProductPatch& patch, const FieldInput& input) {
  const auto flag = parse_flag(input.text);
  if (!flag) return "must be true or false";
  (patch.said.*set)(*flag);
  return std::nullopt;
}

Complaint take_exempt(ProductPatch& patch, const FieldInput& input) {
  patch.tax_exempt = parse_flag(input.text);
  return patch.tax_exempt ? std::nullopt : Complaint("must be true or false");
}

Complaint take_low_stock(ProductPatch& patch, const FieldInput& input) {
  constexpr std::int64_t micro_max = 1'000'000'000'000'000;  // a thousand million pieces
  const auto quantity = parse_decimal(input.text);
  const auto micro = quantity ? rescale_exactly(*quantity, 6) : std::nullopt;
  if (!micro || *micro < 0 || *micro > micro_max) return "must be a quantity of zero or more";
  patch.said.set_low_stock_micro(*micro);
  patch.doubtful_low_stock = may_be_thousands(input.text) ? input.text : "";
  return std::nullopt;
}

using F = ProductField;
using Form = FieldForm;

// Names, readers and what may be cleared; the defaults themselves are default_product().
constexpr FieldRule fields[] = {
    {F::sku, "sku", "", Form::code, false, take_sku, nullptr},
    {F::gtins, "gtins", "gtin", Form::codes, true, take_gtins,
     [](Product& to, const Product& from) { *to.mutable_gtins() = from.gtins(); }},
    {F::description, "description", "name", Form::text, true,
     take_text<&Product::set_description<const std::string&>, description_characters_max>,
     [](Product& to, const Product& from) { to.set_description(from.description()); }},
    {F::brand, "brand", "", Form::text, true,
     take_text<&Product::set_brand<const std::string&>, description_characters_max>,
     [](Product& to, const Product& from) { to.set_brand(from.brand()); }},
    {F::category, "category", "", Form::text, true,
     take_text<&Product::set_category<const std::string&>, description_characters_max>,
     [](Product& to, const Product& from) { to.set_category(from.category()); }},
    {F::price, "price", "", Form::decimal, true, take_price,
     [](Product& to, const Product& from) {
       to.clear_price();
       if (from.has_price()) *to.mutable_price() = from.price();
     }},
    {F::currency, "currency", "", Form::currency, true, take_currency,
     [](Product& to, const Product& from) { to.set_currency(from.currency()); }},
    {F::unit, "unit", "", Form::text, true, take_unit,
     [](Product& to, const Product& from) { to.set_unit(from.unit()); }},
    {F::tax_code, "tax_code", "", Form::text, true, take_tax_code, nullptr},
    {F::tax_rate_basis_points, "tax_rate_basis_points", "", Form::whole, true, take_basis_points,
     nullptr},
    {F::tax_rate, "tax_rate", "", Form::percent, true, take_tax_rate, nullptr},
    {F::tax_exempt, "tax_exempt", "", Form::flag, true, take_exempt, nullptr},
    {F::taxes, "taxes", "", Form::taxes, true, take_taxes, nullptr},
    {F::tax_included, "tax_included", "", Form::flag, true, take_flag<&Product::set_tax_included>,
     [](Product& to, const Product& from) { to.set_tax_included(from.tax_included()); }},
    {F::low_stock, "low_stock", "", Form::decimal, true, take_low_stock,
     [](Product& to, const Product& from) {
       to.clear_low_stock_micro();
       if (from.has_low_stock_micro()) to.set_low_stock_micro(from.low_stock_micro());
     }},
    {F::delisted, "delisted", "", Form::flag, true, take_flag<&Product::set_delisted>,
     [](Product& to, const Product& from) { to.set_delisted(from.delisted()); }},
    {F::price_version, "price_version", "", Form::text, true,
     take_text<&Product::set_price_version<const std::string&>, name_characters_max>,
     [](Product& to, const Product& from) { to.set_price_version(from.price_version()); }},
    // Of the entry, not of the product: never taken over from the product before.
    {F::clears_override, "clears_override", "", Form::flag, true,
     take_flag<&Product::set_clears_override>,
     [](Product& to, const Product& from) { to.set_clears_override(from.clears_override()); }},
};

bool says_rate(const ProductPatch& patch) {
  return patch.states(F::tax_rate) || patch.states(F::tax_rate_basis_points);
}

bool says_single_tax(const ProductPatch& patch) {
  return says_rate(patch) || patch.states(F::tax_code) || patch.states(F::tax_exempt);
}

void put_single_tax(Tax& tax, const ProductPatch& patch) {
  if (patch.states(F::tax_code)) tax.code = patch.tax_code.value_or("");
  if (says_rate(patch)) {
    tax.rate_micropercent = patch.tax_rate.value_or(0);
    if (tax.rate_micropercent != 0) tax.exempt = false;
  }
  if (patch.states(F::tax_exempt)) {
    tax.exempt = patch.tax_exempt.value_or(false);
    if (tax.exempt) tax.rate_micropercent = 0;
  }
}

// The single fields speak of an article's one tax: of an article with several they replace all.
void put_taxes(Product& product, const ProductPatch& patch) {
  if (patch.states(F::taxes)) {
    const std::vector<Tax> none = {Tax{}};
    return set_taxes(product, patch.taxes.empty() ? none : patch.taxes);
  }
  if (!says_single_tax(patch)) return;
  Tax tax = taxes_of(product).front();
  put_single_tax(tax, patch);
  set_taxes(product, {tax});
}

std::uint32_t bit(ProductField field) {
  return 1U << static_cast<unsigned>(field);
}

// The taxes of two rows, as if the later were taken in after the other.
void merge_later_taxes(ProductPatch& patch, const ProductPatch& later) {
  constexpr F singles[] = {F::tax_code, F::tax_rate, F::tax_rate_basis_points, F::tax_exempt};
  if (later.states(F::taxes)) {
    for (const F single : singles) patch.stated &= ~bit(single);
    patch.taxes = later.taxes;
    return;
  }
  if (!says_single_tax(later)) return;
  if (patch.states(F::taxes)) {
    Tax tax = patch.taxes.empty() ? Tax{} : patch.taxes.front();
    put_single_tax(tax, later);
    patch.taxes = {tax};
    patch.cleared &= ~bit(F::taxes);
    return;
  }
  if (later.states(F::tax_code)) patch.tax_code = later.tax_code;
  if (says_rate(later)) {
    patch.tax_rate = later.tax_rate;
    // A rate ends an exemption that was stated before it.
    if (later.tax_rate.value_or(0) != 0 && patch.states(F::tax_exempt)) patch.tax_exempt = false;
  }
  if (later.states(F::tax_exempt)) patch.tax_exempt = later.tax_exempt;
  for (const F single : singles) patch.stated |= later.stated & bit(single);
}

}  // namespace

std::span<const FieldRule> product_fields() {
  return fields;
}

const FieldRule* find_product_field(std::string_view name) {
  const auto* found = std::find_if(std::begin(fields), std::end(fields), [&](const FieldRule& one) {
    return one.name == name || (!one.other_name.empty() && one.other_name == name);
  });
  return found == std::end(fields) ? nullptr : found;
}

void clear_field(ProductPatch& patch, const FieldRule& rule) {
  patch.stated |= bit(rule.field);
  patch.cleared |= bit(rule.field);
}

Complaint state_field(ProductPatch& patch, const FieldRule& rule, const FieldInput& input) {
  if (input.text.empty() && input.codes.empty() && input.taxes.empty()) {
    if (!rule.clearable) return "is empty";
    clear_field(patch, rule);
    return std::nullopt;
  }
  if (auto complaint = rule.take(patch, input)) return complaint;
  patch.stated |= bit(rule.field);
  return std::nullopt;
}

void keep_gtins(ProductPatch& patch, const Product& known) {
  Product both = known;
  for (const std::string& gtin : patch.said.gtins()) {
    const bool is_there =
        std::any_of(both.gtins().begin(), both.gtins().end(),
                    [&](const std::string& other) { return code_key(other) == code_key(gtin); });
    if (!is_there) both.add_gtins(gtin);
  }
  *patch.said.mutable_gtins() = both.gtins();
}

void merge_later(ProductPatch& patch, const ProductPatch& stated_later) {
  ProductPatch later = stated_later;
  if (later.is_by_gtin && patch.states(F::gtins)) keep_gtins(later, patch.said);
  for (const FieldRule& rule : fields) {
    if (!rule.put || !later.states(rule.field)) continue;
    rule.put(patch.said, later.said);
    patch.stated |= bit(rule.field);
    patch.cleared = (patch.cleared & ~bit(rule.field)) | (later.cleared & bit(rule.field));
  }
  merge_later_taxes(patch, later);
  if (later.states(F::taxes)) {
    patch.stated |= bit(F::taxes);
    patch.cleared = (patch.cleared & ~bit(F::taxes)) | (later.cleared & bit(F::taxes));
  }
  patch.is_by_gtin = patch.is_by_gtin && later.is_by_gtin;
  patch.place = later.place;
}

std::optional<PatchFault> finish_patch(ProductPatch& patch) {
  if (patch.said.sku().empty() && patch.said.gtins_size() > 0) {
    const std::string& code = patch.said.gtins(0);
    if (const auto fault = sku_fault(code)) {
      return PatchFault{"sku", "is missing, and the gtin cannot stand for it: it " + *fault};
    }
    patch.said.set_sku(code);
    patch.is_by_gtin = true;
  }
  if (patch.said.sku().empty()) return PatchFault{"sku", "is empty (a row needs a sku or a gtin)"};
  if (patch.states(F::taxes) && !patch.clears(F::taxes)) {
    for (const auto& rule : fields) {
      const bool single = rule.field == F::tax_code || rule.field == F::tax_rate ||
                          rule.field == F::tax_rate_basis_points || rule.field == F::tax_exempt;
      if (single && patch.states(rule.field) && !patch.clears(rule.field)) {
        return PatchFault{"taxes", "says it all; leave " + std::string(rule.name) + " out"};
      }
    }
  }
  if (patch.tax_exempt.value_or(false) && patch.tax_rate.value_or(0) != 0) {
    return PatchFault{"tax_exempt", "and a rate contradict each other"};
  }
  return std::nullopt;
}

Product default_product(const std::string& sku, const std::string& currency) {
  Product product;
  product.set_sku(sku);
  product.set_currency(currency);
  product.set_tax_included(true);
  return product;
}

Product patched(const ProductPatch& patch, const Product* base, const std::string& currency) {
  const Product defaults = default_product(patch.said.sku(), currency);
  Product product = base ? *base : defaults;
  product.set_clears_override(false);
  for (const FieldRule& rule : fields) {
    if (!rule.put || !patch.states(rule.field)) continue;
    rule.put(product, patch.clears(rule.field) ? defaults : patch.said);
  }
  put_taxes(product, patch);
  return product;
}

std::vector<std::string> patch_warnings(const ProductPatch& patch, const std::string& currency) {
  std::vector<std::string> warnings;
  const std::string& code = patch.said.currency().empty() ? currency : patch.said.currency();
  if (!patch.said.currency().empty() && !is_known_currency(code)) {
    warnings.push_back("currency " + code +
                       " is not in ISO 4217; it is taken to have 2 digits behind the point");
  }
  if (!patch.doubtful_low_stock.empty()) {
    warnings.push_back("low_stock " + patch.doubtful_low_stock +
                       " was taken with decimals; if thousands are meant, write it without the "
                       "mark");
  }
  if (!patch.said.has_price()) return warnings;
  const Decimal price{patch.said.price().amount(), patch.said.price().exponent()};
  const std::uint32_t digits = currency_exponent(code);
  const bool is_doubtful = digits < 3 && may_be_thousands(to_text(price));
  const bool is_finer = !rescale_exactly(price, digits);
  if (is_finer || is_doubtful) {
    std::string warning = "price " + to_text(price) + " has more decimals than ";
    if (is_finer) warning = "price " + to_text(price) + " is finer than the smallest coin of ";
    warning += code.empty() ? "the currency" : code;
    if (is_doubtful) {
      warning += "; if " + std::to_string(price.value) + " is meant, write it without the mark";
    }
    warnings.push_back(std::move(warning));
  }
  if (price.is_negative()) warnings.push_back("price " + to_text(price) + " is below zero");
  return warnings;
}

}  // namespace titan::retail
