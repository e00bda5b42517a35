#include "pos-node/storage/storage_thread.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "pos-node/domain/clock.h"

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
    if (dropping_) return;
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

void StorageThread::start(mesh::DiskJob job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = job;
    if (job == mesh::DiskJob::reopen) drop_all();
  }
  wake_.notify_one();
}

// Under the lock.
void StorageThread::drop_all() {
  dropping_ = true;
  queue_.clear();
  relaxed_due_ = false;
}

void StorageThread::stop() {
  relaxed_timer_.cancel();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  recovery_ends_ = true;
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::size_t StorageThread::queued_entries() const {
  const std::lock_guard lock(mutex_);
  return queue_.entries();
}

// A damaged file is left as it is while it is recovered: nothing is written to it.
bool StorageThread::is_halted() const {
  return recovery_.joinable() && !beside_;
}

bool StorageThread::keep_house() {
  if (is_halted()) return false;
  const auto more = target().checkpoint_if_idle();
  for (mesh::FoldVerdict& verdict : target().take_fold_verdicts()) {
    post([this, verdict = std::move(verdict)] { callbacks_.on_fold_compared(verdict); });
  }
  if (auto dropped = target().take_dropped_keys(); !dropped.empty()) {
    post([this, dropped = std::move(dropped)] { callbacks_.on_keys_dropped(dropped); });
  }
  return more && *more;
}

void StorageThread::run() {
  std::unique_lock lock(mutex_);
  bool housekeeping = true;
  while (true) {
    const auto has_batch = [&] { return (relaxed_due_ || queue_.has_urgent()) && !is_halted(); };
    const auto ready = [&] { return has_batch() || job_ || built_ || stopping_; };
    if (housekeeping) {
      if (!wake_.wait_for(lock, idle_after, ready)) {
        lock.unlock();
        housekeeping = keep_house();
        lock.lock();
        continue;
      }
    } else {
      wake_.wait(lock, ready);
    }
    if (job_) {
      const mesh::DiskJob job = *std::exchange(job_, std::nullopt);
      lock.unlock();
      do_job(job);
      lock.lock();
      continue;
    }
    if (built_ && !stopping_) {
      lock.unlock();
      end_recovery();
      lock.lock();
      continue;
    }
    if (!queue_.empty() && !is_halted()) {
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
  if (recovery_.joinable()) recovery_.join();  // the next start makes it anew
  if (beside_) (void)beside_->close();
  (void)store_->close();
}

void StorageThread::commit(std::vector<mesh::StoreRequest> batch) {
  const auto begun = std::chrono::steady_clock::now();
  const Status committed = target().commit(batch);
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
  if (committed) {
    std::vector<std::uint64_t> ids;
    ids.reserve(batch.size());
    for (const auto& request : batch) ids.push_back(request.id);
    post([this, ids = std::move(ids), repeats = target().take_repeats(), took] {
      callbacks_.on_stored(ids, repeats, took);
    });
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    drop_all();
  }
  post([this, error = committed.error()] { callbacks_.on_failed(error); });
}

void StorageThread::do_job(mesh::DiskJob job) {
  if (job == mesh::DiskJob::recover) return begin_recovery();
  open_again();
}

void StorageThread::open_again() {
  const Status reopened = store_->reopen();
  tell_opened(reopened ? store_->load() : Result<mesh::StoredState>(reopened.error()));
}

void StorageThread::begin_recovery() {
  if (!beside_ || beside_->failed()) {
    beside_.reset();
    auto opened = store_->open_beside();
    if (opened) {
      beside_ = std::move(*opened);
    } else {
      const std::lock_guard lock(mutex_);
      drop_all();
      post([this, error = opened.error()] { callbacks_.on_failed(error); });
    }
  }
  if (beside_) {
    post([this] {
      take_again();
      callbacks_.on_beside_open();
    });
  }
  recovery_ = std::thread([this] {
    auto built =
        store_->build_recovered(file_time_stamp(), [this] { return !recovery_ends_.load(); });
    {
      const std::lock_guard lock(mutex_);
      built_ = std::move(built);
    }
    wake_.notify_one();
  });
  pthread_setname_np(recovery_.native_handle(), "titan-recovery");
}

// The store beside stays in use if this fails: it is tried again.
void StorageThread::end_recovery() {
  recovery_.join();
  std::optional<Result<mesh::RecoveryReport>> built;
  {
    const std::lock_guard lock(mutex_);
    built = std::exchange(built_, std::nullopt);
  }
  if (!*built) return tell_opened(built->error());
  const bool takes_writes = beside_ && !beside_->failed();
  const Status opened = store_->reopen_recovered(**built, std::move(beside_));
  if (!opened) {
    const std::lock_guard lock(mutex_);
    if (takes_writes) drop_all();
    post([this, error = opened.error()] { callbacks_.on_failed(error); });
  }
  auto state = opened ? store_->load() : Result<mesh::StoredState>(opened.error());
  if (state) {
    post([this, report = std::move(**built)] { callbacks_.on_recovered(report); });
  }
  tell_opened(std::move(state));
}

void StorageThread::tell_opened(Result<mesh::StoredState> state) {
  if (!state) {
    Error error = state.error();
    if (store_->damage_seen()) error.code = ErrorCode::corrupt;
    post([this, error = std::move(error)] { callbacks_.on_not_opened(error); });
    return;
  }
  auto shared = std::make_shared<mesh::StoredState>(std::move(*state));
  post([this, shared] {
    take_again();
    callbacks_.on_opened(std::move(*shared));
  });
}

// On the loop: only then has it heard of every failure before, and hands over nothing that is
// chained on what failed.
void StorageThread::take_again() {
  const std::lock_guard lock(mutex_);
  dropping_ = false;
}

void StorageThread::post(std::function<void()> act) {
  boost::asio::post(loop_, std::move(act));
}

}  // namespace titan::pos
