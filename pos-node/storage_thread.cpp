#include "pos-node/storage_thread.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "pos-node/clock.h"

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
    const bool was_empty = queue_.empty();
    if (was_empty) queued_since_ = std::chrono::steady_clock::now();
    queue_.push(std::move(request));
    if (!was_empty && !queue_.has_urgent()) return;  // the thread is counting the delay already
  }
  wake_.notify_one();
}

void StorageThread::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_wanted_ = true;
    failed_ = true;
    queue_.clear();
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
  return queue_.entries();
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
      wake_.wait_until(lock, due,
                       [&] { return queue_.has_urgent() || reopen_wanted_ || stopping_; });
      if (reopen_wanted_) continue;
      std::vector<mesh::StoreRequest> batch = queue_.take();
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
  }
  post([this, id = batch.front().id, error = committed.error()] {
    callbacks_.on_failed(id, error);
  });
}

void StorageThread::reopen_now() {
  auto state = open_again();
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

Result<mesh::StoredState> StorageThread::open_again() {
  if (!store_->damage_seen()) {
    const Status reopened = store_->reopen();
    auto state = reopened ? store_->load() : Result<mesh::StoredState>(reopened.error());
    if (state || !store_->damage_seen()) return state;
  }
  using Clock = std::chrono::steady_clock;
  if (recovery_failure_ && Clock::now() - recovery_failed_ < recovery_pause) {
    return *recovery_failure_;
  }
  auto report = store_->recover_and_reopen(file_time_stamp());
  auto state = report ? store_->load() : Result<mesh::StoredState>(report.error());
  if (!state) {
    recovery_failure_ = state.error();
    recovery_failed_ = Clock::now();
    return state;
  }
  recovery_failure_.reset();
  post([this, report = std::move(*report)] { callbacks_.on_recovered(report); });
  return state;
}

void StorageThread::post(std::function<void()> act) {
  boost::asio::post(loop_, std::move(act));
}

}  // namespace titan::pos
