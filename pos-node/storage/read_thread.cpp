#include "pos-node/storage/read_thread.h"

#include <utility>

namespace titan::pos {

ReadThread::ReadThread(std::unique_ptr<mesh::SqliteReader> reader)
    : reader_(std::move(reader)), thread_([this] { run(); }) {}

ReadThread::~ReadThread() {
  stop();
}

bool ReadThread::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= read_jobs_max) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void ReadThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ReadThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job(*reader_);
    lock.lock();
  }
}

}  // namespace titan::pos
