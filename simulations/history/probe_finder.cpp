#include "simulations/history/probe_finder.h"

#include <algorithm>

#include "base/overloaded.h"

namespace titan::simulations {

namespace {
constexpr std::uint64_t refill_entries_min = 1'000;
constexpr Duration handed_over_within = seconds(5);
}  // namespace

ProbeFinder::ProbeFinder(const Scenario& scenario)
    : has_cloud_(scenario.topology.cloud != CloudPresence::none),
      terminals_(scenario.topology.terminals.size()) {}

void ProbeFinder::on_observed(const Observed& observed) {
  if (const auto* ended = std::get_if<ProcessEnded>(&observed.what)) on_ended(observed.at, *ended);
  watch_.on_observed(observed);
  std::visit(
      Overloaded{[&](const ProcessStarted& started) {
                   if (started.is_clone) find("clone-ran");
                 },
                 [&](const DiskReplaced& replaced) {
                   find("disk-replaced");
                   replaced_[replaced.terminal].insert(watch_.device_at(replaced.terminal));
                 },
                 [&](const RequestSent& request) {
                   baskets_of_key_[{request.terminal, request.key}].insert(request.request_hash);
                 },
                 [&](const RequestAnswered& answer) { on_answer(answer); },
                 [&](const EntryStored& stored) { on_stored(stored); },
                 [&](const AlarmRaised&) { find("alarm"); },
                 [&](const MemberReported& report) { on_member(report); },
                 [&](const LeaderReported& report) { on_leader(observed.at, report); },
                 [&](const LeaseGranted& lease) {
                   if (last_lease_ && last_lease_->process != lease.token.process) {
                     find("lease-moved");
                   }
                   last_lease_ = lease.token;
                 },
                 [&](const CloudHolds& held) { in_cloud_.insert(held.entry->hash); },
                 [&](const DatabaseOpened& opened) { database_fill_[opened.terminal] = 0; },
                 [&](const DatabaseHolds& held) {
                   if (++database_fill_[held.terminal] > refill_entries_min) {
                     find("database-refilled");
                   }
                 },
                 [&](const Reached& reached) { on_reached(reached); },
                 [&](const RunEnded&) { on_end(); }, [](const auto&) {}},
      observed.what);
}

// Executors write names as code does.
void ProbeFinder::on_reached(const Reached& reached) {
  std::string name = reached.probe;
  std::replace(name.begin(), name.end(), '_', '-');
  found_.insert(std::move(name));
}

void ProbeFinder::on_answer(const RequestAnswered& answer) {
  using Outcome = RequestAnswered::Outcome;
  if (answer.outcome == Outcome::unknown) find("answer-unknown");
  if (answer.outcome == Outcome::refused) {
    find("request-refused");
    const auto baskets = baskets_of_key_.find({answer.terminal, answer.key});
    if (baskets != baskets_of_key_.end() && baskets->second.size() > 1) find("key-refused");
  }
  if (answer.outcome == Outcome::repeated) find("answer-repeated");
  if (answer.outcome != Outcome::recorded) return;
  const auto components = watch_.components();
  if (components.size() > 1) find("sold-during-cut");
  const bool is_alone = std::any_of(components.begin(), components.end(), [&](const auto& group) {
    return group.size() == 1 && group.front() == answer.terminal;
  });
  if (is_alone && terminals_ > 1) find("sold-alone");
  if (has_cloud_ &&
      std::none_of(watch_.running().begin(), watch_.running().end(),
                   [&](const auto& item) { return watch_.reaches_cloud(item.first); })) {
    find("sold-without-cloud");
  }
}

void ProbeFinder::on_leader(MonoTime at, const LeaderReported& report) {
  if (!report.is_self || !report.leader) return;
  std::size_t leaders = 0;
  for (const auto& [terminal, process] : watch_.running()) leaders += watch_.leads(terminal);
  if (leaders > 1) find("two-leaders");
  if (last_leader_ && last_leader_->process != report.leader->process) {
    find("leader-changed");
    leader_before_ = {last_leader_->process, at};
  }
  if (last_leader_ && last_leader_->process == report.leader->process &&
      report.leader->term > last_leader_->term) {
    find("raised-own-term");
  }
  last_leader_ = report.leader;
}

void ProbeFinder::on_ended(MonoTime at, const ProcessEnded& ended) {
  // A polite leader has handed over before it ends.
  const bool led_just_now =
      leader_before_.first == ended.process && at - leader_before_.second < handed_over_within;
  if (ended.was_polite && led_just_now) find("leader-left");
  if (!last_leader_ || last_leader_->process != ended.process) return;
  find(ended.was_polite ? "leader-left" : "leader-crashed");
}

void ProbeFinder::on_member(const MemberReported& report) {
  const std::pair seen{report.terminal, report.about};
  if (report.state == "dead") {
    find("member-dead");
    dead_.insert(seen);
  } else if (report.state == "alive" && dead_.contains(seen)) {
    find("member-back");
  }
}

void ProbeFinder::on_stored(const EntryStored& stored) {
  const EntryFacts& entry = *stored.entry;
  if (watch_.is_device(entry.device)) of_terminals_.insert(entry.hash);
  auto& journals = journals_[entry.device];
  journals.insert(entry.id.journal);
  if (journals.size() > 1) find("new-journal");
  auto& highest = highest_[{stored.terminal, entry.id.journal}];
  if (entry.id.number > highest + 1) find("entry-beyond-gap");
  highest = std::max(highest, entry.id.number);
  const bool is_own = watch_.device_at(stored.terminal) == entry.device;
  if (is_own && at_author_.contains(entry.hash) && replaced_.contains(stored.terminal)) {
    find("own-entries-came-back");
  }
  if (is_own) at_author_.insert(entry.hash);
  if (!entry.claim.is_none()) {
    const auto [first, is_new] = claims_.emplace(entry.claim, entry.hash);
    if (!is_new && first->second != entry.hash) find("claim-contested");
  }
  if (!entry.idempotency_key.empty()) {
    const auto [first, is_new] = requests_.emplace(
        std::tuple{entry.device, entry.idempotency_key, entry.request_hash}, entry.hash);
    if (!is_new && first->second != entry.hash) find("duplicate-request");
    const auto [basket, is_first] =
        keys_.emplace(std::pair{entry.device, entry.idempotency_key}, entry.request_hash);
    if (!is_first && basket->second != entry.request_hash) find("key-for-two-baskets");
  }
  if (entry.receipt) {
    const auto [first, is_new] = receipts_.emplace(
        std::pair{entry.receipt->terminal, entry.receipt->number}, entry.id.journal);
    if (!is_new && first->second != entry.id.journal) find("receipt-number-again");
  }
}

void ProbeFinder::on_end() {
  const bool is_whole =
      std::includes(in_cloud_.begin(), in_cloud_.end(), of_terminals_.begin(), of_terminals_.end());
  if (is_whole && !of_terminals_.empty()) find("cloud-holds-all");
}

}  // namespace titan::simulations
