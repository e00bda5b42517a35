// The thread that makes entries durable: whatever has gathered during one commit goes into the next
// (group commit), so a slow disk costs latency, not throughput.
//
// The loop thread calls every function; callbacks run on the loop thread. Urgent requests become
// durable in the order of submit(), the others too, but urgent ones may overtake them
// (commit_queue.h). After a failed commit everything submitted is dropped, on_failed tells, and
// nothing is written until a job has opened the file again. Which job, and when, is decided by the
// node (mesh/node/disk_machine.h); a job that is started while another runs is never asked for.
//
// A damaged file is read through by a thread of its own; meanwhile commits go to a file beside it.
// What waits here when the new file takes the damaged one's place is committed to that.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "mesh/journal/stored_state.h"
#include "mesh/node/disk_machine.h"
#include "mesh/sqlite/journal/recovery.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "pos-node/storage/commit_queue.h"

namespace titan::pos {

// What nobody waits for (entries of others, which they hold too) gathers this long for one commit.
// Longer: fewer commits per sale in the store, and the moment in which a screen is told of a sale
// belongs to the screen; `copies` rises later.
inline constexpr Duration relaxed_commit_delay = milliseconds(5);
// As many entries do not wait: a till that catches up.
inline constexpr std::size_t relaxed_entries_max = 64;

class StorageThread {
 public:
  struct Callbacks {
    std::function<void(const std::vector<std::uint64_t>& ids, const mesh::StoredRepeats& repeats,
                       Duration commit_time)>
        on_stored;
    // In its place among the commits.
    std::function<void(const std::vector<std::uint64_t>& hashes)> on_keys_dropped;
    std::function<void(const Error& error)> on_failed;
    std::function<void()> on_beside_open;  // during a recovery: commits go on
    // One of the two answers every job.
    std::function<void(mesh::StoredState state)> on_opened;
    std::function<void(const Error& error)> on_not_opened;  // `corrupt`: the file is damaged
    std::function<void(const mesh::RecoveryReport& report)> on_recovered;  // before on_opened
    std::function<void(const mesh::FoldVerdict& verdict)> on_fold_compared;
  };

  StorageThread(boost::asio::io_context& loop, std::unique_ptr<mesh::SqliteStore> store,
                Callbacks callbacks);
  ~StorageThread();  // stop()

  void submit(mesh::StoreRequest request);
  // Opens the file anew, for which it drops what waits, or recovers a damaged one.
  void start(mesh::DiskJob job);
  // Finishes what was submitted, folds, closes the file. Blocks.
  void stop();

  std::size_t queued_entries() const;
  // Whether a commit or any reader met damage in the file that is open.
  bool damage_seen() const { return store_->damage_seen(); }

 private:
  void wake_later();
  void run();
  void commit(std::vector<mesh::StoreRequest> batch);
  void do_job(mesh::DiskJob job);
  void open_again();
  void begin_recovery();
  void end_recovery();
  void tell_opened(Result<mesh::StoredState> state);
  bool is_halted() const;
  mesh::SqliteStore& target() { return beside_ ? *beside_ : *store_; }
  void drop_all();
  void take_again();
  bool keep_house();
  void post(std::function<void()> act);

  boost::asio::io_context& loop_;
  const std::unique_ptr<mesh::SqliteStore> store_;
  const Callbacks callbacks_;
  // Of the loop. One timer at a time, from the first request that nobody waits for.
  boost::asio::steady_timer relaxed_timer_;
  bool timer_runs_ = false;

  // Of both, under the lock.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  CommitQueue queue_;
  bool relaxed_due_ = false;  // what nobody waits for has gathered long enough
  // From a failed commit until the loop has heard that the file is open again: what is submitted
  // meanwhile is chained on what failed, and is dropped.
  bool dropping_ = false;
  std::optional<mesh::DiskJob> job_;                   // not begun yet; never two
  std::optional<Result<mesh::RecoveryReport>> built_;  // by the recovery's thread, taken once
  bool stopping_ = false;  // what is in the queue is committed all the same
  // Of the thread.
  // Takes the commits in place of store_, from begin_recovery() until a new file has taken the
  // damaged one's place. Null while recovery_ runs: it could not be opened, and nothing is written.
  std::unique_ptr<mesh::SqliteStore> beside_;
  std::thread recovery_;                     // reads the damaged file; joinable while that lasts
  std::atomic<bool> recovery_ends_ = false;  // before its work is done
  std::thread thread_;
};

}  // namespace titan::pos
