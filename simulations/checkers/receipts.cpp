// M8. Within a series (one journal) receipt numbers follow one another without a gap; no receipt
// (terminal, number, journal) is given twice; a number comes again in another series of a device
// only after one of its disks was replaced.
//
// Planted bugs that it catches (simulations/negative): reused-receipt-number.
#include <map>
#include <tuple>

#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

class Receipts : public Checker {
 public:
  explicit Receipts(const Scenario& scenario)
      : has_clones_(has_fault(scenario, FaultKind::clone)) {}
  std::string_view name() const override { return "M8"; }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    watch_.on_observed(observed);
    std::visit(
        Overloaded{[&](const EntryStored& stored) { on_entry(observed.at, *stored.entry); },
                   [&](const CloudHolds& held) { on_entry(observed.at, *held.entry); },
                   [&](const RequestAnswered& answer) { on_answer(observed.at, answer); },
                   [&](const DiskReplaced& replaced) { replaced_.insert(replaced.terminal); },
                   [](const auto&) {}},
        observed.what);
  }

  void finish() override {
    for (const auto& [journal, series] : series_) judge(journal, series);
  }

 private:
  using Series = std::map<std::uint64_t, std::optional<mesh::Receipt>>;  // by entry number

  static std::string text(const mesh::Receipt& receipt, const JournalId& journal) {
    return mesh::receipt_text(receipt, journal);
  }

  void on_entry(MonoTime at, const EntryFacts& entry) {
    const auto [place, is_new] = series_[entry.id.journal].emplace(entry.id.number, entry.receipt);
    if (!is_new || !entry.receipt) return;
    const auto [twin, is_first] = given_.emplace(
        std::tuple{entry.id.journal, entry.receipt->terminal, entry.receipt->number}, entry.id);
    if (!is_first && !has_clones_) {
      violate(at, "receipt " + text(*entry.receipt, entry.id.journal) + " is on entries " +
                      std::to_string(twin->second.number) + " and " +
                      std::to_string(entry.id.number) + " of its series");
    }
    const auto [other, is_unused] =
        numbers_.emplace(std::pair{entry.device, entry.receipt->number}, entry.id.journal);
    const bool may_repeat = has_clones_ || was_disk_replaced(entry.device);
    if (!is_unused && other->second != entry.id.journal && !may_repeat) {
      violate(at, "receipt number " + std::to_string(entry.receipt->number) + " of " +
                      entry.receipt->terminal + " was used again in another series (" +
                      text(*entry.receipt, entry.id.journal) + "), although no disk was replaced");
    }
  }

  // Of a copied disk both terminals go on with the numbers of one device.
  bool was_disk_replaced(const DeviceId& device) const {
    for (const auto terminal : watch_.terminals_of(device)) {
      if (replaced_.contains(terminal)) return true;
    }
    return false;
  }

  void on_answer(MonoTime at, const RequestAnswered& answer) {
    if (!answer.receipt || !answer.entry) return;
    const auto [known, is_new] = answered_.emplace(
        std::tuple{answer.entry->journal, answer.receipt->terminal, answer.receipt->number},
        answer.key);
    if (is_new || known->second == answer.key || has_clones_) return;
    violate(at, watch_.name(answer.terminal) + " gave receipt " +
                    text(*answer.receipt, answer.entry->journal) + " to the requests " +
                    known->second + " and " + answer.key);
  }

  // Where an entry is missing, its receipt may be too: that is M4's matter.
  void judge(const JournalId& journal, const Series& series) {
    const mesh::Receipt* before = nullptr;
    std::uint64_t number_before = 0;
    std::uint64_t entries_missing = 0;
    for (const auto& [number, receipt] : series) {
      if (number_before != 0) entries_missing += number - number_before - 1;
      number_before = number;
      if (!receipt) continue;
      if (before && !follows(*before, *receipt, entries_missing) && !has_clones_) {
        violate(last_, "in the series " + mesh::receipt_check(journal) + " of " +
                           receipt->terminal + " receipt " + std::to_string(receipt->number) +
                           " follows " + std::to_string(before->number));
      }
      before = &*receipt;
      entries_missing = 0;
    }
  }

  static bool follows(const mesh::Receipt& before, const mesh::Receipt& next,
                      std::uint64_t entries_missing) {
    return next.number > before.number && next.number - before.number <= 1 + entries_missing;
  }

  const bool has_clones_;
  StoreWatch watch_;
  std::map<JournalId, Series> series_;
  std::map<std::tuple<JournalId, std::string, std::uint64_t>, mesh::EntryId> given_;
  std::map<std::pair<DeviceId, std::uint64_t>, JournalId> numbers_;
  std::map<std::tuple<JournalId, std::string, std::uint64_t>, std::string> answered_;
  std::set<TerminalIndex> replaced_;  // disks
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_receipts(const Scenario& scenario) {
  return std::make_unique<Receipts>(scenario);
}

}  // namespace titan::simulations
