// What this terminal itself records: drafts become entries, repeats of an idempotency key get the
// first answer, and nobody is answered before the disk has spoken.
//
// Sans-IO, single-threaded. The scope of an idempotency key is the device through all its
// journals, so entries of this device that come back from peers count too (observe()). Of the keys
// on the disk only hashes are here: a key that may be among them is looked up while its ticket
// waits, a key that is not there after all is new.
//
// Invariants: a ticket is answered exactly once. A key is being looked up or waits for its commit,
// never both, and whoever comes with it meanwhile joins: two tickets with one key never record two
// sales.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
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

// Whether the disk holds an entry of this device under the key; answered once, with
// on_key_looked_up() or on_key_look_up_failed().
struct KeyLookUp {
  std::uint64_t id = 0;
  std::string key;
};

// Of entries that were stored beside a damaged file; beyond it a repeat meanwhile is recorded
// twice, and counts once.
inline constexpr std::size_t keys_beside_max = 100'000;

class OwnJournal {
 public:
  OwnJournal(const Codec& codec, const KeyPair& key, ProcessId process, JournalWriterConfig config,
             const StoredState& state, Random& random);

  // Returns the entry to store, or null when the ticket is answered already, or waits for the same
  // key or for a look-up. `ticket` is new; the reply bears it.
  std::shared_ptr<const Entry> append(std::uint64_t ticket, const EntryDraft& draft);
  std::vector<KeyLookUp> take_look_ups() { return std::exchange(look_ups_, {}); }
  // None: the key is new. Returns the entry to store, or null. While the disk takes no writes, the
  // tickets of a new key are refused.
  std::shared_ptr<const Entry> on_key_looked_up(std::uint64_t id,
                                                const std::optional<IdempotencyRecord>& found,
                                                bool takes_writes);
  void on_key_look_up_failed(std::uint64_t id);
  bool is_waiting_for(const Entry& entry) const;
  // `is_beside`: no reader of the disk may find it yet, so what it recorded is kept here.
  void on_stored(const Entry& entry, bool is_beside);
  // An entry of this device that was written earlier or by a copy, now stored here.
  void observe(const Entry& entry, bool is_beside);
  // No key on the disk has these hashes any more.
  void on_keys_dropped(std::span<const std::uint64_t> hashes) { keys_.drop(hashes); }
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
  // Whether the disk may hold an entry under the key.
  bool may_hold(const std::string& idempotency_key) const;
  // What was recorded under the key where no reader of the disk may find it yet.
  std::optional<IdempotencyRecord> recorded_beside(const std::string& idempotency_key) const;

  std::vector<AppendReply> take_replies();
  void check_invariants() const;

 private:
  // For the disk. The first ticket recorded it, the others repeat its key.
  struct Waiting {
    std::shared_ptr<const Entry> entry;
    std::vector<std::uint64_t> tickets;  // one at least
  };

  struct Ticket {
    std::uint64_t id = 0;
    EntryDraft draft;
  };
  struct LookingUp {
    std::string key;
    std::vector<Ticket> tickets;  // one at least
  };

  bool is_repeat(std::uint64_t ticket, const EntryDraft& draft);
  bool joins_waiting(std::uint64_t ticket, const EntryDraft& draft);
  std::shared_ptr<const Entry> write(std::uint64_t ticket, const EntryDraft& draft);
  std::vector<Ticket> end_look_up(std::uint64_t id);
  void remember(const Entry& entry, bool is_beside);
  void answer_repeat(std::uint64_t ticket, const EntryDraft& draft, const IdempotencyRecord& first);

  JournalWriter writer_;
  // Of what we wrote and the disk reported, or holds: where a new journal goes on after a failure.
  JournalTail durable_tail_;
  std::uint64_t durable_receipt_number_ = 0;
  std::map<EntryId, Waiting> waiting_;                // not reported by the disk yet
  std::map<std::string, EntryId> waiting_keys_;       // of those in waiting_ that have a key
  KeyHashes keys_;                                    // all that the disk may hold
  std::map<std::string, IdempotencyRecord> beside_;   // at most keys_beside_max
  std::map<std::uint64_t, LookingUp> looking_up_;     // by look-up; not answered yet
  std::map<std::string, std::uint64_t> looking_for_;  // its keys
  std::uint64_t next_look_up_ = 1;
  std::vector<KeyLookUp> look_ups_;  // begun, not handed out yet
  // The last hashes_kept of the open journal up to its tail, to tell a copy's entries from our own.
  std::deque<Hash> recent_hashes_;
  std::uint64_t recent_first_number_ = 1;  // of recent_hashes_.front()
  std::vector<AppendReply> replies_;
};

}  // namespace titan::mesh
