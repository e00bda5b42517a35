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
      records_(state.idempotency) {}

// A key gives one entry, however often it is sent: before the commit its tickets wait for the same
// entry, afterwards they get its answer.
std::shared_ptr<const Entry> OwnJournal::append(std::uint64_t ticket, const EntryDraft& draft) {
  if (!draft.idempotency_key.empty()) {
    if (const auto first = records_.find(draft.idempotency_key); first != records_.end()) {
      answer_repeat(ticket, draft, first->second);
      return nullptr;
    }
    if (const auto key = waiting_keys_.find(draft.idempotency_key); key != waiting_keys_.end()) {
      Waiting& waiting = waiting_.at(key->second);
      if (waiting.entry->envelope.request_hash != draft.request_hash) {
        answer_repeat(ticket, draft, record_of(*waiting.entry));
      } else {
        waiting.tickets.push_back(ticket);
      }
      return nullptr;
    }
  }
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

std::optional<OwnJournal::Duplicate> OwnJournal::on_stored(const Entry& entry) {
  const auto waiting = waiting_.find(entry.envelope.id);
  if (waiting == waiting_.end()) return std::nullopt;
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
  return remember_key(records_, entry);
}

std::optional<OwnJournal::Duplicate> OwnJournal::observe(const Entry& entry) {
  writer_.observe_logical_clock(entry.envelope.logical_clock);
  if (entry.envelope.receipt) writer_.observe_receipt_number(entry.envelope.receipt->number);
  return remember_key(records_, entry);
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
  waiting_.clear();
  waiting_keys_.clear();
}

void OwnJournal::go_on() {
  assert(waiting_.empty());
  writer_.start_new_journal(durable_tail_, durable_receipt_number_);
  recent_hashes_.clear();
}

void OwnJournal::resume(const StoredState& state) {
  records_ = state.idempotency;
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

std::optional<IdempotencyRecord> OwnJournal::recorded(const std::string& idempotency_key) const {
  const auto found = records_.find(idempotency_key);
  if (found == records_.end()) return std::nullopt;
  return found->second;
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
  assert(recent_hashes_.size() <= hashes_kept);
  assert(recent_hashes_.empty() ||
         recent_first_number_ + recent_hashes_.size() == writer_.tail().number + 1);
}

std::vector<AppendReply> OwnJournal::take_replies() {
  return std::exchange(replies_, {});
}

}  // namespace titan::mesh
