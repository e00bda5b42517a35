// M2. The cloud's lease row and the token under which a store database is written only go up. A
// private database is part of its terminal's disk: put an older disk in, and it begins where that
// one stood.
//
// Planted bugs that it catches (simulations/negative): stale-leader-writes and two-uplinks.
#include <map>

#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/entry_book.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

class LeaseOnlyUp : public Checker {
 public:
  std::string_view name() const override { return "M2"; }

  void on_observed(const Observed& observed) override {
    watch_.on_observed(observed);
    std::visit(Overloaded{[&](const LeaseGranted& lease) { on_lease(observed.at, lease); },
                          [&](const LeaseReset&) { row_ = {}; },
                          [&](const DatabaseHolds& held) { on_database(observed.at, held); },
                          [&](const DatabaseOpened& opened) {
                            if (opened.entries == 0) written_.erase(opened.terminal);
                          },
                          [&](const DiskReplaced& disk) { written_.erase(disk.terminal); },
                          [](const auto&) {}},
               observed.what);
  }

 private:
  void on_lease(MonoTime at, const LeaseGranted& lease) {
    if (lease.token < row_) {
      violate(at, "the cloud granted the lease to " + watch_.name(lease.terminal) + " under " +
                      text_of(lease.token) + ", below the row's " + text_of(row_));
      return;
    }
    row_ = lease.token;
  }

  void on_database(MonoTime at, const DatabaseHolds& held) {
    auto& highest = written_[held.terminal];
    if (held.token < highest) {
      violate(at, "the store database of " + watch_.name(held.terminal) + " took entry " +
                      text_of(held.entry->id) + " under " + text_of(held.token) +
                      " after it was written under " + text_of(highest));
      return;
    }
    highest = held.token;
  }

  StoreWatch watch_;
  election::Token row_;
  std::map<TerminalIndex, election::Token> written_;
};

}  // namespace

std::unique_ptr<Checker> make_lease_only_up(const Scenario&) {
  return std::make_unique<LeaseOnlyUp>();
}

}  // namespace titan::simulations
