// Hand-written histories for tests of checkers and probes: a store of a few terminals whose
// processes, devices, journals and entries have ids made from small numbers.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "simulations/history/observation.h"

namespace titan::simulations::testing {

template <class Id>
Id id(std::uint8_t number) {
  Id made;
  made.bytes[0] = number;
  made.bytes[1] = 1;
  return made;
}

inline ProcessId process(std::uint8_t number) {
  return id<ProcessId>(number);
}
inline DeviceId device(std::uint8_t number) {
  return id<DeviceId>(number);
}
inline election::Token token(std::uint64_t term, std::uint8_t of_process) {
  return {term, process(of_process)};
}

struct EntrySpec {
  std::uint8_t author = 0;  // terminal; the device of that number
  std::uint64_t number = 1;
  std::string key;
  std::vector<crdt::StockEffect> effects;
  std::uint64_t receipt = 0;  // 0: none
  std::uint8_t journal = 0;   // 0: the author's first
  std::uint8_t content = 0;   // another one gives another hash under the same number
  std::uint8_t claim = 0;
  mesh::Kind kind = mesh::Kind::sale;
};

inline std::shared_ptr<const EntryFacts> entry(const EntrySpec& spec) {
  EntryFacts facts;
  facts.id.journal = id<JournalId>(
      static_cast<std::uint8_t>(spec.journal != 0 ? spec.journal : 100 + spec.author));
  facts.id.number = spec.number;
  facts.hash = id<Hash>(facts.id.journal.bytes[0]);
  facts.hash.bytes[2] = static_cast<std::uint8_t>(spec.number);
  facts.hash.bytes[3] = spec.content;
  facts.device = device(spec.author);
  facts.kind = spec.kind;
  facts.idempotency_key = spec.key;
  if (!spec.key.empty()) facts.request_hash = id<Hash>(9);
  if (spec.claim != 0) facts.claim = id<Hash>(spec.claim);
  facts.stock_effects = spec.effects;
  if (spec.receipt != 0) {
    facts.receipt = mesh::Receipt{"till-" + std::to_string(spec.author + 1), spec.receipt};
  }
  facts.bytes = 100;
  return std::make_shared<const EntryFacts>(facts);
}

// Collects observations with times; `in(ms)` moves the clock.
class Story {
 public:
  explicit Story(TerminalIndex terminals, bool sees_disks = true) : terminals_(terminals) {
    RunBegan run{"simulator", {}, sees_disks};
    for (TerminalIndex i = 0; i < terminals; ++i) {
      run.terminals.push_back("till-" + std::to_string(i + 1));
    }
    tell(run);
    for (TerminalIndex i = 0; i < terminals; ++i) start(i, static_cast<std::uint8_t>(i));
  }

  Story& in(std::int64_t ms) {
    time_ = time_ + milliseconds(ms);
    return *this;
  }
  Story& tell(Observation what) {
    observed_.push_back({time_, std::move(what)});
    return *this;
  }
  // Process p runs on the terminal; its device has the terminal's number.
  Story& start(TerminalIndex terminal, std::uint8_t p) {
    return tell(ProcessStarted{terminal, process(p), device(static_cast<std::uint8_t>(terminal))});
  }
  Story& end(TerminalIndex terminal, std::uint8_t p, bool politely = false) {
    return tell(ProcessEnded{terminal, process(p), politely});
  }
  // All of `members` follow the process under the term; it runs on the first of them.
  Story& lead(std::initializer_list<TerminalIndex> members, std::uint64_t term, std::uint8_t p) {
    for (const auto member : members) {
      tell(LeaderReported{member, token(term, p), member == *members.begin()});
    }
    return *this;
  }
  Story& send(TerminalIndex terminal, const std::string& key,
              std::vector<crdt::StockEffect> effects, std::uint8_t claim = 0) {
    return tell(RequestSent{terminal, key, mesh::Kind::sale, id<Hash>(9),
                            claim != 0 ? id<Hash>(claim) : Hash{}, std::move(effects)});
  }
  Story& answer(TerminalIndex terminal, const std::string& key,
                const std::shared_ptr<const EntryFacts>& given,
                RequestAnswered::Outcome outcome = RequestAnswered::Outcome::recorded) {
    RequestAnswered answer{terminal, key, outcome};
    if (given) {
      answer.entry = given->id;
      answer.hash = given->hash;
      answer.receipt = given->receipt;
    }
    return tell(answer);
  }
  Story& store(std::initializer_list<TerminalIndex> where,
               const std::shared_ptr<const EntryFacts>& what) {
    for (const auto terminal : where) tell(EntryStored{terminal, what});
    return *this;
  }
  // A sale from the till screen to the disk of its terminal and of all others.
  Story& sell(TerminalIndex terminal, const std::shared_ptr<const EntryFacts>& what) {
    send(terminal, what->idempotency_key, what->stock_effects);
    tell(EntryStored{terminal, what});
    answer(terminal, what->idempotency_key, what);
    for (TerminalIndex i = 0; i < terminals_; ++i) {
      if (i != terminal) tell(EntryStored{i, what});
    }
    return *this;
  }
  Story& list(std::initializer_list<TerminalIndex> where,
              std::initializer_list<std::shared_ptr<const EntryFacts>> what) {
    JournalListed listed;
    for (const auto& item : what) listed.held.emplace_back(item->id, item->hash);
    for (const auto terminal : where) {
      listed.terminal = terminal;
      tell(listed);
    }
    return *this;
  }
  Story& replace_disk(TerminalIndex terminal,
                      std::initializer_list<std::shared_ptr<const EntryFacts>> what) {
    DiskReplaced replaced{terminal, "restored", {}};
    for (const auto& item : what) replaced.held.emplace_back(item->id, item->hash);
    return tell(replaced);
  }
  // The last row and number are the cloud's.
  Story& cut(const Reachability& reaches, std::uint32_t number = 0) {
    return tell(FaultBegan{number, "cut", reaches});
  }
  Story& mend(std::uint32_t number = 0) { return tell(FaultEnded{number, whole()}); }
  Reachability whole() const {
    std::vector<TerminalIndex> all;
    for (TerminalIndex i = 0; i <= terminals_; ++i) all.push_back(i);
    return Reachability(terminals_ + 1, all);
  }

  const std::vector<Observed>& observed() const { return observed_; }
  MonoTime time() const { return time_; }

 private:
  const TerminalIndex terminals_;
  MonoTime time_;
  std::vector<Observed> observed_;
};

}  // namespace titan::simulations::testing
