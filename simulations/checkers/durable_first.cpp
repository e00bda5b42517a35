// M6. A till's acknowledgement comes after its own disk has the entry, nothing leaves a terminal
// before, and what the cloud acknowledged it holds at the end. One token at a time holds the lease:
// no other is renewed, and an uplink that lost it is not listened to for longer than a lease.
//
// Planted bugs that it catches (simulations/negative): acknowledge-before-commit,
// acknowledge-before-kafka and renews-lost-lease.
#include <map>

#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/entry_book.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

using Outcome = RequestAnswered::Outcome;

// As uplink/postgres/lease_row.h has it.
constexpr Duration lease_lasts = seconds(5);

class DurableFirst : public Checker {
 public:
  explicit DurableFirst(const Scenario& scenario)
      : may_stall_(has_fault(scenario, FaultKind::gateway_stall)) {}
  std::string_view name() const override { return "M6"; }
  std::optional<std::string> not_judged() const override {
    if (!watch_.run().sees_disks) {
      return "when an entry reached a disk cannot be seen from outside; judged is only that the "
             "cloud holds what it acknowledged";
    }
    return std::nullopt;
  }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    watch_.on_observed(observed);
    std::visit(Overloaded{[&](const RequestAnswered& answer) { on_answer(observed.at, answer); },
                          [&](const EntryStored& stored) { on_stored(observed.at, stored); },
                          [&](const DiskReplaced& replaced) {
                            held_[replaced.terminal] = book_.set_of(replaced.held);
                          },
                          [&](const CloudAcknowledged& told) {
                            acknowledged_.emplace(told.hash, told.id);
                            on_acknowledged(observed.at, told);
                          },
                          [&](const CloudHolds& held) { on_cloud(observed.at, *held.entry); },
                          [&](const LeaseGranted& lease) { on_lease(observed.at, lease); },
                          [&](const LeaseReset&) { holder_.reset(); },
                          [&](const LeaseKept& lease) { on_renewed(observed.at, lease.token); },
                          [&](const LeaseReleased& lease) {
                            if (holder_ && holder_->token == lease.token) holder_.reset();
                          },
                          [](const auto&) {}},
               observed.what);
  }

  void finish() override {
    for (const auto& [hash, id] : acknowledged_) {
      if (in_cloud_.contains(hash)) continue;
      violate(last_,
              "the cloud acknowledged entry " + text_of(id) + " and does not hold it at the end");
    }
  }

 private:
  void on_answer(MonoTime at, const RequestAnswered& answer) {
    const bool is_told = answer.outcome == Outcome::recorded || answer.outcome == Outcome::repeated;
    if (!is_told || !answer.hash || !watch_.run().sees_disks) return;
    const auto number = book_.find(*answer.hash);
    if (number && held_[answer.terminal].contains(*number)) return;
    violate(at, watch_.name(answer.terminal) + " acknowledged the request with key " + answer.key +
                    (answer.entry ? " as entry " + text_of(*answer.entry) : std::string()) +
                    " before it was on its disk");
  }

  void on_stored(MonoTime at, const EntryStored& stored) {
    const EntryNumber number = book_.number_of(stored.entry);
    held_[stored.terminal].insert(number);
    const auto authors = watch_.terminals_of(stored.entry->device);
    if (authors.contains(stored.terminal)) durable_.insert(number);
    if (authors.empty() || durable_.contains(number) || !watch_.run().sees_disks) return;
    violate(at, watch_.name(stored.terminal) + " stored entry " + text_of(stored.entry->id) +
                    " of " + watch_.name(*authors.begin()) + ", which had not stored it itself");
  }

  void on_cloud(MonoTime at, const EntryFacts& entry) {
    in_cloud_.insert(entry.hash);
    if (!watch_.is_device(entry.device) || !watch_.run().sees_disks) return;
    const auto number = book_.find(entry.hash);
    if (number && durable_.contains(*number)) return;
    violate(at,
            "the cloud holds entry " + text_of(entry.id) + ", which its terminal had not stored");
  }

  void on_lease(MonoTime at, const LeaseGranted& lease) {
    if (holder_ && lease.token < holder_->token) {
      violate(at, watch_.name(lease.terminal) + " got the lease under " + text_of(lease.token) +
                      " while " + watch_.name(holder_->terminal) + " held it under " +
                      text_of(holder_->token) + ": two uplinks");
    }
    if (!holder_ || holder_->token != lease.token) moved_ = at;
    holder_ = lease;
  }

  void on_renewed(MonoTime at, const election::Token& token) {
    if (!holder_ || token == holder_->token) return;
    violate(at, "the lease was renewed under " + text_of(token) + " while " +
                    watch_.name(holder_->terminal) + " held it under " + text_of(holder_->token) +
                    ": two uplinks");
  }

  // A gateway learns within a lease that the store's moved; one that stalls, when it goes on.
  void on_acknowledged(MonoTime at, const CloudAcknowledged& told) {
    if (!holder_ || told.token.is_none() || may_stall_) return;
    if (!(told.token < holder_->token) || at <= moved_ + lease_lasts) return;
    violate(at, "the cloud acknowledged entry " + text_of(told.id) + " to the uplink under " +
                    text_of(told.token) + " longer than a lease after " +
                    watch_.name(holder_->terminal) + " got it under " + text_of(holder_->token) +
                    ": two uplinks");
  }

  StoreWatch watch_;
  EntryBook book_;
  std::map<TerminalIndex, EntrySet> held_;
  EntrySet durable_;  // was on a disk of its author at some time
  std::map<Hash, mesh::EntryId> acknowledged_;
  std::set<Hash> in_cloud_;
  const bool may_stall_;  // a gateway may
  std::optional<LeaseGranted> holder_;
  MonoTime moved_;  // the lease, to another token
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_durable_first(const Scenario& scenario) {
  return std::make_unique<DurableFirst>(scenario);
}

}  // namespace titan::simulations
