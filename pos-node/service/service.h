// What the local API needs of the terminal behind it. The daemon implements it on the node and the
// journal store, a test makes one up.
//
// Everything runs on the loop thread. Look-ups answer at once and must be short; append() answers
// later, on the loop thread, once the entry is durable. Pointers to entries and products stay valid
// as long as they are held.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crdt/interval_set.h"
#include "crdt/stock.h"
#include "mesh/journal/own_journal.h"
#include "mesh/replication/copies.h"
#include "pos-node/domain/catalogue.h"
#include "pos-node/domain/clock.h"
#include "pos-node/domain/sale_rules.h"
#include "pos-node/move_in/move_in_book.h"
#include "pos-node/service/status.h"

namespace titan::pos {

class Metrics;

// Made where the request is handled and called once, when the node has answered: it is handed on
// unchanged. conflict: the key was used for another request. unknown_outcome: repeat with the same
// key.
using AppendCallback = std::function<void(const Result<mesh::Appended>&)>;

struct ProductPage {
  std::vector<ProductPointer> products;
  std::string next;  // pass as `after` for the following page; empty: this was the last
};

struct JournalSummary {
  JournalId journal;
  DeviceId device;
  std::string terminal;
  crdt::IntervalSet stored;
  bool own = false;  // written by this device
};

// What a running terminal made of a changed configuration; "section.key" each.
struct ReloadReport {
  std::vector<std::string> applied;
  std::vector<std::string> needs_restart;
};

struct JournalPage {
  DeviceId device;
  std::vector<EntryPointer> entries;  // ascending; all branches of a forked number
  std::uint64_t next = 0;             // number to go on from; 0: this was the end
};

class Service : public Catalogue {
 public:
  virtual const StoreFacts& facts() const = 0;
  virtual ClockReading clock() = 0;

  virtual void append(mesh::EntryDraft draft, AppendCallback done) = 0;
  // What the append recorded, or for a repeat the first answer to its key; unavailable while that
  // is not on this disk.
  virtual Result<EntryPointer> entry_of(const mesh::Appended& appended) = 0;
  // What this device recorded under the key; asked when a repeated request no longer passes the
  // rules (its product was deleted since, say), for a repeat gets the first answer whatever
  // changed. An error: it cannot be read.
  virtual Result<std::optional<mesh::IdempotencyRecord>> recorded(
      const std::string& idempotency_key) = 0;

  // An empty query lists all products in the order of their sku.
  virtual Result<ProductPage> search_products(const std::string& query, std::size_t limit,
                                              const std::string& after) = 0;

  // Every product that ever moved, with what is about to be stored.
  virtual const crdt::Stock& stock() const = 0;
  // Threshold of "low" in millionths: the product's own, or the store's default. Asked for every
  // stock event, so it must not cost a query.
  virtual std::int64_t low_stock_units(std::string_view sku) = 0;

  virtual Result<EntryPointer> entry(const mesh::EntryId& id) = 0;  // null: not here
  // The VOID of this entry that counts, if there is one; of a request that was recorded twice, the
  // one that names either of its entries.
  virtual Result<std::optional<mesh::EntryId>> voided_by(const mesh::Entry& entry) = 0;
  // Refunds that name this sale, or another entry of the same request; those that were voided or do
  // not count left out.
  virtual Result<std::vector<EntryPointer>> refunds_of(const mesh::EntryId& sale) = 0;
  virtual mesh::Copies copies(const mesh::EntryId& id) const = 0;
  virtual bool in_cloud(const mesh::EntryId& id) const = 0;

  virtual Result<std::vector<JournalSummary>> journals() = 0;
  // not_found for an unknown journal. Stops at `limit` entries or before `bytes_max` bytes are
  // exceeded, but gives at least one.
  virtual Result<JournalPage> journal_page(const JournalId& journal, std::uint64_t from,
                                           std::size_t limit, std::size_t bytes_max) = 0;

  // What was moved in from a former system.
  virtual MoveInBook& move_ins() = 0;

  virtual StatusReport status() = 0;
  // Why this terminal cannot do its work (disk full, journal not writable ...), or nothing.
  virtual std::optional<std::string> unhealthy() = 0;
  // What is amiss although it can.
  virtual std::vector<HealthReason> degraded() = 0;
  virtual void raise_alarm(const std::string& code, const std::string& message) = 0;
  // Reads the configuration's files again. An error, one complaint a line, if they cannot be used:
  // then nothing changes.
  virtual Result<ReloadReport> reload() = 0;
  // Brings gauges that are only read when asked for up to date.
  virtual void refresh_metrics(Metrics& metrics) = 0;
};

// What is known here of a sale that is or may be refunded; whether its move-in was undone is not
// looked up.
Result<RefundHistory> history_of(const EntryPointer& sale, Service& service);

}  // namespace titan::pos
