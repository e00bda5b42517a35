// What one entry says, as rows of the tables that other programs read (docs/V01.md).
//
// Pure: an entry's own words, without what other entries make of it (counted or not, voided,
// refunded). Money is in minor units of the sale's currency. What a refund pays out is negative
// here, so that totals can be added up over all rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mesh/entry/entry.h"
#include "proto/entry.pb.h"
#include "retail/money.h"

namespace titan::pos {

struct ItemRow {
  std::string sku;
  std::string name;
  retail::Decimal quantity;
  std::int64_t unit_price_minor = 0;  // rounded where the price is finer
  std::int64_t rate_micropercent = 0;
  std::int64_t total_minor = 0;  // what was paid: its share of the sale's discounts is taken off
};

struct PaymentRow {
  std::string method;
  std::int64_t amount_minor = 0;  // handed over, in the sale's currency
  std::int64_t change_minor = 0;
};

struct SaleRows {
  std::string receipt;
  std::string terminal;  // empty: the entry does not say
  std::string cashier;
  std::string currency;
  std::int64_t total_minor = 0;
  std::int64_t tax_minor = 0;
  std::int64_t utc_ms = 0;
  std::vector<ItemRow> items;
  std::vector<PaymentRow> payments;
};

// Of a SALE, REFUND or HISTORY; nothing for other kinds, for sales in training and for bodies that
// do not parse.
std::optional<SaleRows> sale_rows(const mesh::Entry& entry);

// A sale of the former system: what was bought, and where it stood there.
struct FormerSale {
  std::string id;
  std::string origin;
  Bytes move_in;
  bool was_sent = false;
  bool was_voided = false;
};
std::optional<FormerSale> former_sale(const mesh::Entry& entry);
// The move-in that a HISTORY_WITHDRAWN undoes.
std::optional<Bytes> withdrawn_move_in(const mesh::Entry& entry);

// The sale that was sold in a SALE or HISTORY.
std::optional<entry::v1::Sale> sold_in(const mesh::Entry& entry);
// What a REFUND or VOID names; nothing for other kinds and where it names none.
std::optional<mesh::EntryId> named_original(const mesh::Entry& entry);

struct DeltaRows {
  std::string reason;
  std::string reference;  // empty: the row's own sale
  std::vector<crdt::StockEffect> effects;
};
DeltaRows delta_rows(const mesh::Entry& entry);

// "2026-11-30T09:15:00Z"; times that no calendar holds are given as its ends.
std::string utc_text(std::int64_t utc_ms);
std::string entry_text(const mesh::EntryId& id);  // "journal:number", as the API writes it

}  // namespace titan::pos
