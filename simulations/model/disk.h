// One terminal's data folder and the thread that writes to it, in virtual time.
//
// The journal store is the real one, in memory; only when a commit takes effect, how long it takes
// and whether it fails is the simulator's. Requests gather while a commit runs, as in the daemon's
// storage thread. What was not committed is gone after crash(). A process that is stalled begins no
// commit; one that the kernel is at is finished all the same. What follows a failure is decided by
// the node (mesh/node/disk_machine.h), as in the daemon. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/random.h"
#include "mesh/node/disk_machine.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "simulations/engine/schedule.h"
#include "simulations/model/store_database.h"

namespace titan::simulations {

// As pos-node/storage/storage_thread.h has them.
inline constexpr Duration relaxed_commit_delay = milliseconds(5);
// As pos-node/storage/commit_queue.h: of one transaction and each kind.
inline constexpr std::size_t commit_entries_max = 1000;
inline constexpr std::size_t commit_bytes_max = 512 * 1024;
inline constexpr std::size_t storage_queue_entries_max = 20'000;

// All that a terminal has on its disk: what an image of it holds.
struct DataFolder {
  KeyPair device_key;
  mesh::StoreIdentity identity;
  std::unique_ptr<mesh::SqliteStore> store;
  bool is_damaged = false;      // pages of it were overwritten, and nobody has mended that
  StoreDatabaseFiles database;  // the terminal's private PostgreSQL
  // The file that takes entries while a damaged one is recovered.
  std::vector<mesh::StoreRequest> beside;

  // Nothing if its pages are too damaged to be opened: nobody keeps such an image.
  std::optional<DataFolder> copy() const;
  // What the file beside a recovered one holds becomes part of that.
  Status take_in_beside();
};

class Disk {
 public:
  struct Callbacks {
    std::function<void(std::vector<std::uint64_t> ids, mesh::StoredRepeats repeats)> on_stored;
    std::function<void(const Error& error)> on_failed;
    std::function<void()> on_beside_open;  // during a recovery: commits go on
    // One of the two answers every job.
    std::function<void(mesh::StoredState state)> on_opened;
    std::function<void(const Error& error)> on_not_opened;
    std::function<void(const mesh::FoldVerdict& verdict)> on_fold_compared;
    // Durable from here on, whether or not anybody will be told.
    std::function<void(const std::vector<mesh::StoreRequest>& batch)> on_durable;
    // Sets the damaged store aside and puts in its place what can be saved of it.
    std::function<Status(DataFolder& folder)> recover;
    // Does something of the process's own: at once, when it runs again, or never if it has ended.
    std::function<void(std::function<void()> act)> in_process;
  };
  // The planted bugs that live here.
  struct Bugs {
    bool forgotten_promise = false;
    bool acknowledge_before_commit = false;
    bool lost_commit = false;
    bool forgotten_twins = false;
  };

  Disk(Schedule& schedule, Random random, Duration commit_min, Duration commit_max, Bugs bugs,
       Callbacks callbacks);

  // What the process finds when it starts; a damaged file is recovered.
  Result<mesh::StoredState> load();
  void start(mesh::DiskJob job);
  void submit(mesh::StoreRequest request);
  void crash();
  std::uint64_t queued_entries() const { return queued_entries_; }
  // Requests not durable yet, oldest first: part of a running process that is copied.
  std::vector<mesh::StoreRequest> unfinished() const;

  DataFolder& folder() { return folder_; }
  const DataFolder& folder() const { return folder_; }
  // While no process runs.
  void replace(DataFolder folder);

  // -- faults
  void set_commit_time(std::optional<Duration> fixed) { fixed_commit_ = fixed; }
  void set_full(bool full) { full_ = full; }
  void fail_next_commit(bool yet_is_there);
  void damage(std::uint32_t pages);
  std::uint64_t commits() const { return commits_; }
  // Whether the process may be wrong about what it has on disk, until that is loaded again: a
  // commit failed that is there after all, or the file beside a damaged one took an entry whose
  // twin that one is too damaged to tell of; then both count (docs/STORAGE.md).
  bool is_uncertain() const { return is_uncertain_; }

 private:
  void plan_faults();
  void pump();
  void pump_in_process();
  void take_some(std::deque<mesh::StoreRequest>& from);
  void finish_commit();
  Status commit(const std::vector<mesh::StoreRequest>& batch);
  void drop_all();
  void open_beside();
  void do_job(mesh::DiskJob job);
  Result<mesh::StoredState> open_again();
  Result<mesh::StoredState> recover();
  void commit_beside(const std::vector<mesh::StoreRequest>& batch);
  std::optional<crdt::ClaimWinner> older_twin_beside(const mesh::Entry& entry);
  void note_key_beside(const mesh::Entry& entry);
  void fold_now_and_then();
  void compare_folds();

  Schedule& schedule_;
  Random random_;
  Random idle_random_;  // of folds: they must not shift what is drawn for commits
  const Duration commit_min_;
  const Duration commit_max_;
  const Bugs bugs_;
  const Callbacks callbacks_;
  DataFolder folder_;
  std::unique_ptr<mesh::SqliteStore> older_image_;  // lost_commit: what a crash falls back to
  MonoTime older_image_at_;

  // Life of a process: crash() forgets all of it, and what was begun for an earlier one is void.
  std::uint64_t life_ = 0;
  std::deque<mesh::StoreRequest> urgent_;    // somebody waits: they overtake the others
  std::deque<mesh::StoreRequest> relaxed_;   // wait up to relaxed_commit_delay for others
  std::vector<mesh::StoreRequest> running_;  // the present commit's
  MonoTime queued_since_;                    // when the oldest came, or a commit began
  bool committing_ = false;
  bool dropping_ = false;    // a commit failed: what comes is dropped until the file is open again
  bool recovering_ = false;  // the damaged file; no commit meanwhile but beside it
  bool is_beside_ = false;   // commits go to the file beside the damaged one
  bool is_uncertain_ = false;
  mesh::StoredRepeats repeats_beside_;  // of the last commit beside
  std::uint64_t queued_entries_ = 0;    // in urgent_ and relaxed_

  // Faults.
  std::optional<Duration> fixed_commit_;  // how long each takes; none: drawn between min and max
  bool full_ = false;
  mesh::CommitFault next_fault_ = mesh::CommitFault::none;
  std::uint64_t commits_ = 0;
};

}  // namespace titan::simulations
