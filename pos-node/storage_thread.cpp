#include "pos-node/storage_thread.h"

#include <pthread.h>

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
    : loop_(loop),
      store_(std::move(store)),
      callbacks_(std::move(callbacks)),
      relaxed_timer_(loop) {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "titan-storage");
}

StorageThread::~StorageThread() {
  stop();
}

void StorageThread::submit(mesh::StoreRequest request) {
  bool is_due = false;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    queue_.push(std::move(request));
    if (queue_.entries() >= relaxed_entries_max) relaxed_due_ = true;
    is_due = relaxed_due_ || queue_.has_urgent();
  }
  if (is_due) {
    wake_.notify_one();
  } else {
    wake_later();
  }
}

// By a timer of the loop: waking the thread only to let it count the delay would cost a change of
// threads just when the screens are being told.
void StorageThread::wake_later() {
  if (std::exchange(timer_runs_, true)) return;
  relaxed_timer_.expires_after(relaxed_commit_delay);
  relaxed_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    timer_runs_ = false;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return;
      relaxed_due_ = true;
    }
    wake_.notify_one();
  });
}

void StorageThread::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_wanted_ = true;
    failed_ = true;
    queue_.clear();
    relaxed_due_ = false;
  }
  wake_.notify_one();
}

void StorageThread::stop() {
  relaxed_timer_.cancel();
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
    const auto ready = [&] {
      return relaxed_due_ || queue_.has_urgent() || reopen_wanted_ || stopping_;
    };
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
      std::vector<mesh::StoreRequest> batch = queue_.take();
      relaxed_due_ = !queue_.empty();
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
    post([this, ids = std::move(ids), twins = store_->take_twins(), took] {
      callbacks_.on_stored(ids, twins, took);
    });
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    queue_.clear();
    relaxed_due_ = false;
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
