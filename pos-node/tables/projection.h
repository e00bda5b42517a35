// Brings tables.sqlite3 up to date with the journal, in bounded steps of one transaction each.
//
// Threading: one thread; it owns the reader and the tables' connection.
//
// Invariant: after every step the tables of sales, payments and stock are what the entries that
// arrived up to tables_state.position amount to, whatever their order and however the steps were
// cut, except for entries in tables_due, whose rows the next steps write anew. Cursor and rows
// change in one transaction, so a process that dies repeats a step or has done it. What is looked
// up for an entry is looked up as of the position at which it is applied: what the journal holds
// beyond that does not show early. Products, settings and the cloud's watermark are the newest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "crdt/interval_set.h"
#include "mesh/entry/codec.h"
#include "mesh/sqlite/file/connection.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "pos-node/tables/entry_rows.h"

namespace titan::pos {

struct TablesFacts {
  std::string store;
  std::string terminal;
  std::string currency;
  PublicKey cloud_key;  // none: there is no cloud, and nothing waits to be sent to it
};

// What the tables depend on besides the journal's entries; another basis makes them anew.
std::string tables_basis(const TablesFacts& facts);

enum class TablesProgress {
  complete,     // nothing more is waiting
  more,         // call again
  begin_again,  // the journal is not the one that these tables were made from
};

// Bounds of one step: how long it holds a read of the journal and how much is lost when it fails.
struct TablesStep {
  std::size_t entries_max = 200;
  std::uint64_t bytes_max = 1 << 20;
  std::size_t products_max = 1000;
};

class TablesProjection {
 public:
  // All outlive this object.
  TablesProjection(mesh::SqliteReader& journal, const mesh::Codec& codec, mesh::Connection& tables,
                   TablesFacts facts)
      : journal_(journal), codec_(codec), tables_(tables), facts_(std::move(facts)) {}

  // An error leaves the tables as they were before; the step may be repeated.
  Result<TablesProgress> step(WallTime now, const TablesStep& limits = {});
  // The error of the last step was the journal's, not the tables'.
  bool journal_failed() const { return journal_failed_; }

 private:
  struct Known {  // an entry, decoded
    std::int64_t position = 0;
    mesh::Entry entry;
  };
  using All = std::vector<mesh::StoredEntry>;

  Result<TablesProgress> step_in_transaction(WallTime now, const TablesStep& limits);
  bool is_of_this_journal();
  bool is_idle();

  // Of the journal, up to bound_.
  template <class T>
  T ask(Result<T> answer);
  All until_bound(All entries) const;
  std::optional<Known> decode(const mesh::StoredEntry& stored) const;
  All claiming(const Hash& claim);
  All twins_of(const Known& known);  // with it; of one request, or of one former sale
  bool counts(const Known& known);
  bool is_voided(const Known& known);
  bool is_refunded(const Known& known);
  std::string status_of(const Known& known);
  std::string terminal_of(const mesh::Entry& entry);
  std::string key_of(const mesh::EntryId& id, const Hash& hash);  // of its rows
  std::string key_of(const Known& known) {
    return key_of(known.entry.envelope.id, known.entry.hash);
  }

  // -- entries
  std::size_t apply_due(std::size_t entries_max);
  std::size_t apply_new(const TablesStep& limits);
  void apply(const Known& known);
  void part_branches(const Known& known);
  void take_former(const Known& known);
  void rewrite_whole_journal(const Known& opening);
  using ByPosition = std::map<std::int64_t, Known>;
  void affect(const Known& known, ByPosition& all, int depth);
  void affect_all(const All& entries, ByPosition& all, int depth);
  void rewrite(const ByPosition& entries);
  void write(const Known& known);
  void write_sale(const Known& known, const std::string& key);
  void write_deltas(const Known& known, const std::string& key);
  void erase(const Known& known, const std::string& key);
  void erase_sale(const std::string& name, const std::string& key);
  bool has_deltas(const std::string& key);
  void move_stock(const mesh::Entry& entry, bool take_out);
  // -- former sales
  bool former_is_shown(const Known& known);
  std::string former_name(const FormerSale& former);
  void take_withdrawal(const Bytes& move_in);
  // -- cloud and cursors
  bool is_pending(const mesh::EntryId& id);
  bool follow_watermark();  // false: the cloud holds less than before
  void write_outbox(const Known& known, const std::string& key, const std::string& name);
  void note_cursor(const Known& known);
  // -- products and settings
  void note_layers(const Known& known);
  void write_products(const TablesStep& limits);
  void write_product(const mesh::StoredProduct& product);
  void write_product_page(const std::string& after, std::size_t limit);
  void write_stock();
  void write_config();

  std::string note(const std::string& name);
  bool has_note(const std::string& name);
  void put_note(const std::string& name, const std::string& value);
  void drop_note(const std::string& name);
  std::int64_t number(std::string_view sql);

  mesh::SqliteReader& journal_;
  const mesh::Codec& codec_;
  mesh::Connection& tables_;
  const TablesFacts facts_;
  bool journal_failed_ = false;

  // Of one step.
  std::int64_t bound_ = 0;
  std::int64_t written_to_ = 0;                 // entries up to here may have rows
  std::map<std::string, std::uint64_t> moved_;  // what stock changes by, in millionths
  std::set<std::string> skus_;                  // whose products changed
  // Kept from step to step.
  bool settings_changed_ = true;  // also by a start with another configuration
  std::map<JournalId, mesh::StoredJournal> journals_;
  std::optional<Bytes> watermark_statement_;         // that was followed last
  bool is_our_clouds_ = false;                       // that one
  std::map<JournalId, crdt::IntervalSet> in_cloud_;  // as of it, of journals that were asked about
};

}  // namespace titan::pos
