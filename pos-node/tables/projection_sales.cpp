// An entry's rows in sales, sale_items, payments, inventory_deltas and sync_outbox.
#include <algorithm>
#include <utility>

#include "mesh/journal/idempotency.h"
#include "pos-node/tables/journal_failure.h"
#include "pos-node/tables/projection.h"
#include "retail/settlement.h"

namespace titan::pos {
namespace {

// Three digits, so that lines stand in their order where ids are sorted.
std::string line_id(const std::string& key, std::size_t index) {
  std::string digits = std::to_string(index + 1);
  if (digits.size() < 3) digits.insert(0, 3 - digits.size(), '0');
  return key + ":" + digits;
}

std::string micro_text(std::uint64_t micro) {
  return retail::to_short_text(static_cast<std::int64_t>(micro), 6);
}

}  // namespace

// ---- what other entries make of it ------------------------------------------------------------

bool TablesProjection::counts(const Known& known) {
  const Hash& claim = known.entry.envelope.claim;
  if (claim.is_none()) return true;
  const All entries = claiming(claim);
  return entries.empty() || entries.front().hash == known.entry.hash;
}

TablesProjection::All TablesProjection::twins_of(const Known& known) {
  const mesh::Envelope& envelope = known.entry.envelope;
  const bool has_twins = mesh::claims_its_request(envelope) || envelope.kind == mesh::Kind::history;
  All twins = has_twins ? claiming(envelope.claim) : All{};
  if (twins.empty()) {
    twins.push_back({known.position, envelope.id, known.entry.hash, known.entry.bytes});
  }
  return twins;
}

bool TablesProjection::is_voided(const Known& known) {
  for (const mesh::StoredEntry& twin : twins_of(known)) {
    if (!claiming(mesh::void_claim(twin.hash)).empty()) return true;
  }
  return !claiming(mesh::void_claim(known.entry)).empty();
}

bool TablesProjection::is_refunded(const Known& known) {
  const auto sold = sold_in(known.entry);
  if (!sold) return false;
  retail::Settlement settlement(*sold);
  for (const mesh::StoredEntry& twin : twins_of(known)) {
    const All refunds = until_bound(ask(journal_.entries_about(twin.id, mesh::Kind::refund)));
    for (const mesh::StoredEntry& stored : refunds) {
      const auto refund = decode(stored);
      entry::v1::Refund body;
      if (!refund || !body.ParseFromString(refund->entry.envelope.body)) continue;
      if (counts(*refund) && !is_voided(*refund)) settlement.take(body);
    }
  }
  return settlement.refunds() > 0 && !settlement.anything_left();
}

std::string TablesProjection::status_of(const Known& known) {
  const auto former = former_sale(known.entry);
  if ((former && former->was_voided) || is_voided(known)) return "voided";
  return is_refunded(known) ? "refunded" : "completed";
}

std::string TablesProjection::terminal_of(const mesh::Entry& entry) {
  if (entry.envelope.receipt) return entry.envelope.receipt->terminal;
  const JournalId& journal = entry.envelope.id.journal;
  auto found = journals_.find(journal);
  if (found == journals_.end()) {
    for (mesh::StoredJournal& row : ask(journal_.journals())) journals_[row.journal] = row;
    found = journals_.try_emplace(journal).first;
  }
  if (!found->second.terminal.empty()) return found->second.terminal;
  return entry.envelope.device.hex().substr(0, 8);  // until the journal's first entry is here
}

// ---- sales of the former system ---------------------------------------------------------------

void TablesProjection::take_former(const Known& known) {
  const auto former = former_sale(known.entry);
  if (!former) return;
  tables_.use("INSERT OR IGNORE INTO tables_former(position, id, origin, move_in) VALUES(?,?,?,?)")
      .integer(1, known.position)
      .text(2, former->id)
      .text(3, former->origin)
      .blob(4, former->move_in)
      .run();
}

// All that it brought, and what was moved in besides and did not show because of it.
void TablesProjection::take_withdrawal(const Bytes& move_in) {
  tables_.use("INSERT OR IGNORE INTO tables_withdrawn VALUES(?)").blob(1, move_in).run();
  tables_
      .use(
          "INSERT OR IGNORE INTO tables_due SELECT other.position FROM tables_former brought "
          "JOIN tables_former other ON other.id = brought.id WHERE brought.move_in = ?")
      .blob(1, move_in)
      .run();
}

// Of one former sale that several move-ins brought, the entry with the smallest hash of those that
// are not withdrawn.
bool TablesProjection::former_is_shown(const Known& known) {
  const auto is_withdrawn = [this](std::int64_t position) {
    mesh::Use use = tables_.use(
        "SELECT 1 FROM tables_former f JOIN tables_withdrawn w ON w.move_in = f.move_in "
        "WHERE f.position = ?");
    use.integer(1, position);
    return use.step();
  };
  if (is_withdrawn(known.position)) return false;
  for (const mesh::StoredEntry& twin : twins_of(known)) {
    if (!is_withdrawn(twin.position)) return twin.hash == known.entry.hash;
  }
  return false;
}

// The id it had; where two former terminals gave one id to two sales, each with its terminal's name
// before it.
std::string TablesProjection::former_name(const FormerSale& former) {
  mesh::Use use = tables_.use("SELECT 1 FROM tables_former WHERE id = ? AND origin <> ?");
  use.text(1, former.id).text(2, former.origin);
  return use.step() ? former.origin + ":" + former.id : former.id;
}

// ---- writing and erasing ----------------------------------------------------------------------

void TablesProjection::write(const Known& known) {
  const std::string key = key_of(known);
  const bool in_ledger = counts(known);
  if (in_ledger) write_deltas(known, key);
  const bool is_shown =
      known.entry.envelope.kind == mesh::Kind::history ? former_is_shown(known) : in_ledger;
  if (is_shown) write_sale(known, key);
}

void TablesProjection::write_sale(const Known& known, const std::string& key) {
  const auto rows = sale_rows(known.entry);
  if (!rows) return;
  const auto former = former_sale(known.entry);
  const std::string id = former ? former_name(*former) : key;
  if (former) {
    tables_.use("UPDATE tables_former SET name = ? WHERE position = ?")
        .text(1, id)
        .integer(2, known.position)
        .run();
  }
  const std::string terminal = rows->terminal.empty() ? terminal_of(known.entry) : rows->terminal;
  const std::string status = status_of(known);
  const std::string created = utc_text(rows->utc_ms);
  tables_.use("INSERT OR REPLACE INTO sales VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .text(1, id)
      .text(2, rows->receipt)
      .text(3, terminal)
      .text(4, rows->cashier)
      .integer(5, rows->total_minor)
      .integer(6, rows->tax_minor)
      .text(7, rows->currency)
      .text(8, status)
      .text(9, created)
      .text(10, facts_.store)
      .run();
  for (std::size_t i = 0; i < rows->items.size(); ++i) {
    const ItemRow& item = rows->items[i];
    tables_.use("INSERT OR REPLACE INTO sale_items VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .text(1, line_id(id, i))
        .text(2, id)
        .text(3, item.sku)
        .text(4, item.sku)
        .text(5, item.name)
        .text(6, retail::to_short_text(item.quantity.value, item.quantity.scale))
        .integer(7, item.unit_price_minor)
        .text(8, retail::to_short_text(item.rate_micropercent, 6))
        .integer(9, item.total_minor)
        .text(10, facts_.store)
        .run();
  }
  for (std::size_t i = 0; i < rows->payments.size(); ++i) {
    const PaymentRow& payment = rows->payments[i];
    tables_.use("INSERT OR REPLACE INTO payments VALUES(?, ?, ?, ?, ?, ?, ?)")
        .text(1, line_id(id, i))
        .text(2, id)
        .text(3, payment.method)
        .integer(4, payment.amount_minor)
        .integer(5, payment.change_minor)
        .text(6, created)
        .text(7, facts_.store)
        .run();
  }
  if (!former || !former->was_sent) write_outbox(known, key, id);
}

void TablesProjection::write_deltas(const Known& known, const std::string& key) {
  const mesh::Envelope& envelope = known.entry.envelope;
  if (envelope.stock_effects.empty()) return;
  const DeltaRows rows = delta_rows(known.entry);
  const std::string terminal = terminal_of(known.entry);
  const std::string created = utc_text(envelope.time.utc_ms);
  const bool is_sale = envelope.kind == mesh::Kind::sale || envelope.kind == mesh::Kind::refund;
  for (std::size_t i = 0; i < rows.effects.size(); ++i) {
    const crdt::StockEffect& effect = rows.effects[i];
    tables_.use("INSERT OR REPLACE INTO inventory_deltas VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
        .text(1, line_id(key, i))
        .text(2, effect.product)
        .text(3, terminal)
        .text(4, micro_text(effect.added - effect.removed))
        .text(5, rows.reason)
        .text(6, is_sale ? key : rows.reference)
        .text(7, created)
        .text(8, facts_.store)
        .run();
  }
  move_stock(known.entry, false);
}

void TablesProjection::move_stock(const mesh::Entry& entry, bool take_out) {
  for (const crdt::StockEffect& effect : entry.envelope.stock_effects) {
    const std::uint64_t change = effect.added - effect.removed;
    moved_[effect.product] += take_out ? 0 - change : change;
  }
}

void TablesProjection::erase(const Known& known, const std::string& key) {
  std::string name = key;
  if (known.entry.envelope.kind == mesh::Kind::history) {
    mesh::Use use = tables_.use("SELECT name FROM tables_former WHERE position = ?");
    use.integer(1, known.position);
    name = use.step() && !use.is_null_at(0) ? use.bytes_at(0) : std::string();
  }
  if (!name.empty()) erase_sale(name, key);
  if (known.entry.envelope.kind == mesh::Kind::history) {
    tables_.use("UPDATE tables_former SET name = NULL WHERE position = ?")
        .integer(1, known.position)
        .run();
  }
  if (!has_deltas(key)) return;
  move_stock(known.entry, true);
  // ';' is the character behind ':'.
  tables_.use("DELETE FROM inventory_deltas WHERE id >= ? AND id < ?")
      .text(1, key + ":")
      .text(2, key + ";")
      .run();
}

void TablesProjection::erase_sale(const std::string& name, const std::string& key) {
  tables_.use("DELETE FROM sales WHERE id = ?").text(1, name).run();
  tables_.use("DELETE FROM sale_items WHERE sale_id = ?").text(1, name).run();
  tables_.use("DELETE FROM payments WHERE sale_id = ?").text(1, name).run();
  tables_.use("DELETE FROM sync_outbox WHERE id = ?").text(1, key).run();
}

bool TablesProjection::has_deltas(const std::string& key) {
  const std::string first = line_id(key, 0);
  mesh::Use use = tables_.use("SELECT 1 FROM inventory_deltas WHERE id = ?");
  use.text(1, first);
  return use.step();
}

void TablesProjection::write_outbox(const Known& known, const std::string& key,
                                    const std::string& name) {
  if (!is_pending(known.entry.envelope.id)) return;
  tables_
      .use(
          "INSERT OR REPLACE INTO sync_outbox SELECT ?, 'sale', id, json_object('id', id, "
          "'receipt_no', receipt_no, 'terminal_id', terminal_id, 'total_cents', total_cents, "
          "'tax_cents', tax_cents, 'currency', currency, 'created_at', created_at), created_at, "
          "NULL, store_id FROM sales WHERE id = ?")
      .text(1, key)
      .text(2, name)
      .run();
}

}  // namespace titan::pos
