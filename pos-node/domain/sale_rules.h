// The rules of the till: a request and the product table become an entry, or a refusal that names
// the field.
//
// What happened in the shop is recorded, not refused: an unknown article with a price, an exchange
// with a negative line, a delisted product, cash rounding, a refund of more than was sold are
// accepted and flagged. Refused is what cannot be true or cannot be written down: sums that do not
// add up, payments short of the total, figures beyond 64 bits, lines without price or quantity.
//
// Pure apart from the look-ups; the same request, products and clock give the same entry. A body is
// serialised deterministically.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "mesh/entry/entry.h"
#include "pos-node/domain/catalogue.h"
#include "pos-node/domain/clock.h"
#include "pos-node/domain/recorded_entry.h"
#include "pos-node/domain/requests.h"
#include "retail/cash_rounding.h"
#include "retail/scan/labels.h"
#include "retail/settlement.h"
#include "retail/tax_sums.h"

namespace titan::pos {

// The largest receipt of the real data has 1,114 lines; this is what surely fits an entry.
inline constexpr std::size_t sale_lines_max = 2000;
inline constexpr std::size_t payments_max = 50;
inline constexpr std::size_t discounts_max = 50;  // per line, and per sale
inline constexpr std::size_t products_per_entry_max = 500;
// Of an entry's bytes, kept for what the journal adds to a body (ids, hashes, opening, receipt).
inline constexpr std::size_t envelope_bytes_reserve = 8 * 1024;
inline constexpr std::int64_t quantity_pieces_max = 1'000'000'000;

// Flags on lines and sales. They are written into entries: append-only, never renamed.
namespace flag {
inline constexpr std::string_view unknown_product = "unknown_product";
inline constexpr std::string_view delisted = "delisted";
inline constexpr std::string_view negative_line = "negative_line";
inline constexpr std::string_view zero_price = "zero_price";
inline constexpr std::string_view negative_price = "negative_price";
inline constexpr std::string_view negative_total = "negative_total";
inline constexpr std::string_view unit_differs = "unit_differs";  // in older entries only
inline constexpr std::string_view unit_converted = "unit_converted";
inline constexpr std::string_view gtin_shared = "gtin_shared";
inline constexpr std::string_view label_value = "label_value";
inline constexpr std::string_view label_check_digit = "label_check_digit";
inline constexpr std::string_view scan_incomplete = "scan_incomplete";
inline constexpr std::string_view expired = "expired";
inline constexpr std::string_view gtin_of_other_product = "gtin_of_other_product";
inline constexpr std::string_view training = "training";
inline constexpr std::string_view cash_rounding = "cash_rounding";
inline constexpr std::string_view overpaid = "overpaid";
inline constexpr std::string_view negative_payment = "negative_payment";
inline constexpr std::string_view reference_masked = "reference_masked";
inline constexpr std::string_view foreign_currency = "foreign_currency";
inline constexpr std::string_view without_original = "without_original";
inline constexpr std::string_view original_not_here = "original_not_here";
inline constexpr std::string_view original_voided = "original_voided";
inline constexpr std::string_view original_line_differs = "original_line_differs";
inline constexpr std::string_view refunded_more_than_sold = "refunded_more_than_sold";
inline constexpr std::string_view refunded_more_than_paid = "refunded_more_than_paid";
inline constexpr std::string_view unknown_currency = "unknown_currency";
inline constexpr std::string_view rounding_differs = "rounding_differs";
inline constexpr std::string_view cash_not_rounded = "cash_not_rounded";
inline constexpr std::string_view change_exceeds_cash = "change_exceeds_cash";
inline constexpr std::string_view tax_before_discount = "tax_before_discount";
}  // namespace flag

// What the rules know of the shop.
struct StoreFacts {
  std::string tenant;
  std::string store;
  std::string terminal;
  std::string currency;
  DeviceId device;
  ProcessId process;
  std::int64_t low_stock_units = 0;  // default threshold, millionths
  TaxRounding tax_rounding = TaxRounding::line;
  std::optional<CashRule> cash_rule;  // none: coins are not rounded here
  LabelTable labels;                  // what the shop's own price and weight labels mean
};

struct RuleContext {
  const StoreFacts& facts;
  const ClockReading& clock;
  Catalogue& catalogue;
};

struct RuleAlarm {
  std::string code;
  std::string message;
};

struct Ruling {
  mesh::EntryDraft draft;
  std::vector<RuleAlarm> alarms;  // to be raised once the entry is recorded
};

// What is known of the sale that a refund names.
struct RefundHistory {
  EntryPointer original;              // null: not on this terminal (yet)
  std::vector<EntryPointer> refunds;  // earlier refunds of it
  bool voided = false;
  bool withdrawn = false;  // history whose move-in was undone
};

Result<Ruling> make_sale(const SaleRequest& request, const RuleContext& context);
Result<Ruling> make_refund(const RefundRequest& request, const RuleContext& context,
                           const RefundHistory& history);
// `original`: the entry that the request names. Refused unless it is a sale or refund that this
// device wrote, and of a sale of which nothing came back yet (`refunds`: those that count): a void
// undoes all of it. The claim (mesh/journal/idempotency.h) sees to it that of two voids one counts,
// also where they name two entries of one request.
Result<Ruling> make_void(const VoidRequest& request, const RuleContext& context,
                         const RecordedEntry& original, const std::vector<EntryPointer>& refunds);
Result<Ruling> make_movement(const MovementRequest& request, const RuleContext& context);
// One PRODUCT entry of a serialised titan.entry.v1.Products, each already checked, or an entry of a
// product list (mesh/wire/product_list.h).
Result<Ruling> make_products(mesh::Kind kind, Bytes body, const RuleContext& context);

// BLAKE2b-256 of "transfer-in", NUL, the sending store, NUL, the transfer's id.
Hash transfer_in_claim(std::string_view other_store, std::string_view transfer_id);

// When a refund or void of a sale was seen, from whichever till: the alarms if all of them together
// give back more than was sold and paid, as can happen across a cut. One for each line at most.
std::vector<RuleAlarm> over_refund_alarms(const RefundHistory& history);

// What is left of a sale; nothing if it cannot be told (the original is not here, or is no sale).
std::optional<Settlement> settlement_of(const RefundHistory& history);

}  // namespace titan::pos
