// The thread that makes entries durable: whatever has gathered during one commit goes into the next
// (group commit), so a slow disk costs latency, not throughput.
//
// The loop thread calls every function; callbacks run on the loop thread. Urgent requests become
// durable in the order of submit(), the others too, but urgent ones may overtake them
// (commit_queue.h). After a failed commit everything submitted is dropped, on_failed tells, and
// nothing is written until reopen(). A file that turns out damaged is replaced as at a start: set
// aside, with every entry that can be proven in a new one.
#pragma once

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

#include "mesh/sqlite/recovery.h"
#include "mesh/sqlite/sqlite_store.h"
#include "mesh/stored_state.h"
#include "pos-node/commit_queue.h"

namespace titan::pos {

// What nobody waits for (entries of others, which they hold too) gathers this long for one commit.
// Longer: fewer commits per sale in the store, and the moment in which a screen is told of a sale
// belongs to the screen; `copies` rises later.
inline constexpr Duration relaxed_commit_delay = milliseconds(5);
// As many entries do not wait: a till that catches up.
inline constexpr std::size_t relaxed_entries_max = 64;
// A recovery reads the whole file: one that failed (the disk is full, say) is not tried sooner.
inline constexpr std::chrono::seconds recovery_pause(30);

class StorageThread {
 public:
  struct Callbacks {
    std::function<void(const std::vector<std::uint64_t>& ids,
                       const std::vector<mesh::StoredTwin>& twins, Duration commit_time)>
        on_stored;
    std::function<void(std::uint64_t id, const Error& error)> on_failed;
    std::function<void(mesh::StoredState state)> on_reopened;
    std::function<void(const Error& error)> on_reopen_failed;
    std::function<void(const mesh::RecoveryReport& report)> on_recovered;  // before on_reopened
  };

  StorageThread(boost::asio::io_context& loop, std::unique_ptr<mesh::SqliteStore> store,
                Callbacks callbacks);
  ~StorageThread();  // stop()

  void submit(mesh::StoreRequest request);
  // Drops what waits and looks at what is really on the disk; answers with on_reopened or
  // on_reopen_failed.
  void reopen();
  // Finishes what was submitted, folds, closes the file. Blocks.
  void stop();

  std::size_t queued_entries() const;
  // Whether a commit or any reader met damage in the file; reopen() mends it.
  bool damage_seen() const { return store_->damage_seen(); }

 private:
  void wake_later();
  void run();
  void commit(std::vector<mesh::StoreRequest> batch);
  void reopen_now();
  Result<mesh::StoredState> open_again();
  void post(std::function<void()> act);

  boost::asio::io_context& loop_;
  const std::unique_ptr<mesh::SqliteStore> store_;
  const Callbacks callbacks_;
  // Of the loop.
  boost::asio::steady_timer relaxed_timer_;
  bool timer_runs_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  CommitQueue queue_;
  bool relaxed_due_ = false;  // what nobody waits for has gathered long enough
  bool failed_ = false;
  bool reopen_wanted_ = false;
  bool stopping_ = false;
  // Of the thread: the last recovery, if it failed.
  std::optional<Error> recovery_failure_;
  std::chrono::steady_clock::time_point recovery_failed_;
  std::thread thread_;
};

}  // namespace titan::pos
