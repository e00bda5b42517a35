// M4. Every acknowledged request is on some disk or in the cloud at the end, unless the last copy
// went with a disk; a store database is a copy, too: who runs gives back what it holds. No number
// has two contents; nothing counts twice: final stock is what the certain requests come to, and
// some of the uncertain ones.
//
// Planted bugs that it catches (simulations/negative): beside-forgotten, continued-journal,
// database-keeps-to-itself, key-forgotten, reserialised-entry, unclaimed-requests and
// void-of-one-entry.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/crypto.h"
#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/checkers/stock_judgement.h"
#include "simulations/history/entry_book.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

using Outcome = RequestAnswered::Outcome;

// What a till screen wanted: all its tries with one key and content.
struct Request {
  TerminalIndex terminal = 0;
  DeviceId device;
  std::string key;
  Hash request_hash;
  Hash claim;
  std::vector<crdt::StockEffect> effects;
  bool has_doubt = false;            // an answer is missing, or was "unknown"
  std::set<Hash> entries;            // as acknowledged
  std::uint64_t disks_replaced = 0;  // on the terminal when the last of them was new
};

using RequestId = std::tuple<DeviceId, std::string, Hash>;

class NothingLost : public Checker {
 public:
  explicit NothingLost(const Scenario& scenario)
      : has_shared_database_(scenario.topology.has_shared_database),
        has_clones_(has_fault(scenario, FaultKind::clone)) {
    for (const auto& fault : scenario.faults) {
      is_damage_.push_back(fault.kind == FaultKind::damage_disk);
    }
  }
  std::string_view name() const override { return "M4"; }
  std::optional<std::string> not_judged() const override {
    if (!has_listing_) return "no terminal's journals were listed at the end";
    return std::nullopt;
  }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    watch_.on_observed(observed);
    std::visit(
        Overloaded{[&](const RequestSent& request) { on_sent(request); },
                   [&](const RequestAnswered& answer) { on_answered(observed.at, answer); },
                   [&](const EntryStored& stored) { on_stored(observed.at, stored); },
                   [&](const DiskReplaced& replaced) { on_replaced(replaced); },
                   [&](const CloudHolds& held) { cloud_.insert(book_.number_of(held.entry)); },
                   [&](const FaultBegan& began) {
                     if (began.number < is_damage_.size() && is_damage_[began.number]) {
                       damaged_at_ = observed.at;
                       stored_since_.clear();
                     }
                   },
                   [&](const DatabaseHolds& held) {
                     databases_[held.terminal].insert(book_.number_of(held.entry));
                   },
                   [&](const DatabaseOpened& opened) {
                     if (opened.entries != 0) return;
                     note_gone(std::exchange(databases_[opened.terminal], {}));
                   },
                   [&](const JournalListed& listed) {
                     has_listing_ = true;
                     survives_.add(book_.set_of(listed.held));
                   },
                   [&](const StockRead& read) {
                     if (read.is_final) reads_.push_back(read);
                   },
                   [](const auto&) {}},
        observed.what);
  }

  void finish() override {
    if (!has_listing_) return;
    survives_.add(cloud_);
    add_databases_at_rest();
    for (const auto& [id, request] : requests_) judge_survival(request);
    judge_stock();
  }

 private:
  void on_sent(const RequestSent& sent) {
    const RequestId id{watch_.device_at(sent.terminal), sent.key, sent.request_hash};
    Request& request = requests_[id];
    request.terminal = sent.terminal;
    request.device = std::get<0>(id);
    request.key = sent.key;
    request.request_hash = sent.request_hash;
    request.claim = sent.claim;
    request.effects = sent.stock_effects;
    ++open_[{sent.terminal, sent.key}][id];
  }

  void on_answered(MonoTime at, const RequestAnswered& answer) {
    const auto open = open_.find({answer.terminal, answer.key});
    if (open == open_.end()) return;
    Request* request = find_request(open->second, answer);
    if (!request) return;
    if (auto& waiting = open->second[id_of(*request)]; waiting != 0) --waiting;
    if (answer.outcome == Outcome::unknown) request->has_doubt = true;
    if (answer.outcome != Outcome::recorded && answer.outcome != Outcome::repeated) return;
    if (!answer.hash) return;
    const auto replaced = disks_replaced_[answer.terminal];
    // A replaced disk has forgotten the key. Of the two entries that come of it either is the
    // answer.
    const bool is_known = request->entries.contains(*answer.hash);
    const bool may_be_new = request->entries.empty() || request->disks_replaced != replaced;
    if (!is_known && !may_be_new && !has_clones_) {
      violate(at, watch_.name(answer.terminal) + " acknowledged the request with key " +
                      answer.key + " twice, with two different entries");
    }
    if (!is_known) request->disks_replaced = replaced;
    request->entries.insert(*answer.hash);
  }

  static RequestId id_of(const Request& request) {
    return {request.device, request.key, request.request_hash};
  }

  // A key may have been used for two baskets: then the entry tells which one was answered.
  Request* find_request(const std::map<RequestId, std::uint64_t>& open,
                        const RequestAnswered& answer) {
    if (answer.hash) {
      if (const auto number = book_.find(*answer.hash)) {
        const auto found = requests_.find(
            {book_.facts(*number).device, answer.key, book_.facts(*number).request_hash});
        if (found != requests_.end()) return &found->second;
      }
    }
    Request* request = nullptr;
    for (const auto& [id, waiting] : open) {
      if (waiting != 0 || !request) request = &requests_.at(id);
    }
    return request;
  }

  void on_stored(MonoTime at, const EntryStored& stored) {
    const EntryNumber number = book_.number_of(stored.entry);
    held_[stored.terminal].insert(number);
    if (damaged_at_) stored_since_[stored.terminal].insert(number);
    const auto [known, is_new] = contents_.emplace(stored.entry->id, stored.entry->hash);
    if (!is_new && known->second != stored.entry->hash && !has_clones_) {
      violate(at, watch_.name(stored.terminal) + " stored another content under number " +
                      text_of(stored.entry->id) + " than the store knew before");
    }
  }

  void on_replaced(const DiskReplaced& replaced) {
    ++disks_replaced_[replaced.terminal];
    EntrySet before = std::exchange(held_[replaced.terminal], book_.set_of(replaced.held));
    before.add(
        std::exchange(databases_[replaced.terminal], book_.set_of(replaced.held_by_database)));
    // Pages that were overwritten held nothing that was stored later.
    if (replaced.how == "damaged") {
      const EntrySet& since = stored_since_[replaced.terminal];
      for (EntryNumber number = 0; number < since.end(); ++number) {
        if (since.contains(number)) before.erase(number);
      }
    }
    stored_since_.erase(replaced.terminal);
    note_gone(before);
  }

  // What was on a disk or in a database and is in no other place now.
  void note_gone(const EntrySet& before) {
    const auto holds = [](const auto& places, EntryNumber number) {
      return std::any_of(places.begin(), places.end(),
                         [&](const auto& place) { return place.second.contains(number); });
    };
    for (EntryNumber number = 0; number < before.end(); ++number) {
      if (!before.contains(number) || cloud_.contains(number)) continue;
      if (!holds(held_, number) && !holds(databases_, number)) gone_.insert(number);
    }
  }

  // Nobody was there to give back what they hold: a till that is off, a shared one without leader.
  void add_databases_at_rest() {
    const auto& running = watch_.running();
    const bool is_led = std::any_of(running.begin(), running.end(),
                                    [this](const auto& at) { return watch_.leads(at.first); });
    for (const auto& [place, held] : databases_) {
      const bool is_asked = has_shared_database_ ? is_led : watch_.process_at(place) != nullptr;
      if (!is_asked) survives_.add(held);
    }
  }

  bool survives(const Hash& hash) const {
    const auto number = book_.find(hash);
    return number && survives_.contains(*number);
  }
  bool is_gone(const Hash& hash) const {
    const auto number = book_.find(hash);
    return number && gone_.contains(*number);
  }

  void judge_survival(const Request& request) {
    for (const auto& entry : request.entries) {
      if (survives(entry) || is_gone(entry)) continue;
      violate(last_, "the request with key " + request.key + " was acknowledged by " +
                         watch_.name(request.terminal) + " as entry " + entry_text(entry) +
                         ", which no terminal and no cloud holds at the end");
    }
  }

  bool is_certain(const Request& request) const {
    return std::any_of(request.entries.begin(), request.entries.end(),
                       [this](const Hash& entry) { return !is_gone(entry); });
  }

  std::string entry_text(const Hash& hash) const {
    const auto number = book_.find(hash);
    return number ? book_.text(*number) : hash.hex().substr(0, 8);
  }

  // What one claim settles, or a single request without one.
  struct Settled {
    bool is_certain = false;
    std::vector<const std::vector<crdt::StockEffect>*> ways;
  };

  std::vector<Settled> settle() const {
    std::map<Hash, Settled> claims;
    std::vector<Settled> settled;
    const auto add = [&](const Hash& claim, const std::vector<crdt::StockEffect>& effects,
                         bool is_certain) {
      Settled& place = claim.is_none() ? settled.emplace_back() : claims[claim];
      place.is_certain = place.is_certain || is_certain;
      place.ways.push_back(&effects);
    };
    std::map<RequestId, bool> known;
    for (const auto& [id, request] : requests_) {
      known[id] = true;
      const auto open = open_.find({request.terminal, request.key});
      const bool is_unanswered =
          open != open_.end() && open->second.contains(id) && open->second.at(id) != 0;
      const bool may_count = !request.entries.empty() || request.has_doubt || is_unanswered;
      if (may_count) add(request.claim, request.effects, is_certain(request));
    }
    // What no till screen asked for.
    for (EntryNumber number = 0; number < book_.size(); ++number) {
      const EntryFacts& entry = book_.facts(number);
      if (!survives_.contains(number) || entry.stock_effects.empty()) continue;
      const bool is_asked_for =
          known.contains({entry.device, entry.idempotency_key, entry.request_hash}) ||
          known.contains({entry.device, entry.idempotency_key, Hash{}});
      if (!is_asked_for) add(entry.claim, entry.stock_effects, true);
    }
    for (auto& [claim, place] : claims) settled.push_back(std::move(place));
    return settled;
  }

  static std::int64_t delta(const std::vector<crdt::StockEffect>& effects,
                            const std::string& product) {
    std::uint64_t sum = 0;
    for (const auto& effect : effects) {
      if (effect.product == product) sum += effect.added - effect.removed;
    }
    return static_cast<std::int64_t>(sum);
  }

  void judge_stock() {
    if (reads_.empty()) return;
    std::map<std::string, PossibleStock> stock;
    for (const auto& read : reads_) stock[read.product];
    for (const auto& place : settle()) {
      std::set<std::string> products;
      for (const auto* way : place.ways) {
        for (const auto& effect : *way) products.insert(effect.product);
      }
      for (const auto& product : products) {
        const auto found = stock.find(product);
        if (found == stock.end()) continue;
        if (place.is_certain && place.ways.size() == 1) {
          found->second.add_certain(delta(*place.ways.front(), product));
          continue;
        }
        std::set<std::int64_t> deltas;
        for (const auto* way : place.ways) deltas.insert(delta(*way, product));
        if (!place.is_certain) deltas.insert(0);
        found->second.add_choice({deltas.begin(), deltas.end()});
      }
    }
    for (const auto& read : reads_) {
      const PossibleStock& possible = stock.at(read.product);
      if (possible.allows(read.on_hand)) continue;
      violate(last_, watch_.name(read.terminal) + " shows " + std::to_string(read.on_hand) +
                         " of " + read.product + " at the end; the acknowledged requests come to " +
                         possible.text());
    }
  }

  const bool has_shared_database_;
  const bool has_clones_;  // copies of running processes: the named exception
  bool has_listing_ = false;
  MonoTime last_;
  StoreWatch watch_;
  EntryBook book_;
  std::map<RequestId, Request> requests_;
  std::map<std::pair<TerminalIndex, std::string>, std::map<RequestId, std::uint64_t>> open_;
  std::map<mesh::EntryId, Hash> contents_;
  std::map<TerminalIndex, EntrySet> held_;
  std::map<TerminalIndex, EntrySet> databases_;  // by terminal; a shared one stands alone
  std::map<TerminalIndex, std::uint64_t> disks_replaced_;
  std::vector<bool> is_damage_;         // by fault
  std::optional<MonoTime> damaged_at_;  // the last time
  std::map<TerminalIndex, EntrySet> stored_since_;
  EntrySet cloud_;
  EntrySet survives_;
  EntrySet gone_;  // the last copy went with a disk
  std::vector<StockRead> reads_;
};

}  // namespace

std::unique_ptr<Checker> make_nothing_lost(const Scenario& scenario) {
  return std::make_unique<NothingLost>(scenario);
}

}  // namespace titan::simulations
