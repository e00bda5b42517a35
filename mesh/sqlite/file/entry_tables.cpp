#include "mesh/sqlite/file/entry_tables.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/hex.h"
#include "mesh/sqlite/file/blobs.h"
#include "mesh/wire/move_in.h"
#include "proto/entry.pb.h"

namespace titan::mesh {
namespace {

namespace wire = titan::entry::v1;

struct Blob {
  Bytes bytes;
};
using Value = std::variant<std::monostate, std::int64_t, std::string, Blob>;
using Row = std::vector<Value>;
using Rows = std::vector<Row>;

struct TableDefinition {
  const char* name;
  const char* columns;
  int column_count;
  Rows (*rows)(BytesView bytes);
};

// Parsing into messages that are kept reuses their memory: a view over a day's entries parses
// thousands of them.
struct Parsed {
  wire::SignedEntry entry;
  wire::Envelope envelope;
  wire::Refund refund;
  wire::Void voiding;
  wire::History history;
};
Parsed& parsed() {
  thread_local Parsed kept;
  return kept;
}

bool parse_envelope(BytesView bytes, wire::Envelope& envelope) {
  wire::SignedEntry& entry = parsed().entry;
  return entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         envelope.ParseFromString(entry.envelope());
}

// The sale inside a SALE, a REFUND or a HISTORY.
bool parse_sale(BytesView bytes, wire::Envelope& envelope, wire::Refund& refund) {
  if (!parse_envelope(bytes, envelope)) return false;
  refund.clear_original();
  refund.clear_reason();
  if (envelope.kind() == wire::SALE) return refund.mutable_sale()->ParseFromString(envelope.body());
  if (envelope.kind() == wire::HISTORY) {
    wire::History& history = parsed().history;
    if (!history.ParseFromString(envelope.body())) return false;
    refund.mutable_sale()->Swap(history.mutable_sale());
    return true;
  }
  return envelope.kind() == wire::REFUND && refund.ParseFromString(envelope.body());
}

template <class Texts>
std::string joined(const Texts& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : " ") + text;
  return all;
}

template <class Discounts>
std::int64_t sum_of(const Discounts& discounts) {
  std::uint64_t sum = 0;  // unsigned: whatever a body holds, the sum is defined
  for (const auto& discount : discounts) sum += static_cast<std::uint64_t>(discount.amount_minor());
  return static_cast<std::int64_t>(sum);
}

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

void append_original(Row& row, bool known, const wire::EntryReference& original) {
  if (known) {
    row.emplace_back(to_hex(original.journal()));
    row.emplace_back(as_signed(original.number()));
  } else {
    row.resize(row.size() + 2);
  }
}

Row sale_row(const wire::Envelope& envelope, const wire::Refund& refund) {
  const wire::Sale& sale = refund.sale();
  Row row = {envelope.utc_ms(),
             std::int64_t{envelope.utc_offset_minutes()},
             envelope.idempotency_key(),
             sale.currency(),
             std::int64_t{sale.exponent()},
             sale.total_minor(),
             sale.tax_minor(),
             sale.rounding_minor(),
             sale.cashier(),
             sale.customer_token(),
             std::int64_t{sale.training()},
             joined(sale.flags()),
             std::int64_t{sale.lines_size()},
             std::int64_t{sale.payments_size()}};
  append_original(row, refund.has_original(), refund.original());
  row.emplace_back(refund.reason());
  return row;
}

Row void_row(const wire::Envelope& envelope, const wire::Void& body) {
  Row row = {envelope.utc_ms(),
             std::int64_t{envelope.utc_offset_minutes()},
             envelope.idempotency_key(),
             body.currency(),
             std::int64_t{body.exponent()},
             body.total_minor(),
             std::int64_t{0},
             std::int64_t{0},
             body.cashier(),
             std::string(),
             std::int64_t{0},
             std::string(),
             std::int64_t{0},
             std::int64_t{0}};
  append_original(row, body.has_original(), body.original());
  row.emplace_back(body.reason());
  return row;
}

Rows rows_of_sale(BytesView bytes) {
  Parsed& into = parsed();
  if (parse_sale(bytes, into.envelope, into.refund)) return {sale_row(into.envelope, into.refund)};
  if (into.envelope.kind() != wire::VOID) return {};
  if (!into.voiding.ParseFromString(into.envelope.body())) return {};
  return {void_row(into.envelope, into.voiding)};
}

Rows rows_of_history(BytesView bytes) {
  wire::Envelope& envelope = parsed().envelope;
  wire::History& body = parsed().history;
  if (!parse_envelope(bytes, envelope) || envelope.kind() != wire::HISTORY) return {};
  if (!body.ParseFromString(envelope.body())) return {};
  return {{body.origin(), body.id(), body.receipt(), body.utc_ms(),
           std::int64_t{body.utc_offset_minutes()}, std::int64_t{body.was_sent()},
           std::int64_t{body.was_voided()}, to_hex(body.move_in())}};
}

Rows rows_of_lines(BytesView bytes) {
  wire::Refund& refund = parsed().refund;
  if (!parse_sale(bytes, parsed().envelope, refund)) return {};
  Rows rows;
  for (const wire::Line& line : refund.sale().lines()) {
    rows.push_back(
        {static_cast<std::int64_t>(rows.size()), line.sku(), line.gtin_scanned(),
         line.description(), line.quantity().value(), std::int64_t{line.quantity().scale()},
         line.quantity().unit(), line.list_unit_price().amount(),
         std::int64_t{line.list_unit_price().exponent()}, line.charged_unit_price().amount(),
         std::int64_t{line.charged_unit_price().exponent()}, line.price_version(),
         sum_of(line.discounts()), line.tax_code(), std::int64_t{line.tax_rate_basis_points()},
         std::int64_t{line.tax_included()}, line.tax_minor(), line.total_minor(),
         joined(line.flags())});
  }
  return rows;
}

Rows rows_of_payments(BytesView bytes) {
  wire::Refund& refund = parsed().refund;
  if (!parse_sale(bytes, parsed().envelope, refund)) return {};
  Rows rows;
  for (const wire::Payment& payment : refund.sale().payments()) {
    rows.push_back({static_cast<std::int64_t>(rows.size()), payment.method(), payment.currency(),
                    std::int64_t{payment.exponent()}, payment.amount_minor(),
                    payment.change_minor(), payment.reference()});
  }
  return rows;
}

Rows rows_of_stock_effects(BytesView bytes) {
  wire::Envelope& envelope = parsed().envelope;
  if (!parse_envelope(bytes, envelope)) return {};
  Rows rows;
  for (const wire::StockEffect& effect : envelope.stock_effects()) {
    rows.push_back({effect.product(), as_signed(effect.added()), as_signed(effect.removed())});
  }
  return rows;
}

Rows rows_of_intervals(BytesView bytes) {
  Rows rows;
  const crdt::IntervalSet stored = intervals_of(bytes);
  for (const crdt::Interval& interval : stored.intervals()) {
    rows.push_back({as_signed(interval.first), as_signed(interval.last)});
  }
  return rows;
}

Rows rows_of_gaps(BytesView bytes) {
  Rows rows;
  const crdt::IntervalSet stored = intervals_of(bytes);
  const crdt::IntervalSet gaps = stored.gaps();
  for (const crdt::Interval& gap : gaps.intervals()) {
    rows.push_back({as_signed(gap.first), as_signed(gap.last)});
  }
  rows.push_back({as_signed(stored.top() + 1), std::numeric_limits<std::int64_t>::max()});
  return rows;
}

constexpr std::array definitions = {
    TableDefinition{"entry_sale",
                    "utc_ms, utc_offset_minutes, idempotency_key, currency, exponent, total_minor, "
                    "tax_minor, rounding_minor, cashier, customer_token, training, flags, "
                    "line_count, payment_count, original_journal, original_number, reason",
                    17, rows_of_sale},
    TableDefinition{
        "entry_history",
        "origin, id, receipt, utc_ms, utc_offset_minutes, was_sent, was_voided, move_in", 8,
        rows_of_history},
    TableDefinition{"entry_lines",
                    "line, sku, gtin_scanned, description, quantity_value, quantity_scale, unit, "
                    "list_amount, list_exponent, charged_amount, charged_exponent, price_version, "
                    "discount_minor, tax_code, tax_rate_basis_points, tax_included, tax_minor, "
                    "total_minor, flags",
                    19, rows_of_lines},
    TableDefinition{"entry_payments",
                    "line, method, currency, exponent, amount_minor, change_minor, reference", 7,
                    rows_of_payments},
    TableDefinition{"entry_stock_effects", "product, added, removed", 3, rows_of_stock_effects},
    TableDefinition{"stored_intervals", "first, last", 2, rows_of_intervals},
    TableDefinition{"stored_gaps", "first, last", 2, rows_of_gaps},
};

// SQLite's virtual table interface speaks C: it allocates and frees these through the callbacks
// below. The base struct comes first, so a pointer to it is a pointer to the whole.
struct Table : sqlite3_vtab {
  const TableDefinition* definition = nullptr;
};
struct Cursor : sqlite3_vtab_cursor {
  Rows rows;
  std::size_t at = 0;
};

int on_connect(sqlite3* database, void* definition, int, const char* const*, sqlite3_vtab** table,
               char**) {
  const auto* described = static_cast<const TableDefinition*>(definition);
  const std::string declaration =
      std::string("CREATE TABLE x(") + described->columns + ", bytes HIDDEN)";
  const int result = sqlite3_declare_vtab(database, declaration.c_str());
  if (result != SQLITE_OK) return result;
  sqlite3_vtab_config(database, SQLITE_VTAB_INNOCUOUS);
  auto* made = new Table{};
  made->definition = described;
  *table = made;
  return SQLITE_OK;
}

int on_disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

// The bytes are the function's one argument; without them there is nothing to list.
int on_best_index(sqlite3_vtab* table, sqlite3_index_info* info) {
  const int bytes_column = static_cast<Table*>(table)->definition->column_count;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.iColumn != bytes_column || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!constraint.usable) return SQLITE_CONSTRAINT;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    info->estimatedCost = 10;
    info->estimatedRows = 5;
    info->idxNum = 1;
    return SQLITE_OK;
  }
  return SQLITE_CONSTRAINT;
}

int on_open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
  *cursor = new Cursor{};
  return SQLITE_OK;
}

int on_close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}

int on_filter(sqlite3_vtab_cursor* base, int, const char*, int count, sqlite3_value** values) {
  auto& cursor = *static_cast<Cursor*>(base);
  cursor.at = 0;
  cursor.rows.clear();
  if (count != 1) return SQLITE_OK;
  const auto* data = static_cast<const char*>(sqlite3_value_blob(values[0]));
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[0]));
  try {
    cursor.rows = static_cast<Table*>(cursor.pVtab)->definition->rows(BytesView(data, size));
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;  // no exception may cross SQLite's C frames
  }
  return SQLITE_OK;
}

int on_next(sqlite3_vtab_cursor* cursor) {
  ++static_cast<Cursor*>(cursor)->at;
  return SQLITE_OK;
}

int on_end(sqlite3_vtab_cursor* base) {
  const auto& cursor = *static_cast<Cursor*>(base);
  return cursor.at >= cursor.rows.size();
}

int on_column(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  const auto& cursor = *static_cast<Cursor*>(base);
  const Row& row = cursor.rows[cursor.at];
  if (column < 0 || static_cast<std::size_t>(column) >= row.size()) return SQLITE_OK;
  const Value& value = row[static_cast<std::size_t>(column)];
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    sqlite3_result_int64(context, *number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (const auto* blob = std::get_if<Blob>(&value)) {
    sqlite3_result_blob64(context, blob->bytes.data(), blob->bytes.size(), SQLITE_TRANSIENT);
  }
  return SQLITE_OK;
}

int on_row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* row) {
  *row = static_cast<sqlite3_int64>(static_cast<Cursor*>(cursor)->at);
  return SQLITE_OK;
}

// Without xCreate the tables are eponymous: they exist by their name and can be neither made nor
// dropped.
constexpr sqlite3_module module_of_tables() {
  sqlite3_module module{};
  module.xConnect = on_connect;
  module.xBestIndex = on_best_index;
  module.xDisconnect = on_disconnect;
  module.xOpen = on_open;
  module.xClose = on_close;
  module.xFilter = on_filter;
  module.xNext = on_next;
  module.xEof = on_end;
  module.xColumn = on_column;
  module.xRowid = on_row_id;
  return module;
}
constexpr sqlite3_module tables_module = module_of_tables();

}  // namespace

Bytes entry_key(const EntryId& id) {
  Bytes key(id.journal.view());
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(id.number >> shift & 0xff));
  }
  return key;
}

std::optional<Bytes> original_key(const Envelope& envelope) {
  wire::EntryReference original;
  if (const auto move_in = move_in_of(envelope)) return Bytes(move_in->view());
  if (envelope.kind == Kind::refund) {
    wire::Refund body;
    if (!body.ParseFromString(envelope.body)) return std::nullopt;
    original = body.original();
  } else if (envelope.kind == Kind::void_sale) {
    wire::Void body;
    if (!body.ParseFromString(envelope.body)) return std::nullopt;
    original = body.original();
  }
  const auto journal = JournalId::from_bytes(original.journal());
  if (!journal) return std::nullopt;
  return entry_key({*journal, original.number()});
}

void register_entry_tables(sqlite3* database) {
  for (const TableDefinition& definition : definitions) {
    const int result = sqlite3_create_module_v2(database, definition.name, &tables_module,
                                                const_cast<TableDefinition*>(&definition), nullptr);
    if (result != SQLITE_OK) throw SQLite::Exception(database, result);
  }
}

}  // namespace titan::mesh
