// M7. What a terminal says it stores and counts is the fold of what was seen stored on its disk,
// now or a moment ago. At the end all terminals, the present leader's store database and the cloud
// hold the same entries.
//
// Planted bugs that it catches (simulations/negative): lost-commit, merge-by-sum,
// forgotten-twins, kept-folded-row and unbounded-terms.
#include <algorithm>
#include <map>

#include "base/overloaded.h"
#include "crdt/stock.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/entry_book.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

constexpr std::size_t examples_max = 3;

class StockIsFold : public Checker {
 public:
  explicit StockIsFold(const Scenario& scenario)
      : has_cloud_(scenario.topology.cloud != CloudPresence::none) {}
  std::string_view name() const override { return "M7"; }
  std::optional<std::string> not_judged() const override {
    if (listed_.empty()) return "no terminal's journals were listed at the end";
    return std::nullopt;
  }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    watch_.on_observed(observed);
    std::visit(
        Overloaded{[&](const ProcessStarted& started) {
                     disks_[started.terminal].earlier.clear();
                     disks_[started.terminal].may_lag = started.is_clone;
                   },
                   [&](const EntryStored& stored) { on_stored(stored); },
                   [&](const DiskReplaced& replaced) { on_replaced(replaced); },
                   [&](const StateReported& state) { on_state(observed.at, state); },
                   [&](const JournalListed& listed) {
                     listed_[listed.terminal] = book_.set_of(listed.held);
                     if (listed.held.size() != listed_[listed.terminal].size()) {
                       violate(observed.at, watch_.name(listed.terminal) + " holds " +
                                                std::to_string(listed.held.size()) +
                                                " entries, of which only " +
                                                std::to_string(listed_[listed.terminal].size()) +
                                                " were ever seen stored anywhere");
                     }
                   },
                   [&](const CloudHolds& held) { cloud_.insert(book_.number_of(held.entry)); },
                   [&](const DatabaseOpened& opened) {
                     if (opened.entries == 0) databases_[opened.terminal].clear();
                   },
                   [&](const DatabaseHolds& held) {
                     databases_[held.terminal].insert(book_.number_of(held.entry));
                   },
                   [](const auto&) {}},
        observed.what);
  }

  void finish() override {
    if (!watch_.run().sees_disks) {
      for (const auto& [terminal, state] : states_) compare(last_, state);
    }
    if (listed_.empty()) return;
    EntrySet all;
    for (const auto& [terminal, held] : listed_) all.add(held);
    for (const auto& [terminal, held] : listed_) {
      if (watch_.process_at(terminal)) tell_missing(watch_.name(terminal), held, all, false);
    }
    if (has_cloud_) tell_missing("the cloud", cloud_, all, true);
    judge_database(all);
  }

 private:
  struct Disk {
    EntrySet held;
    crdt::Stock stock;
    // Digests at smaller numbers of entries: what the disk finished is told to the process a little
    // later, or much later if it is stalled. A process that starts reads the disk itself.
    std::map<std::uint64_t, std::uint64_t> earlier;
    bool may_lag = false;  // a copied process does not read its disk
  };

  static void apply(Disk& disk, const EntryFacts& entry) {
    disk.stock.apply(entry.hash, entry.claim, entry.stock_effects);
  }

  void on_stored(const EntryStored& stored) {
    Disk& disk = disks_[stored.terminal];
    const auto digest = disk.stock.digest();
    if (!disk.held.insert(book_.number_of(stored.entry))) return;
    disk.earlier.emplace(disk.held.size() - 1, digest);
    apply(disk, *stored.entry);
  }

  void on_replaced(const DiskReplaced& replaced) {
    Disk disk;
    disk.held = book_.set_of(replaced.held);
    for (EntryNumber number = 0; number < disk.held.end(); ++number) {
      if (disk.held.contains(number)) apply(disk, book_.facts(number));
    }
    disks_[replaced.terminal] = std::move(disk);
    databases_[replaced.terminal] = book_.set_of(replaced.held_by_database);
  }

  void on_state(MonoTime at, const StateReported& state) {
    if (watch_.run().sees_disks) {
      compare(at, state);
    } else {
      states_[state.terminal] = state;
    }
  }

  void compare(MonoTime at, const StateReported& state) {
    Disk& disk = disks_[state.terminal];
    if (disk.may_lag && state.entries < disk.held.size()) return;
    if (const auto earlier = disk.earlier.find(state.entries); earlier != disk.earlier.end()) {
      if (earlier->second == state.stock_digest) {
        disk.earlier.erase(disk.earlier.begin(), earlier);
        return;
      }
    }
    if (state.entries != disk.held.size()) {
      violate(at, watch_.name(state.terminal) + " says it stores " + std::to_string(state.entries) +
                      " entries, " + std::to_string(disk.held.size()) +
                      " were seen stored on its disk");
    } else if (disk.earlier.clear(); state.stock_digest != disk.stock.digest()) {
      violate(at, watch_.name(state.terminal) + " counts other stock than its " +
                      std::to_string(state.entries) + " entries come to");
    }
  }

  void judge_database(const EntrySet& all) {
    for (const auto& [terminal, process] : watch_.running()) {
      if (!watch_.leads(terminal)) continue;
      auto database = databases_.find(shared_database);
      if (database == databases_.end()) database = databases_.find(terminal);
      if (database == databases_.end()) continue;
      tell_missing("the store database of " + watch_.name(terminal), database->second, all, true);
    }
  }

  // The cloud's own journals need not come back to it, nor be in the store database.
  void tell_missing(const std::string& who, const EntrySet& held, const EntrySet& all,
                    bool of_terminals_only) {
    std::uint64_t missing = 0;
    std::string examples;
    for (EntryNumber number = 0; number < all.end(); ++number) {
      if (!all.contains(number) || held.contains(number)) continue;
      if (of_terminals_only && !watch_.is_device(book_.facts(number).device)) continue;
      if (++missing <= examples_max) {
        examples += (examples.empty() ? "" : ", ") + book_.text(number);
      }
    }
    if (missing == 0) return;
    violate(last_, who + " lacks " + std::to_string(missing) + " of " + std::to_string(all.size()) +
                       " entries at the end, among them " + examples);
  }

  const bool has_cloud_;
  StoreWatch watch_;
  EntryBook book_;
  std::map<TerminalIndex, Disk> disks_;
  std::map<TerminalIndex, StateReported> states_;  // the last of each, where disks are not seen
  std::map<TerminalIndex, EntrySet> listed_;
  std::map<TerminalIndex, EntrySet> databases_;
  EntrySet cloud_;
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_stock_is_fold(const Scenario& scenario) {
  return std::make_unique<StockIsFold>(scenario);
}

}  // namespace titan::simulations
