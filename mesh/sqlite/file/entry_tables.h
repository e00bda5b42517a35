// Table-valued SQL functions that open an entry's bytes, so that sales, lines, payments and stock
// effects can be views over `entries` instead of rows written with every sale.
//
//   entry_sale(bytes)            one row for a SALE, REFUND, VOID or HISTORY
//   entry_history(bytes)         one row for a HISTORY: what the former system said of it
//   entry_lines(bytes)           one row a line of a SALE, REFUND or HISTORY
//   entry_payments(bytes)        one row a payment of a SALE, REFUND or HISTORY
//   entry_stock_effects(bytes)   one row an effect, of any kind of entry
//   stored_intervals(intervals)  one row an interval of those in the blob (blobs.h)
//   stored_gaps(intervals)       one row an interval between and behind them; the last one is open
//
// Bytes that do not decode give no rows.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "mesh/entry/entry.h"

struct sqlite3;

namespace titan::mesh {

// Key of entries.original: journal, then the number big-endian.
Bytes entry_key(const EntryId& id);
// What entries.original holds: of a REFUND or VOID the key of the entry that it names; of a HISTORY
// or HISTORY_WITHDRAWN, and of an OPENING_STOCK that a move-in brought, the move-in's 16 bytes.
// Nothing for other kinds and where none is named.
std::optional<Bytes> original_key(const Envelope& envelope);

// Throws SQLite::Exception when SQLite refuses, as the connection that calls it expects.
void register_entry_tables(sqlite3* database);

}  // namespace titan::mesh
