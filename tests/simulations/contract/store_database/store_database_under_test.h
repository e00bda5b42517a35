// A store database as its contract tests see it: several terminals with disks of their own write
// one, and what it holds can be looked at. Behind it stands the simulator's model or the product's
// adapter on a real PostgreSQL; the cases know neither. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crdt/stock.h"
#include "election/types.h"
#include "tests/simulations/contract/store_database/disk.h"

namespace titan::test {

// What a store database holds at one moment.
struct Contents {
  election::Token holder;  // the lease row; none: never written
  std::set<std::pair<mesh::EntryId, Hash>> entries;
  std::map<JournalId, crdt::IntervalSet> cursors;
  // As the entries held say, and as projected.
  crdt::Stock::Sums stock_of_entries;
  crdt::Stock::Sums stock;
  std::multiset<std::string> receipts_of_entries;
  std::multiset<std::string> receipts;

  bool holds(const EntryPointer& entry) const {
    return entries.contains({entry->envelope.id, entry->hash});
  }
};

struct Refusal {
  election::Token holder;
  bool gone = false;
};

// What happens to the next transaction that brings entries.
enum class CommitFate {
  cut_before,     // its connection is lost and it takes no effect
  cut_after,      // it takes effect, and its writer never hears so
  server_killed,  // the server dies in the middle of it and is started again
};

enum class Sharing {
  shared,           // one server for the terminals of the store
  of_one_terminal,  // each terminal's private one, kept in its data folder
};

// A terminal that may lead. Ends politely with its life, unless it crashed.
class LeaderUnderTest {
 public:
  LeaderUnderTest(const std::string& name, std::shared_ptr<Disk> own_disk)
      : till(name), disk(std::move(own_disk)) {}
  virtual ~LeaderUnderTest() = default;

  virtual void lead(std::uint64_t term) = 0;
  virtual void follow() = 0;
  // Entries became durable on its disk.
  void keep(const std::vector<EntryPointer>& entries) {
    for (const auto& entry : entries) disk->keep(entry);
    tell(entries);
  }
  // What the database gives back, if this terminal's disk is to take it.
  void take_back(const std::vector<Bytes>& entries) {
    if (!takes_back) return;
    for (const Bytes& bytes : entries) {
      auto entry = till.codec.decode_entry(bytes);
      if (!entry) continue;
      const mesh::EntryId id = entry->envelope.id;
      if (disk->vector().contains(id.journal, id.number)) continue;
      keep({std::make_shared<const mesh::Entry>(std::move(*entry))});
    }
  }
  // It is told of them, whether its disk has them or not.
  virtual void tell(const std::vector<EntryPointer>& entries) = 0;
  // Its process ends without a word to the database.
  virtual void crash() = 0;
  // The refusal told last.
  virtual std::optional<Refusal> refused() const = 0;
  election::Token token(std::uint64_t term) const { return {term, till.process}; }

  Till till;
  const std::shared_ptr<Disk> disk;
  bool takes_back = false;
};

class StoreDatabaseUnderTest {
 public:
  virtual ~StoreDatabaseUnderTest() = default;

  virtual std::unique_ptr<LeaderUnderTest> terminal(const std::string& name,
                                                    std::shared_ptr<Disk> disk) = 0;
  std::unique_ptr<LeaderUnderTest> terminal(const std::string& name) {
    return terminal(name, std::make_shared<Disk>());
  }
  // One consistent look, checked: entries, cursors and projected totals tell of the same entries.
  Contents contents() {
    Contents seen = look();
    std::map<JournalId, crdt::IntervalSet> numbers;
    for (const auto& [id, hash] : seen.entries) numbers[id.journal].add(id.number);
    CHECK(seen.cursors == numbers);
    CHECK(seen.stock == seen.stock_of_entries);
    CHECK(seen.receipts == seen.receipts_of_entries);
    return seen;
  }
  virtual void away() = 0;
  virtual void back() = 0;
  virtual void break_next_commit(CommitFate fate) = 0;
  virtual bool has_broken() const = 0;

  using Condition = std::function<bool()>;
  // Lets time pass until it holds; fails with `what` when `limit` runs out.
  void run_until(const Condition& condition, const std::string& what,
                 Duration limit = seconds(30)) {
    wait(condition, what, limit);
  }
  void wait_for_holder(const election::Token& token) {
    run_until([&] { return contents().holder == token; }, "the lease row to name the new leader");
  }
  void wait_for_entries(std::size_t count) {
    run_until([&] { return contents().entries.size() == count; },
              std::to_string(count) + " entries, of which there are " +
                  std::to_string(contents().entries.size()) + " at first");
  }

 protected:
  virtual Contents look() = 0;
  virtual void wait(const Condition& condition, const std::string& what, Duration limit) = 0;
};

// The rows that say something: a sum that was taken out again may leave a row of zeroes.
inline crdt::Stock::Sums without_zeroes(crdt::Stock::Sums sums) {
  std::erase_if(sums, [](const auto& row) { return row.second == crdt::StockSum{}; });
  return sums;
}

inline crdt::Stock folded(const std::vector<EntryPointer>& entries) {
  crdt::Stock stock;
  for (const auto& entry : entries) {
    stock.apply(entry->hash, entry->envelope.claim, entry->envelope.stock_effects);
  }
  return stock;
}

inline std::multiset<std::string> receipts_of(const std::vector<EntryPointer>& entries) {
  std::multiset<std::string> receipts;
  for (const auto& entry : entries) {
    const mesh::Envelope& envelope = entry->envelope;
    if (envelope.receipt) {
      receipts.insert(mesh::receipt_text(*envelope.receipt, envelope.id.journal));
    }
  }
  return receipts;
}

}  // namespace titan::test
