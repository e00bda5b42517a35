// Steps, and which rows an entry touches besides its own.
#include "pos-node/tables/projection.h"

#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <utility>

#include "pos-node/tables/journal_failure.h"

namespace titan::pos {
namespace {

// A void may name a void that names a void; nobody needs more than a void of a refund of a sale.
constexpr int affected_depth_max = 6;

}  // namespace

std::string tables_basis(const TablesFacts& facts) {
  return facts.store + " " + facts.cloud_key.hex();
}

Result<TablesProgress> TablesProjection::step(WallTime now, const TablesStep& limits) {
  journal_failed_ = false;
  moved_.clear();
  skus_.clear();
  try {
    auto progress =
        tables_.guarded("bringing the tables up to date", [&]() -> Result<TablesProgress> {
          if (is_idle()) return TablesProgress::complete;
          return step_in_transaction(now, limits);
        });
    if (!progress) watermark_statement_.reset();
    return progress;
  } catch (const JournalFailure& failure) {
    watermark_statement_.reset();
    journal_failed_ = true;
    return failure.error;
  }
}

bool TablesProjection::is_idle() {
  bound_ = number("SELECT position FROM tables_state");
  if (settings_changed_ || ask(journal_.newest_position()) != bound_) return false;
  if (number("SELECT count(*) FROM tables_due") > 0 || has_note("products_after")) return false;
  if (note("projection_basis") != ask(journal_.projection_basis())) return false;
  if (facts_.cloud_key.is_none()) return true;
  const auto watermark = ask(journal_.watermark());
  return watermark_statement_ == (watermark ? watermark->statement : Bytes());
}

Result<TablesProgress> TablesProjection::step_in_transaction(WallTime now,
                                                             const TablesStep& limits) {
  SQLite::Transaction transaction(tables_.database(), SQLite::TransactionBehavior::IMMEDIATE);
  bound_ = number("SELECT position FROM tables_state");
  written_to_ = bound_;
  if (!is_of_this_journal() || !follow_watermark()) return TablesProgress::begin_again;
  const std::size_t rewritten = apply_due(limits.entries_max);
  if (rewritten < limits.entries_max) apply_new(limits);
  write_stock();
  write_products(limits);
  if (settings_changed_) write_config();

  const bool is_complete = number("SELECT count(*) FROM tables_due") == 0 &&
                           !has_note("products_after") && ask(journal_.newest_position()) == bound_;
  tables_.use("UPDATE tables_state SET position = ?").integer(1, bound_).run();
  if (is_complete) {
    const std::string time = utc_text(now.utc_ms);
    tables_.use("UPDATE tables_state SET complete_to = ?").text(1, time).run();
  }
  transaction.commit();
  settings_changed_ = false;
  return is_complete ? TablesProgress::complete : TablesProgress::more;
}

// A file that was recovered or brought back from a backup has other entries at the same positions.
bool TablesProjection::is_of_this_journal() {
  if (bound_ == 0) return true;
  const All last = ask(journal_.entries_after(bound_ - 1, 1, 0));
  return !last.empty() && last.front().position == bound_ &&
         last.front().hash.hex() == note("position_hash");
}

// ---- what the journal knows of an entry, up to the bound --------------------------------------

std::optional<TablesProjection::Known> TablesProjection::decode(
    const mesh::StoredEntry& stored) const {
  auto entry = codec_.decode_entry(stored.bytes);
  if (!entry) return std::nullopt;
  return Known{stored.position, std::move(*entry)};
}

TablesProjection::All TablesProjection::until_bound(All entries) const {
  std::erase_if(entries, [this](const auto& entry) { return entry.position > bound_; });
  return entries;
}

TablesProjection::All TablesProjection::claiming(const Hash& claim) {
  if (claim.is_none()) return {};
  return until_bound(ask(journal_.entries_with_claim(claim)));
}

// The entries' own id. Where a copied process used a number again, the API shows the branch with
// the smallest hash under it; the others have the beginning of their hash behind it.
std::string TablesProjection::key_of(const mesh::EntryId& id, const Hash& hash) {
  const All branches = until_bound(ask(journal_.find_entry(id)));
  const bool is_first = branches.size() < 2 || branches.front().hash == hash;
  return entry_text(id) + (is_first ? "" : "-" + hash.hex().substr(0, 8));
}

// ---- applying ---------------------------------------------------------------------------------

std::size_t TablesProjection::apply_due(std::size_t entries_max) {
  std::vector<std::int64_t> due;
  {
    mesh::Use use = tables_.use("SELECT position FROM tables_due ORDER BY position LIMIT ?");
    use.integer(1, static_cast<std::int64_t>(entries_max));
    while (use.step()) due.push_back(use.integer_at(0));
  }
  for (const std::int64_t position : due) {
    for (const mesh::StoredEntry& stored : ask(journal_.entries_after(position - 1, 1, 0))) {
      const auto known = decode(stored);
      if (!known || known->position != position) continue;
      ByPosition affected;
      affect(*known, affected, 0);
      rewrite(affected);
      note_cursor(*known);
    }
    tables_.use("DELETE FROM tables_due WHERE position = ?").integer(1, position).run();
  }
  return due.size();
}

std::size_t TablesProjection::apply_new(const TablesStep& limits) {
  const All entries = ask(journal_.entries_after(bound_, limits.entries_max, limits.bytes_max));
  for (const mesh::StoredEntry& stored : entries) {
    bound_ = stored.position;
    if (const auto known = decode(stored)) apply(*known);
    written_to_ = bound_;
  }
  if (!entries.empty()) put_note("position_hash", entries.back().hash.hex());
  return entries.size();
}

void TablesProjection::apply(const Known& known) {
  if (known.entry.envelope.opening) rewrite_whole_journal(known);
  take_former(known);
  if (const auto move_in = withdrawn_move_in(known.entry)) take_withdrawal(*move_in);
  part_branches(known);
  ByPosition affected;
  affect(known, affected, 0);
  rewrite(affected);
  note_layers(known);
  note_cursor(known);
}

// All are erased before any is written: of two entries with one former sale, or of two that change
// names, one takes what the other leaves.
void TablesProjection::rewrite(const ByPosition& entries) {
  for (const auto& [position, known] : entries) {
    if (position <= written_to_) erase(known, key_of(known));
  }
  for (const auto& [position, known] : entries) write(known);
}

// What came before a journal's first entry did not know the name of its terminal.
void TablesProjection::rewrite_whole_journal(const Known& opening) {
  const JournalId& journal = opening.entry.envelope.id.journal;
  journals_.erase(journal);
  std::uint64_t from = 2;
  while (true) {
    const All entries = ask(journal_.journal_entries(journal, from, mesh::read_entries_max));
    for (const mesh::StoredEntry& entry : entries) {
      if (entry.position > opening.position) continue;
      tables_.use("INSERT OR IGNORE INTO tables_due VALUES(?)").integer(1, entry.position).run();
    }
    if (entries.size() < mesh::read_entries_max) return;
    from = entries.back().id.number + 1;
  }
}

// The rows of other entries with the same number are renamed before this one takes its own.
void TablesProjection::part_branches(const Known& known) {
  const All branches = until_bound(ask(journal_.find_entry(known.entry.envelope.id)));
  if (branches.size() < 2) return;
  for (const mesh::StoredEntry& branch : branches) {
    if (branch.position == known.position) continue;
    const auto other = decode(branch);
    if (!other) continue;
    bound_ = known.position - 1;
    erase(*other, key_of(*other));
    bound_ = known.position;
    write(*other);
  }
}

// Whose rows this entry changes: those of one claim, and the sale that a refund or void names.
void TablesProjection::affect(const Known& known, ByPosition& all, int depth) {
  if (depth > affected_depth_max || !all.emplace(known.position, known).second) return;
  affect_all(claiming(known.entry.envelope.claim), all, depth + 1);
  if (const auto original = named_original(known.entry)) {
    affect_all(until_bound(ask(journal_.find_entry(*original))), all, depth + 1);
  }
  const auto former = former_sale(known.entry);
  if (!former || depth > 0) return;
  std::vector<std::int64_t> same_id;
  {
    mesh::Use use = tables_.use("SELECT position FROM tables_former WHERE id = ?");
    use.text(1, former->id);
    while (use.step()) same_id.push_back(use.integer_at(0));
  }
  for (const std::int64_t position : same_id) {
    affect_all(until_bound(ask(journal_.entries_after(position - 1, 1, 0))), all, depth + 1);
  }
}

void TablesProjection::affect_all(const All& entries, ByPosition& all, int depth) {
  for (const mesh::StoredEntry& stored : entries) {
    if (all.contains(stored.position)) continue;
    if (const auto known = decode(stored)) affect(*known, all, depth);
  }
}

// ---- small things -----------------------------------------------------------------------------

std::int64_t TablesProjection::number(std::string_view sql) {
  mesh::Use use = tables_.use(sql);
  return use.step() ? use.integer_at(0) : 0;
}

std::string TablesProjection::note(const std::string& name) {
  mesh::Use use = tables_.use("SELECT value FROM tables_notes WHERE name = ?");
  use.text(1, name);
  return use.step() ? use.bytes_at(0) : std::string();
}

bool TablesProjection::has_note(const std::string& name) {
  mesh::Use use = tables_.use("SELECT 1 FROM tables_notes WHERE name = ?");
  use.text(1, name);
  return use.step();
}

void TablesProjection::put_note(const std::string& name, const std::string& value) {
  tables_.use("INSERT OR REPLACE INTO tables_notes(name, value) VALUES(?, ?)")
      .text(1, name)
      .text(2, value)
      .run();
}

void TablesProjection::drop_note(const std::string& name) {
  tables_.use("DELETE FROM tables_notes WHERE name = ?").text(1, name).run();
}

}  // namespace titan::pos
