// One thread with one connection to PostgreSQL, working off a bounded queue of jobs in order.
//
// A job that throws has failed; the connection is then dropped and made anew for a later one, so a
// database that goes away and comes back needs nobody's help. A connection that ended while nobody
// used it is replaced before the next job begins; a job that has begun is never run twice. While
// the database is away jobs fail at once instead of each waiting for its own attempt to connect.
//
// What a failed job is told names the failure as the log does, and nothing of what the database
// said.
//
// post() may be called from any thread; run and failed are called on the worker's thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <set>
#include <string>
#include <thread>

#include "base/result.h"

namespace titan::cloud {

// Between two attempts to connect; jobs that come in between fail at once.
inline constexpr int reconnect_pause_ms = 50;

class DatabaseWorker {
 public:
  struct Job {
    std::string tenant;  // its schema is the search path; empty: none
    std::function<void(pqxx::connection&)> run;
    std::function<void(const Error&)> failed;
  };

  DatabaseWorker(std::string name, std::string url, std::size_t jobs_max);
  // Jobs still waiting fail with `unavailable`.
  ~DatabaseWorker();
  DatabaseWorker(const DatabaseWorker&) = delete;
  DatabaseWorker& operator=(const DatabaseWorker&) = delete;

  // Fails the job at once, on the caller's thread, when the queue is full.
  void post(Job job);
  // Makes a tenant's tables ready ahead of its first job, and shows whether the database is there.
  void probe(const std::string& tenant);
  std::size_t queued() const;
  // Whether the last job found the database.
  bool reachable() const { return reachable_.load(); }

 private:
  void work();
  void run_one(Job job);
  void connect();
  bool ended_meanwhile();
  void enter_schema(const std::string& tenant);

  const std::string name_;
  const std::string url_;
  const std::size_t jobs_max_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;

  // Of the worker's thread.
  std::unique_ptr<pqxx::connection> connection_;
  std::set<std::string> prepared_;
  std::string search_path_of_;
  std::chrono::steady_clock::time_point connect_not_before_{};
  std::string last_failure_;
  std::string failure_;  // by which the log and the clients name the last one
  std::uint64_t failures_ = 0;

  std::atomic<bool> reachable_{false};
  std::thread thread_;
};

}  // namespace titan::cloud
