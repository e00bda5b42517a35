// What a till screen asks for, after its JSON was read and before the sale rules looked at it.
//
// Plain values: every text is valid UTF-8 without control characters and within its length limit,
// every decimal is exact. Whether they make sense together is the rules' matter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "mesh/entry/entry.h"
#include "retail/money.h"
#include "retail/tax.h"

namespace titan::pos {

using namespace titan::retail;

// What tells a repeat from another request.
struct RequestKey {
  std::string idempotency_key;
  Hash request_hash;
};

struct DiscountRequest {
  Decimal amount;  // positive: costs less; negative: a surcharge
  std::string reason;
  std::string promotion_id;
};

struct LineRequest {
  std::string sku;
  std::string gtin;
  std::optional<std::string> description;
  Decimal quantity;
  std::optional<std::string> unit;
  std::optional<Decimal> list_unit_price;
  std::optional<Decimal> charged_unit_price;
  std::optional<std::string> price_version;
  std::vector<DiscountRequest> discounts;
  std::optional<std::string> tax_code;
  std::optional<std::uint32_t> tax_rate_micropercent;
  std::optional<bool> tax_exempt;
  std::vector<Tax> taxes;  // several at once; empty: the product's
  std::optional<bool> tax_included;
  std::optional<Decimal> tax;
};

struct PaymentRequest {
  std::string method = "cash";
  std::optional<Decimal> amount;  // none: what is left to pay
  std::optional<std::string> currency;
  std::optional<Decimal> rate;    // to the sale's currency
  std::optional<Decimal> change;  // in the sale's currency
  std::string reference;
};

struct SaleRequest {
  RequestKey key;
  std::optional<std::string> currency;
  std::string cashier;
  std::string customer_token;
  bool training = false;
  std::optional<std::uint32_t> business_date;
  std::vector<LineRequest> lines;
  std::optional<std::vector<PaymentRequest>> payments;  // none: cash, the exact total
  std::vector<DiscountRequest> discounts;               // on the whole sale
  std::optional<Decimal> rounding;
  std::optional<Decimal> total;  // what the screen shows; checked
};

struct RefundRequest {
  SaleRequest sale;  // no lines: the original's lines
  std::optional<mesh::EntryId> original;
  std::vector<std::uint32_t> original_lines;
  std::string reason;
};

struct VoidRequest {
  RequestKey key;
  mesh::EntryId sale;
  std::string reason;
  std::string cashier;
  std::optional<std::uint32_t> business_date;
};

struct MovementLineRequest {
  std::string sku;
  std::string gtin;
  Decimal quantity;
  std::optional<std::string> unit;
  std::optional<std::string> description;
};

struct MovementRequest {
  RequestKey key;
  mesh::Kind kind = mesh::Kind::unknown;  // delivery, adjustment, transfer_out, transfer_in
  std::vector<MovementLineRequest> lines;
  std::string reason;
  std::string document;  // of a transfer: its id
  std::string other_store;
  std::string who;
  std::optional<std::uint32_t> business_date;
};

}  // namespace titan::pos
