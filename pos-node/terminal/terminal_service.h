// The API's service on the running terminal: the node for what is known, the loop's own reader for
// what is on disk, and the events that till screens follow.
//
// Lives on the loop thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "mesh/sqlite/journal/sqlite_reader.h"
#include "pos-node/api/events.h"
#include "pos-node/hosts/mesh_host.h"
#include "pos-node/service/metrics.h"
#include "pos-node/service/service.h"
#include "pos-node/terminal/store_rules.h"
#include "pos-node/terminal/terminal_move_ins.h"
#include "pos-node/watches/health.h"
#include "pos-node/watches/key_watch.h"
#include "pos-node/watches/refund_watch.h"
#include "pos-node/watches/reorder_watch.h"
#include "pos-node/watches/settings_watch.h"
#include "pos-node/watches/waiting.h"

namespace titan::pos {

// Alarms kept for the status page; the oldest is forgotten.
inline constexpr std::size_t alarms_kept = 100;

class TerminalService final : public Service {
 public:
  struct Reports {  // asked when the status page is
    std::function<StoreDatabaseReport()> store_database;
    std::function<UplinkReport()> uplink;
    std::function<std::vector<RefusedPeer>()> refused_peers;
    std::function<std::optional<WallTime>(const DeviceId&)> last_met;  // in an earlier life
    std::function<bool()> has_network;
    std::function<std::string()> mdns_problem;
  };

  TerminalService(StoreRules rules, MeshHost& mesh, std::unique_ptr<mesh::SqliteReader> reader,
                  Metrics& metrics, WallTime started);
  // Whom to tell what happens; before, events are only logged.
  void set_events(EventHub& events) { events_ = &events; }
  void set_reports(Reports reports) { reports_ = std::move(reports); }
  void set_reload(std::function<Result<ReloadReport>()> reload) { reload_ = std::move(reload); }
  void set_rules(StoreRules rules);
  void set_restart_needed_for(std::vector<std::string> keys) {
    restart_needed_for_ = std::move(keys);
  }
  // Where the notes of move-ins are kept.
  void set_move_in_folder(std::string folder) { move_ins_.set_folder(std::move(folder)); }

  void on_event(const mesh::Event& event);
  void publish(const Event& event);
  // Every second: what is told only if it lasts.
  void look_at_stock();
  // Every second: what is waited for, and since when.
  void look_at_waits();

  // -- Service
  const StoreFacts& facts() const override { return facts_; }
  ClockReading clock() override { return read_system_clock(calendar_); }
  Result<ProductPointer> product(std::string_view sku) override;
  Result<std::vector<ProductPointer>> products_by_gtin(std::string_view gtin) override;
  void append(mesh::EntryDraft draft, AppendCallback done) override {
    mesh_.append(draft, std::move(done));
  }
  Result<EntryPointer> entry_of(const mesh::Appended& appended) override;
  Result<std::optional<mesh::IdempotencyRecord>> recorded(
      const std::string& idempotency_key) override;
  Result<ProductPage> search_products(const std::string& query, std::size_t limit,
                                      const std::string& after) override;
  const crdt::Stock& stock() const override { return mesh_.node().shown_stock(); }
  std::int64_t low_stock_units(std::string_view sku) override;
  Result<EntryPointer> entry(const mesh::EntryId& id) override;
  Result<std::optional<mesh::EntryId>> voided_by(const mesh::Entry& entry) override;
  Result<std::vector<EntryPointer>> refunds_of(const mesh::EntryId& sale) override;
  mesh::Copies copies(const mesh::EntryId& id) const override { return mesh_.node().copies(id); }
  bool in_cloud(const mesh::EntryId& id) const override { return mesh_.node().in_cloud(id); }
  Result<std::vector<JournalSummary>> journals() override;
  Result<JournalPage> journal_page(const JournalId& journal, std::uint64_t from, std::size_t limit,
                                   std::size_t bytes_max) override;
  MoveInBook& move_ins() override { return move_ins_; }
  StatusReport status() override;
  std::optional<std::string> unhealthy() override;
  std::vector<HealthReason> degraded() override { return judge_health(health_facts()); }
  void raise_alarm(const std::string& code, const std::string& message) override;
  void refresh_metrics(Metrics& metrics) override;
  Result<ReloadReport> reload() override { return reload_(); }

 private:
  bool is_watched() const;
  std::string terminal_of(const mesh::Entry& entry) const;
  void tell_entry(const mesh::EntrySeen& seen);
  void on_entries_stored(const mesh::EntriesStored& stored);
  void note_products(const mesh::Entry& entry);
  Result<std::vector<EntryPointer>> twins_of(const EntryPointer& entry);
  EntryPointer as_told(const std::shared_ptr<const mesh::Entry>& entry) const;
  void tell_twins(const std::vector<EntryPointer>& twins);
  void look_at_other_tills(const RecordedEntry& entry);
  void on_duplicate(const mesh::DuplicateRecord& duplicate);
  void void_later(const mesh::DuplicateRecord& duplicate);
  void load_low_stock();
  HealthFacts health_facts();
  mesh::ClockQuality clock_quality(const ClockReading& reading) const;
  std::vector<std::string> missing_terminals();
  void note_low_stock(const std::string& sku, const std::optional<std::int64_t>& low_stock_micro);
  WallTime wall() const { return mesh_.now().wall; }

  StoreFacts facts_;
  StoreCalendar calendar_;
  std::optional<std::string> zone_data_problem_;
  MeshHost& mesh_;
  const std::unique_ptr<mesh::SqliteReader> reader_;
  EventHub* events_ = nullptr;
  Metrics& metrics_;
  const WallTime started_;
  Reports reports_;
  std::function<Result<ReloadReport>()> reload_;
  std::vector<std::string> restart_needed_for_;
  std::map<std::string, std::int64_t, std::less<>> low_stock_;  // products with one of their own
  // What was sold lately, so that a line of a sale costs no query; forgotten when products change.
  std::map<std::string, ProductPointer, std::less<>> products_;
  // Entries that screens were told of last, the oldest first: what was read of their bodies serves
  // the answer and the watches a moment later. At most told_kept.
  std::deque<EntryPointer> told_;
  // Whose void failed: tried again with the next commit.
  std::vector<mesh::DuplicateRecord> duplicates_due_;
  std::deque<AlarmReport> alarms_;  // newest first
  RefundWatch refund_watch_{*this};
  ReorderWatch reorder_watch_;
  SettingsWatch settings_watch_{facts_, calendar_};
  KeyWatch key_watch_;
  WaitingWatch waiting_watch_;
  TerminalMoveIns move_ins_{calendar_, mesh_, *reader_, [this] { return missing_terminals(); }};
  std::string shown_line_;  // in `systemctl status`
};

}  // namespace titan::pos
