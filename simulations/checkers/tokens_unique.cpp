// M1. A token is (term, process id). It is unique if no process id is used by two processes, and
// if no terminal gives its vote of a term to two candidates, also across its own restarts.
//
// Planted bugs that it catches (simulations/negative): forgotten-promise and
// repeated-process-id.
#include <map>

#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

class TokensUnique : public Checker {
 public:
  std::string_view name() const override { return "M1"; }

  void on_observed(const Observed& observed) override {
    watch_.on_observed(observed);
    std::visit(Overloaded{[&](const ProcessStarted& started) { on_started(observed.at, started); },
                          [&](const LeaderReported& report) { on_leader(observed.at, report); },
                          [&](const VoteGranted& vote) {
                            on_vote(observed.at, vote.terminal, vote.term, vote.candidate);
                          },
                          [&](const DiskReplaced& replaced) { votes_.erase(replaced.terminal); },
                          [](const auto&) {}},
               observed.what);
  }

 private:
  void on_started(MonoTime at, const ProcessStarted& started) {
    if (started.is_clone) return;  // the named exception
    const auto [known, is_new] = processes_.emplace(started.process, started.terminal);
    if (is_new) return;
    violate(at, watch_.name(started.terminal) + " started under the process id " +
                    started.process.hex() + ", which " + watch_.name(known->second) +
                    " had before");
  }

  void on_leader(MonoTime at, const LeaderReported& report) {
    if (!report.is_self || !report.leader) return;
    const auto* process = watch_.process_at(report.terminal);
    if (!process || process->is_clone) return;
    if (process->id != report.leader->process) {
      violate(at, watch_.name(report.terminal) + " leads under " + text_of(*report.leader) +
                      ", the token of another process");
    }
    const auto [holder, is_new] = holders_.emplace(*report.leader, process->life);
    if (!is_new && holder->second != process->life) {
      violate(at, watch_.name(report.terminal) + " leads under " + text_of(*report.leader) +
                      ", which an earlier process has held");
    }
    on_vote(at, report.terminal, report.leader->term, report.leader->process);
  }

  void on_vote(MonoTime at, TerminalIndex terminal, std::uint64_t term,
               const ProcessId& candidate) {
    const auto* process = watch_.process_at(terminal);
    if (process && process->is_clone) return;
    const auto [known, is_new] = votes_[terminal].emplace(term, candidate);
    if (is_new || known->second == candidate) return;
    violate(at, watch_.name(terminal) + " voted twice in term " + std::to_string(term) + ": for " +
                    known->second.hex().substr(0, 8) + " and then for " +
                    candidate.hex().substr(0, 8));
  }

  StoreWatch watch_;
  std::map<ProcessId, TerminalIndex> processes_;
  std::map<election::Token, std::uint64_t> holders_;
  // A disk that was replaced may have forgotten its promises.
  std::map<TerminalIndex, std::map<std::uint64_t, ProcessId>> votes_;
};

}  // namespace

std::unique_ptr<Checker> make_tokens_unique(const Scenario&) {
  return std::make_unique<TokensUnique>();
}

}  // namespace titan::simulations
