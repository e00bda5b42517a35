// All that the loop and the store database's thread both touch, under one mutex: what is to be
// done, what this disk holds, fresh entries, and the status for a person.
//
// The loop notes and wakes; it never waits for the database, except in stop(), and there not for
// long. The thread takes or copies what it needs and works without the lock. What it was asked to
// do has a generation: whatever makes that work pointless (another token, the end of the
// leadership, a journal opened anew, the end of the program) raises it, so a thread that asks
// is_current() before each step stops within one step.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "crdt/version_vector.h"
#include "election/types.h"
#include "mesh/entry/entry.h"
#include "uplink/postgres/store_database.h"

namespace titan::uplink {

class StoreMailbox {
 public:
  using EntryPointer = std::shared_ptr<const mesh::Entry>;
  using Known = crdt::VersionVector::Journals;
  using SteadyClock = std::chrono::steady_clock;

  // `config` outlives this object.
  explicit StoreMailbox(const StoreDatabaseConfig& config) : config_(config) {}

  // ---- the loop's side

  void lead(const election::Token& token, const crdt::VersionVector& stored);
  void follow();
  void on_journal_opened(const crdt::VersionVector& stored);
  void learn_keys(const std::vector<PublicKey>& keys);
  void on_stored(std::span<const EntryPointer> entries);
  StoreDatabaseStatus status() const;
  // Ends whatever the thread does; a connection that is in the way is cut. True: it has ended.
  bool stop();

  // ---- the thread's side: what is to be done

  struct Task {
    std::uint64_t generation = 0;
    std::optional<election::Token> token;  // to lead under; none: look into the private database
  };
  // Waits until there is something to do; nothing: the program ends.
  std::optional<Task> next_task();
  bool is_current(std::uint64_t generation) const;
  // Waits; false: the task is over.
  bool pause(std::uint64_t generation, int limit_ms);
  bool leads() const;
  // Waits for a leadership, at most so long; false: there is none.
  bool leads_within(int limit_ms);
  // The look of this generation found nothing more to give back.
  void end_look(std::uint64_t generation);
  // It failed, or was broken off: once more, later.
  void look_again(std::uint64_t generation);
  // The thread touches nothing any more.
  void end();
  // While `socket` is not -1, stop() may cut it.
  void set_socket(int socket);

  // ---- the thread's side: entries and keys

  // What this disk holds. As of now all of it is read from disk: what was queued is let go.
  Known begin_filling();
  Known known() const;
  crdt::IntervalSet stored_of(const JournalId& journal) const;
  // At most one transaction's worth of fresh entries, in the order in which they were stored.
  std::vector<EntryPointer> take_fresh();
  // Stored while the queue was full.
  crdt::JournalNumbers take_overflow();
  // Waits a moment for fresh entries, and a moment more for others that share their transaction.
  void wait_for_entries(std::uint64_t generation);
  // Waits a moment for anything to be stored.
  void wait_for_stored(std::uint64_t generation);
  std::vector<PublicKey> keys_of(const std::set<DeviceId>& devices) const;

  // ---- the thread's side: status

  // The status to tell, if this is a change.
  std::optional<StoreDatabaseStatus> change_state(StoreDatabaseState state,
                                                  const std::string& message);
  void set_progress(std::uint64_t complete_to, std::uint64_t behind, double progress,
                    std::uint64_t quarantined);
  void set_address(const std::string& address);
  // Of a look: its state stays off.
  void set_message(std::uint64_t generation, const std::string& message);

 private:
  void begin_with(const crdt::VersionVector& stored);
  bool is_over(std::uint64_t generation) const { return stopping_ || generation != generation_; }

  const StoreDatabaseConfig& config_;

  mutable std::mutex mutex_;         // of all below
  std::condition_variable wake_;     // told of every change that somebody may wait for
  std::uint64_t generation_ = 0;     // only rises
  bool stopping_ = false;            // for good
  bool ended_ = false;               // set last; only after stopping_
  int socket_ = -1;                  // of the connection in use
  bool leading_ = false;             // under token_
  election::Token token_;            // of no meaning unless leading
  bool look_pending_ = false;        // the database may hold more than the journals
  SteadyClock::time_point look_at_;  // not before this
  // What this disk holds; followed while leading or a look is pending.
  Known known_;
  std::uint64_t stored_seen_ = 0;   // how often something was stored, for wait_for_stored()
  std::deque<EntryPointer> queue_;  // at most queued_entries_max; empty unless leading
  crdt::JournalNumbers overflow_;   // what did not fit: read back from disk
  std::map<DeviceId, PublicKey> told_keys_;
  StoreDatabaseStatus status_;  // without what is queued: status() adds it
};

}  // namespace titan::uplink
