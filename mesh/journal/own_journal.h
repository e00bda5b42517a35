// What this terminal itself records: drafts become entries, repeats of an idempotency key get the
// first answer, and nobody is answered before the disk has spoken.
//
// Sans-IO, single-threaded. The scope of an idempotency key is the device through all its
// journals, so entries of this device that come back from peers count too (observe()).
//
// Invariant: a ticket is answered exactly once.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/journal/stored_state.h"

namespace titan::mesh {

// What an append came to: recorded now, or recorded before under the same key and request.
struct Appended {
  EntryId id;
  Hash hash;
  std::shared_ptr<const Entry> entry;  // null for a repeat: it is on the disk
  bool repeated = false;
};

struct AppendReply {
  std::uint64_t ticket = 0;
  Result<Appended> result;
};

class OwnJournal {
 public:
  using Duplicate = DuplicateRecord;

  OwnJournal(const Codec& codec, const KeyPair& key, ProcessId process, JournalWriterConfig config,
             const StoredState& state, Random& random);

  // Returns the entry to store, or null when the ticket is answered already or waits for the same
  // key. `ticket` is new; the reply bears it.
  std::shared_ptr<const Entry> append(std::uint64_t ticket, const EntryDraft& draft);
  bool is_waiting_for(const Entry& entry) const;
  // A duplicate: an earlier life's entry under the same key came back while this one was written.
  std::optional<Duplicate> on_stored(const Entry& entry);
  // An entry of this device that was written earlier or by a copy, now stored here.
  std::optional<Duplicate> observe(const Entry& entry);
  // A foreign entry was seen: ours order behind it.
  void observe_logical_clock(std::uint64_t clock) { writer_.observe_logical_clock(clock); }

  // A commit failed: every waiting ticket is answered unknown_outcome. Nothing is appended until
  // resume() with what the disk really holds; meanwhile tickets are refused.
  void on_store_failed();
  void refuse(std::uint64_t ticket);
  // After on_store_failed(): goes on in a new journal behind what is known to be durable, although
  // nobody has looked at the disk yet.
  void go_on();
  void resume(const StoredState& state);
  // Go on in a new journal: a copy of this process writes this one too, or its times are ahead.
  void leave_journal();
  // Of the last entry written to the open journal.
  std::optional<WallTime> last_time() const { return writer_.last_time(); }

  // True if the entry claims to be of the journal that this process writes, but was not written
  // here.
  bool is_from_copy(const Entry& entry) const;
  std::optional<IdempotencyRecord> recorded(const std::string& idempotency_key) const;

  std::vector<AppendReply> take_replies();
  void check_invariants() const;

 private:
  // For the disk. The first ticket recorded it, the others repeat its key.
  struct Waiting {
    std::shared_ptr<const Entry> entry;
    std::vector<std::uint64_t> tickets;  // one at least
  };

  void answer_repeat(std::uint64_t ticket, const EntryDraft& draft, const IdempotencyRecord& first);

  JournalWriter writer_;
  // Of what we wrote and the disk reported, or holds: where a new journal goes on after a failure.
  JournalTail durable_tail_;
  std::uint64_t durable_receipt_number_ = 0;
  std::map<EntryId, Waiting> waiting_;                // not reported by the disk yet
  std::map<std::string, EntryId> waiting_keys_;       // of those in waiting_ that have a key
  std::map<std::string, IdempotencyRecord> records_;  // of durable entries; never forgotten
  // The last hashes_kept of the open journal up to its tail, to tell a copy's entries from our own.
  std::deque<Hash> recent_hashes_;
  std::uint64_t recent_first_number_ = 1;  // of recent_hashes_.front()
  std::vector<AppendReply> replies_;
};

}  // namespace titan::mesh
