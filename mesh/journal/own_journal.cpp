#include "mesh/journal/own_journal.h"

#include <cassert>
#include <utility>

#include "mesh/journal/idempotency.h"

namespace titan::mesh {
namespace {

constexpr std::size_t hashes_kept = 4096;

JournalTail tail_of(const StoredState& state) {
  return {state.last_journal, state.last_number, state.last_hash};
}

IdempotencyRecord record_of(const Entry& entry) {
  return {entry.envelope.id, entry.hash, entry.envelope.request_hash};
}

}  // namespace

OwnJournal::OwnJournal(const Codec& codec, const KeyPair& key, ProcessId process,
                       JournalWriterConfig config, const StoredState& state, Random& random)
    : writer_(codec, key, process, std::move(config), tail_of(state), state.last_receipt_number,
              state.logical_clock, random),
      durable_tail_(tail_of(state)),
      durable_receipt_number_(state.last_receipt_number),
      keys_(state.keys) {}

// A key gives one entry, however often it is sent: before the commit its tickets wait for the same
// entry, afterwards they get its answer.
std::shared_ptr<const Entry> OwnJournal::append(std::uint64_t ticket, const EntryDraft& draft) {
  if (!draft.idempotency_key.empty() && is_repeat(ticket, draft)) return nullptr;
  return write(ticket, draft);
}

bool OwnJournal::is_repeat(std::uint64_t ticket, const EntryDraft& draft) {
  const std::string& key = draft.idempotency_key;
  if (joins_waiting(ticket, draft)) return true;
  if (const auto first = beside_.find(key); first != beside_.end()) {
    answer_repeat(ticket, draft, first->second);
    return true;
  }
  if (!may_hold(key)) return false;
  const auto [looking, is_first] = looking_for_.try_emplace(key, next_look_up_);
  if (is_first) {
    look_ups_.push_back({next_look_up_, key});
    looking_up_[next_look_up_++].key = key;
  }
  looking_up_[looking->second].tickets.push_back({ticket, draft});
  return true;
}

bool OwnJournal::joins_waiting(std::uint64_t ticket, const EntryDraft& draft) {
  const auto key = waiting_keys_.find(draft.idempotency_key);
  if (key == waiting_keys_.end()) return false;
  Waiting& waiting = waiting_.at(key->second);
  if (waiting.entry->envelope.request_hash != draft.request_hash) {
    answer_repeat(ticket, draft, record_of(*waiting.entry));
  } else {
    waiting.tickets.push_back(ticket);
  }
  return true;
}

// ---- look-ups ----------------------------------------------------------------------------------

std::vector<OwnJournal::Ticket> OwnJournal::end_look_up(std::uint64_t id) {
  auto ended = looking_up_.extract(id);
  if (ended.empty()) return {};
  looking_for_.erase(ended.mapped().key);
  return std::move(ended.mapped().tickets);
}

// What is new is written for the first of its tickets that can be; the others join it.
std::shared_ptr<const Entry> OwnJournal::on_key_looked_up(
    std::uint64_t id, const std::optional<IdempotencyRecord>& found, bool takes_writes) {
  std::shared_ptr<const Entry> entry;
  for (const Ticket& ticket : end_look_up(id)) {
    const auto first = found ? found : recorded_beside(ticket.draft.idempotency_key);
    if (first) {
      answer_repeat(ticket.id, ticket.draft, *first);
    } else if (!takes_writes) {
      refuse(ticket.id);
    } else if (!joins_waiting(ticket.id, ticket.draft)) {
      entry = write(ticket.id, ticket.draft);
    }
  }
  return entry;
}

// Nothing was recorded for these tickets, but it may have been for one before them.
void OwnJournal::on_key_look_up_failed(std::uint64_t id) {
  for (const Ticket& ticket : end_look_up(id)) {
    replies_.push_back(
        {ticket.id,
         make_error(ErrorCode::unknown_outcome,
                    "whether this was recorded before cannot be read from the disk right now; "
                    "repeat with the same idempotency_key")});
  }
}

bool OwnJournal::may_hold(const std::string& idempotency_key) const {
  return keys_.contains(hash_of_key(idempotency_key));
}

std::optional<IdempotencyRecord> OwnJournal::recorded_beside(
    const std::string& idempotency_key) const {
  const auto found = beside_.find(idempotency_key);
  if (found == beside_.end()) return std::nullopt;
  return found->second;
}

void OwnJournal::remember(const Entry& entry, bool is_beside) {
  const std::string& key = entry.envelope.idempotency_key;
  if (key.empty()) return;
  keys_.add(hash_of_key(key));
  if (!is_beside) return;
  std::optional<IdempotencyRecord> known = recorded_beside(key);
  if (!known && beside_.size() >= keys_beside_max) return;
  (void)remember_key(known, entry);
  beside_[key] = *known;
}

// ---- writing -----------------------------------------------------------------------------------

std::shared_ptr<const Entry> OwnJournal::write(std::uint64_t ticket, const EntryDraft& draft) {
  auto written = writer_.write(draft);
  if (!written) {
    replies_.push_back({ticket, written.error()});
    return nullptr;
  }
  const std::shared_ptr<const Entry> entry = *written;
  if (entry->envelope.id.number == 1) {
    recent_hashes_.clear();
    recent_first_number_ = 1;
  }
  recent_hashes_.push_back(entry->hash);
  if (recent_hashes_.size() > hashes_kept) {
    recent_hashes_.pop_front();
    ++recent_first_number_;
  }
  waiting_[entry->envelope.id] = {entry, {ticket}};
  if (!draft.idempotency_key.empty()) {
    waiting_keys_[draft.idempotency_key] = entry->envelope.id;
  }
  return entry;
}

void OwnJournal::answer_repeat(std::uint64_t ticket, const EntryDraft& draft,
                               const IdempotencyRecord& first) {
  if (first.request_hash != draft.request_hash) {
    replies_.push_back(
        {ticket, make_error(ErrorCode::conflict,
                            "this idempotency_key was already used for another request (entry " +
                                first.entry.journal.hex() + ":" +
                                std::to_string(first.entry.number) + "); use a new key",
                            "idempotency_key")});
    return;
  }
  replies_.push_back({ticket, Appended{first.entry, first.entry_hash, nullptr, true}});
}

bool OwnJournal::is_waiting_for(const Entry& entry) const {
  const auto waiting = waiting_.find(entry.envelope.id);
  return waiting != waiting_.end() && waiting->second.entry->hash == entry.hash;
}

void OwnJournal::on_stored(const Entry& entry, bool is_beside) {
  const auto waiting = waiting_.find(entry.envelope.id);
  if (waiting == waiting_.end()) return;
  durable_tail_ = {entry.envelope.id.journal, entry.envelope.id.number, entry.hash};
  if (entry.envelope.receipt) durable_receipt_number_ = entry.envelope.receipt->number;
  waiting_keys_.erase(entry.envelope.idempotency_key);
  bool repeated = false;
  for (const std::uint64_t ticket : waiting->second.tickets) {
    replies_.push_back(
        {ticket, Appended{entry.envelope.id, entry.hash, waiting->second.entry, repeated}});
    repeated = true;
  }
  waiting_.erase(waiting);
  remember(entry, is_beside);
}

void OwnJournal::observe(const Entry& entry, bool is_beside) {
  writer_.observe_logical_clock(entry.envelope.logical_clock);
  if (entry.envelope.receipt) writer_.observe_receipt_number(entry.envelope.receipt->number);
  remember(entry, is_beside);
}

void OwnJournal::refuse(std::uint64_t ticket) {
  replies_.push_back({ticket, make_error(ErrorCode::unavailable,
                                         "the terminal is reopening its storage after a failed "
                                         "write; repeat with the same idempotency_key")});
}

void OwnJournal::on_store_failed() {
  for (const auto& [id, waiting] : waiting_) {
    for (const std::uint64_t ticket : waiting.tickets) {
      replies_.push_back(
          {ticket, make_error(ErrorCode::unknown_outcome,
                              "the disk failed while this was being recorded, so it may or may "
                              "not have been; repeat with the same idempotency_key")});
    }
  }
  // They may be there after all: whoever comes with one of them again waits for a look-up.
  for (const auto& [key, id] : waiting_keys_) keys_.add(hash_of_key(key));
  waiting_.clear();
  waiting_keys_.clear();
}

void OwnJournal::go_on() {
  assert(waiting_.empty());
  writer_.start_new_journal(durable_tail_, durable_receipt_number_);
  recent_hashes_.clear();
}

void OwnJournal::resume(const StoredState& state) {
  keys_ = state.keys;
  beside_.clear();
  durable_tail_ = tail_of(state);
  durable_receipt_number_ = state.last_receipt_number;
  writer_.observe_logical_clock(state.logical_clock);
  waiting_.empty() ? go_on() : leave_journal();
}

void OwnJournal::leave_journal() {
  // Entries under way are ours whatever becomes of the journal: the new one follows the last
  // written, and receipt numbers run on behind it.
  writer_.start_new_journal(writer_.tail(), writer_.last_receipt_number());
  recent_hashes_.clear();
}

bool OwnJournal::is_from_copy(const Entry& entry) const {
  const EntryId& id = entry.envelope.id;
  const JournalTail& tail = writer_.tail();
  if (!writer_.is_open() || tail.journal != id.journal) return false;
  if (id.number > tail.number) return true;
  if (id.number < recent_first_number_) return false;
  const std::uint64_t index = id.number - recent_first_number_;
  return index < recent_hashes_.size() && recent_hashes_[index] != entry.hash;
}

void OwnJournal::check_invariants() const {
  for (const auto& [id, waiting] : waiting_) assert(!waiting.tickets.empty());
  for (const auto& [key, id] : waiting_keys_) {
    const auto waiting = waiting_.find(id);
    assert(waiting != waiting_.end() && waiting->second.entry->envelope.idempotency_key == key);
  }
  assert(looking_up_.size() == looking_for_.size());
  for (const auto& [id, looking] : looking_up_) {
    assert(!looking.tickets.empty());
    assert(looking_for_.at(looking.key) == id);
    assert(!waiting_keys_.contains(looking.key));
  }
  assert(recent_hashes_.size() <= hashes_kept);
  assert(recent_hashes_.empty() ||
         recent_first_number_ + recent_hashes_.size() == writer_.tail().number + 1);
}

std::vector<AppendReply> OwnJournal::take_replies() {
  return std::exchange(replies_, {});
}

}  // namespace titan::mesh
