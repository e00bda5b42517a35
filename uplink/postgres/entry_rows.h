// What one entry means as rows: reads the body of the kinds this version knows.
//
// Pure. Stock effects are not here: they come from the envelope, so they count also when a body
// cannot be read. A kind this version does not know has no rows, and is no fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesh/entry/entry.h"

namespace titan::uplink {

struct PriceValue {
  std::int64_t amount = 0;
  std::uint32_t exponent = 0;
};

struct ItemTaxRow {
  std::string code;
  std::uint32_t rate_micropercent = 0;
  bool exempt = false;
  std::int64_t tax_minor = 0;
};

struct SaleItemRow {
  std::string sku, gtin, description, unit, tax_code;
  std::int64_t quantity = 0;
  std::uint32_t quantity_scale = 0;
  PriceValue list_price, charged_price;
  std::int64_t discount_minor = 0;
  std::uint32_t tax_rate_basis_points = 0;
  bool tax_included = false;
  std::int64_t tax_minor = 0;
  std::int64_t total_minor = 0;
  std::int64_t paid_minor = 0;
  std::int64_t sale_discount_minor = 0;
  std::vector<ItemTaxRow> taxes;               // only where code and rate cannot say it all
  std::optional<std::uint32_t> original_line;  // of a refund: the sold line that it takes back
  std::vector<std::string> flags;
};

struct PaymentRow {
  std::string method, currency, reference;
  std::uint32_t exponent = 0;
  std::int64_t amount_minor = 0;
  std::int64_t change_minor = 0;
};

// What the former system said of a sale (docs/V01.md).
struct FormerSale {
  std::string terminal, id, receipt;
  std::int64_t utc_ms = 0;
  std::int32_t utc_offset_minutes = 0;
  bool was_sent = false;
  bool was_voided = false;
  Bytes move_in;
};

struct SaleRow {
  std::string kind;  // "sale", "refund", "void", "history"
  std::string currency, cashier, customer_token, reason;
  std::uint32_t exponent = 0;
  std::int64_t total_minor = 0, tax_minor = 0, rounding_minor = 0;
  bool training = false;
  std::vector<std::string> flags;
  std::optional<mesh::EntryId> original;
  Hash original_hash;
  std::optional<FormerSale> former;  // of history
  std::vector<SaleItemRow> items;
  std::vector<PaymentRow> payments;
};

struct ProductRow {
  std::string sku, description, brand, currency, unit, tax_code, price_version, category;
  std::vector<std::string> gtins;
  PriceValue price;
  std::uint32_t tax_rate_basis_points = 0;
  bool tax_included = false, delisted = false, clears_override = false;
  std::optional<std::int64_t> low_stock_micro;
  bool has_price = false;
  std::string taxes = "[]";  // JSON: [{"code", "rate_micropercent", "exempt"}]
};

struct UserRow {
  std::string id, display, role;
  Bytes pin_hash;
  bool disabled = false;
};

struct EntryRows {
  std::optional<SaleRow> sale;
  std::vector<ProductRow> products;
  std::vector<UserRow> users;
  std::vector<std::pair<std::string, std::string>> settings;
  std::optional<Bytes> withdrawn_move_in;
};

// One product, serialised, as a list holds them.
Result<ProductRow> product_row(BytesView serialised);

// The error says why the body cannot be projected.
Result<EntryRows> rows_of(const mesh::Entry& entry);

// inventory_deltas.reason: "SALE", "VOID", "DELIVERY" ... or "KIND_<n>".
std::string reason_of(mesh::Kind kind);

// The entry's business date, or the day of its time where that is no date. Always a real date.
std::uint32_t date_of(const mesh::Envelope& envelope);

}  // namespace titan::uplink
