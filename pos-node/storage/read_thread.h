// The thread that reads entries for peers and the uplink, so that a newcomer's catch-up does not
// hold up the loop.
//
// Jobs run one after the other on the thread with its own reader; they post their answers to the
// loop themselves. Beyond read_jobs_max a job is refused.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "mesh/sqlite/journal/sqlite_reader.h"

namespace titan::pos {

inline constexpr std::size_t read_jobs_max = 4096;

class ReadThread {
 public:
  using Job = std::function<void(mesh::SqliteReader&)>;

  explicit ReadThread(std::unique_ptr<mesh::SqliteReader> reader);
  ~ReadThread();  // stop()

  // False if too many wait already.
  bool submit(Job job);
  void stop();  // drops what waits

 private:
  void run();

  const std::unique_ptr<mesh::SqliteReader> reader_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace titan::pos
