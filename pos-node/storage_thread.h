// The thread that makes entries durable: whatever has gathered during one commit goes into the next
// (group commit), so a slow disk costs latency, not throughput.
//
// The loop thread calls every function; callbacks run on the loop thread. Requests become durable
// in the order of submit(). After a failed commit everything submitted is dropped, on_failed tells,
// and nothing is written until reopen().
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "mesh/sqlite/sqlite_store.h"
#include "mesh/stored_state.h"

namespace titan::pos {

// Entries waiting for the disk beyond which new sales are refused as unavailable.
inline constexpr std::size_t storage_queue_entries_max = 20'000;
// What nobody waits for (entries of others, which they hold too) gathers this long for one commit.
// Longer: fewer commits per sale in the store, and the moment in which a screen is told of a sale
// belongs to the screen; `copies` rises later.
inline constexpr Duration relaxed_commit_delay = milliseconds(5);
// Requests of one transaction; a larger one would hold up those behind it.
inline constexpr std::size_t commit_requests_max = 512;

class StorageThread {
 public:
  struct Callbacks {
    std::function<void(const std::vector<std::uint64_t>& ids, Duration commit_time)> on_stored;
    std::function<void(std::uint64_t id, const Error& error)> on_failed;
    std::function<void(mesh::StoredState state)> on_reopened;
    std::function<void(const Error& error)> on_reopen_failed;
  };

  StorageThread(boost::asio::io_context& loop, std::unique_ptr<mesh::SqliteStore> store,
                Callbacks callbacks);
  ~StorageThread();  // stop()

  void submit(mesh::StoreRequest request);
  // Looks at what is really on the disk; answers with on_reopened or on_reopen_failed.
  void reopen();
  // Finishes what was submitted, folds, closes the file. Blocks.
  void stop();

  std::size_t queued_entries() const;

 private:
  void run();
  void commit(std::vector<mesh::StoreRequest> batch);
  void reopen_now();
  void post(std::function<void()> act);

  boost::asio::io_context& loop_;
  const std::unique_ptr<mesh::SqliteStore> store_;
  const Callbacks callbacks_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<mesh::StoreRequest> queue_;
  std::size_t queued_entries_ = 0;
  bool urgent_ = false;                                 // something in the queue is waited for
  std::chrono::steady_clock::time_point queued_since_;  // of the oldest in the queue
  bool failed_ = false;
  bool reopen_wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace titan::pos
