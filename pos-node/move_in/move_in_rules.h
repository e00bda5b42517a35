// The rules of a move-in from a former system: a past sale becomes a HISTORY entry, a stock an
// OPENING_STOCK entry, an undone move-in HISTORY_WITHDRAWN entries (docs/V01.md).
//
// None of them has an idempotency key: their claims see to it that each counts once, whichever
// terminal recorded it how often, and a key would cost every terminal memory for ever.
//
// Pure; the same request, products and clock give the same entry.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "mesh/wire/move_in.h"
#include "pos-node/domain/business_day.h"
#include "pos-node/domain/sale_rules.h"

namespace titan::pos {

using mesh::MoveInId;

// Of one request.
inline constexpr std::size_t move_in_sales_max = 500;
inline constexpr std::size_t move_in_lines_max = 1000;
// How often one sale or stock can be moved in and undone; beyond that something is wrong.
inline constexpr std::uint32_t move_in_generations_max = 1000;

namespace flag {
// The former system had given the whole of it back.
inline constexpr std::string_view refunded_before = "refunded_before";
}  // namespace flag

enum class FormerStatus { completed, voided, refunded };

struct FormerLine {
  std::string sku;
  std::string description;
  Decimal quantity;
  Decimal unit_price;
  std::uint32_t tax_rate_micropercent = 0;
  Decimal total;  // what was paid for the line, tax in it
};

struct FormerPayment {
  std::string method;
  Decimal amount;  // handed over
  Decimal change;
};

struct FormerSale {
  std::string terminal;  // its id in the former system
  std::string id;        // the sale's id there
  std::string receipt;
  WallTime sold;
  std::string cashier;
  std::string currency;
  Decimal total;
  Decimal tax;
  FormerStatus status = FormerStatus::completed;
  bool was_sent = true;  // head office has it from the former system
  std::vector<FormerLine> lines;
  std::vector<FormerPayment> payments;
};

struct OpeningStock {
  std::string sku;
  Decimal quantity;
};

// BLAKE2b-256 of "v01-sale", NUL, the former terminal, NUL, the sale's id there; with NUL and the
// generation behind it once that many move-ins of it were withdrawn.
Hash history_claim(std::string_view terminal, std::string_view id, std::uint32_t generation);
// BLAKE2b-256 of "opening-stock", NUL, sku; the generation as above.
Hash opening_stock_claim(std::string_view sku, std::uint32_t generation);
// Of the entry that withdraws the move-in as a whole: BLAKE2b-256 of "withdrawn", NUL, the move-in.
Hash withdrawal_claim(const MoveInId& move_in);
// Of the entry that takes out one opening stock of it: the same with NUL and the opening's claim
// behind it. So whoever undoes it, how often, takes each opening out once, and one that was
// recorded at two tills, too.
Hash withdrawal_claim(const MoveInId& move_in, const Hash& opening_claim);
// The first 16 bytes of BLAKE2b-256 of "v01-move-in", NUL, the file's hash; the generation as
// above.
MoveInId move_in_id(const Hash& file, std::uint32_t generation);

// `field` names the sale in the request ("sales[2]."). Refused is what does not add up.
Result<Ruling> make_history(const FormerSale& sale, const MoveInId& move_in,
                            std::uint32_t generation, const StoreCalendar::Day& day,
                            const RuleContext& context, const std::string& field);
Result<Ruling> make_opening_stock(const OpeningStock& stock, const MoveInId& move_in,
                                  std::uint32_t generation, const RuleContext& context,
                                  const std::string& field);
// `claim`: one of the withdrawal's; `effects`: what it takes out again.
Result<Ruling> make_withdrawal(const MoveInId& move_in, const Hash& claim,
                               const std::string& reason, std::vector<crdt::StockEffect> effects,
                               const RuleContext& context);

// "2026-11-30T09:15:00Z" or "2026-11-30 09:15:00", with or without a fraction: UTC. Nothing unless
// that instant exists and lies in the years 1990 to 2100.
std::optional<WallTime> parse_utc_time(std::string_view text);

}  // namespace titan::pos
