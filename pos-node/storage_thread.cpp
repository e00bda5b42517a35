#include "pos-node/storage_thread.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace titan::pos {
namespace {

// A disk that had nothing to do for this long gets its housekeeping: short, or a till that sells 50
// times a second would never get to it.
constexpr std::chrono::milliseconds idle_after(4);

}  // namespace

StorageThread::StorageThread(boost::asio::io_context& loop,
                             std::unique_ptr<mesh::SqliteStore> store, Callbacks callbacks)
    : loop_(loop), store_(std::move(store)), callbacks_(std::move(callbacks)) {
  thread_ = std::thread([this] { run(); });
}

StorageThread::~StorageThread() {
  stop();
}

void StorageThread::submit(mesh::StoreRequest request) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    queued_entries_ += request.entries.size();
    if (queue_.empty()) queued_since_ = std::chrono::steady_clock::now();
    urgent_ = urgent_ || request.is_urgent;
    if (!urgent_ && !queue_.empty()) {  // the thread is counting the delay already
      queue_.push_back(std::move(request));
      return;
    }
    queue_.push_back(std::move(request));
  }
  wake_.notify_one();
}

void StorageThread::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_wanted_ = true;
  }
  wake_.notify_one();
}

void StorageThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::size_t StorageThread::queued_entries() const {
  const std::lock_guard lock(mutex_);
  return queued_entries_;
}

void StorageThread::run() {
  std::unique_lock lock(mutex_);
  bool housekeeping = true;
  while (true) {
    const auto ready = [&] { return !queue_.empty() || reopen_wanted_ || stopping_; };
    if (housekeeping) {
      if (!wake_.wait_for(lock, idle_after, ready)) {
        lock.unlock();
        const auto more = store_->checkpoint_if_idle();
        housekeeping = more && *more;
        lock.lock();
        continue;
      }
    } else {
      wake_.wait(lock, ready);
    }
    if (reopen_wanted_) {
      reopen_wanted_ = false;
      lock.unlock();
      reopen_now();
      lock.lock();
      continue;
    }
    if (!queue_.empty()) {
      const auto due = queued_since_ + relaxed_commit_delay;
      wake_.wait_until(lock, due, [&] { return urgent_ || reopen_wanted_ || stopping_; });
      if (reopen_wanted_) continue;
      const std::size_t count = std::min(queue_.size(), commit_requests_max);
      std::vector<mesh::StoreRequest> batch(
          std::make_move_iterator(queue_.begin()),
          std::make_move_iterator(queue_.begin() + static_cast<std::ptrdiff_t>(count)));
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
      for (const auto& request : batch) queued_entries_ -= request.entries.size();
      urgent_ = !queue_.empty() && urgent_;
      queued_since_ = std::chrono::steady_clock::now();
      lock.unlock();
      commit(std::move(batch));
      housekeeping = true;
      lock.lock();
      continue;
    }
    if (stopping_) break;
  }
  lock.unlock();
  (void)store_->close();
}

void StorageThread::commit(std::vector<mesh::StoreRequest> batch) {
  const auto begun = std::chrono::steady_clock::now();
  const Status committed = store_->commit(batch);
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
  if (committed) {
    std::vector<std::uint64_t> ids;
    ids.reserve(batch.size());
    for (const auto& request : batch) ids.push_back(request.id);
    post([this, ids = std::move(ids), took] { callbacks_.on_stored(ids, took); });
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    queue_.clear();
    queued_entries_ = 0;
    urgent_ = false;
  }
  post([this, id = batch.front().id, error = committed.error()] {
    callbacks_.on_failed(id, error);
  });
}

void StorageThread::reopen_now() {
  const Status reopened = store_->reopen();
  auto state = reopened ? store_->load() : Result<mesh::StoredState>(reopened.error());
  if (!state) {
    post([this, error = state.error()] { callbacks_.on_reopen_failed(error); });
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    failed_ = false;
  }
  auto shared = std::make_shared<mesh::StoredState>(std::move(*state));
  post([this, shared] { callbacks_.on_reopened(std::move(*shared)); });
}

void StorageThread::post(std::function<void()> act) {
  boost::asio::post(loop_, std::move(act));
}

}  // namespace titan::pos
