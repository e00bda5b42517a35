// A terminal made up for the API's tests: entries in memory, durable as soon as the loop turns.
//
// Loop thread only, like the real one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pos-node/service/service.h"
#include "tests/pos-node/domain/fixtures.h"

namespace titan::pos::test {

// The book of move-ins over the entries of a FakeService; notes in memory.
class FakeMoveIns : public MoveInBook {
 public:
  explicit FakeMoveIns(const std::vector<EntryPointer>& entries) : entries_(entries) {}

  std::optional<std::string> obstacle;   // to an undo
  std::optional<std::string> uncertain;  // to the rest of one, too
  std::map<MoveInId, Bytes> notes;

  StoreCalendar::Day day_of(WallTime time) override;
  Result<std::vector<EntryPointer>> claiming(const Hash& claim) override;
  Result<bool> is_withdrawn(const MoveInId& move_in) override;
  Result<std::uint64_t> count(const MoveInId& move_in, mesh::Kind kind) override;
  Result<MoveInPage> page(const MoveInId& move_in, mesh::Kind kind, std::int64_t after,
                          std::size_t limit) override;
  Result<std::vector<EntryPointer>> printed_as(const std::string& receipt) override;
  Result<std::optional<std::string>> why_not_undone(const MoveInId&) override { return obstacle; }
  Result<std::optional<std::string>> why_not_certain() override { return uncertain; }
  Result<std::optional<Bytes>> note(const MoveInId& move_in) override;
  Status keep_note(const MoveInId& move_in, BytesView note) override;
  Status drop_note(const MoveInId& move_in) override;

 private:
  const std::vector<EntryPointer>& entries_;
};

class FakeService : public Service {
 public:
  explicit FakeService(boost::asio::io_context& loop);

  // -- what a test sets
  Shop shop;
  bool holds_commits = false;                        // appends wait for release_commits()
  bool fails_commits = false;                        // appends end with unknown_outcome
  std::optional<std::size_t> commits_until_failure;  // from then on as above
  bool fails_key_look_ups = false;
  std::optional<std::string> sick;
  StatusReport report;
  Result<ReloadReport> reloaded = ReloadReport{};
  void release_commits();

  // -- what a test looks at
  std::vector<EntryPointer> entries;
  FakeMoveIns book{entries};
  std::vector<std::string> alarms;
  std::size_t appends = 0;

  // -- Service
  const StoreFacts& facts() const override { return shop.facts; }
  ClockReading clock() override { return shop.clock; }
  void append(mesh::EntryDraft draft, AppendCallback done) override;
  Result<EntryPointer> entry_of(const mesh::Appended& appended) override {
    return entry(appended.id);
  }
  Result<std::optional<mesh::IdempotencyRecord>> recorded(
      const std::string& idempotency_key) override;
  Result<ProductPointer> product(std::string_view sku) override;
  Result<std::vector<ProductPointer>> products_by_gtin(std::string_view gtin) override;
  Result<ProductPage> search_products(const std::string& query, std::size_t limit,
                                      const std::string& after) override;
  const crdt::Stock& stock() const override { return stock_; }
  std::int64_t low_stock_units(std::string_view sku) override;
  Result<EntryPointer> entry(const mesh::EntryId& id) override;
  Result<std::optional<mesh::EntryId>> voided_by(const mesh::Entry& entry) override;
  Result<std::vector<EntryPointer>> refunds_of(const mesh::EntryId& sale) override;
  mesh::Copies copies(const mesh::EntryId& id) const override;
  bool in_cloud(const mesh::EntryId& id) const override;
  Result<std::vector<JournalSummary>> journals() override;
  Result<JournalPage> journal_page(const JournalId& journal, std::uint64_t from, std::size_t limit,
                                   std::size_t bytes_max) override;
  MoveInBook& move_ins() override { return book; }
  StatusReport status() override { return report; }
  std::optional<std::string> unhealthy() override { return sick; }
  std::vector<HealthReason> degraded() override { return report.health; }
  void raise_alarm(const std::string& code, const std::string& message) override;
  void refresh_metrics(Metrics& metrics) override;
  Result<ReloadReport> reload() override { return reloaded; }

  std::function<void(const EntryPointer&, const std::vector<crdt::StockChange>&)> on_entry;

 private:
  void commit(const mesh::EntryDraft& draft, const AppendCallback& done);

  boost::asio::io_context& loop_;
  crdt::Stock stock_;
  std::map<std::string, mesh::IdempotencyRecord> keys_;
  std::vector<Bytes> list_parts_;  // of the list being written
  std::vector<std::function<void()>> held_;
};

}  // namespace titan::pos::test
