#include "uplink/postgres/store_mailbox.h"

#include <sys/socket.h>

#include <utility>

namespace titan::uplink {

namespace {

using std::chrono::milliseconds;

// How long the thread sleeps at most before it looks whether its server still runs.
constexpr int idle_ms_max = 200;
// At the end: what is under way gets this long, then its connection is cut ...
constexpr int polite_end_ms = 250;
// ... and after this the thread is left alone. A private server may take its time to stop.
constexpr int end_limit_ms = 500;
constexpr int end_limit_private_ms = 1000;

}  // namespace

// ---- the loop's side ----------------------------------------------------------------------------

void StoreMailbox::lead(const election::Token& token, const crdt::VersionVector& stored) {
  const std::lock_guard lock(mutex_);
  if (leading_ && token_ == token) return;
  leading_ = true;
  token_ = token;
  begin_with(stored);
  ++generation_;
  wake_.notify_all();
}

void StoreMailbox::follow() {
  const std::lock_guard lock(mutex_);
  if (!leading_) return;
  leading_ = false;
  queue_.clear();
  overflow_.clear();
  ++generation_;
  wake_.notify_all();
}

void StoreMailbox::on_journal_opened(const crdt::VersionVector& stored) {
  if (config_.mode == "none") return;
  const std::lock_guard lock(mutex_);
  begin_with(stored);
  look_pending_ = config_.mode == "auto";
  look_at_ = SteadyClock::now() + milliseconds(config_.look_after_ms);
  ++generation_;
  wake_.notify_all();
}

void StoreMailbox::learn_keys(const std::vector<PublicKey>& keys) {
  const std::lock_guard lock(mutex_);
  for (const PublicKey& key : keys) told_keys_.emplace(device_of(key), key);
}

void StoreMailbox::on_stored(std::span<const EntryPointer> entries) {
  const std::lock_guard lock(mutex_);
  if (!(leading_ || look_pending_) || config_.mode == "none") return;
  ++stored_seen_;
  for (const auto& entry : entries) {
    const auto& id = entry->envelope.id;
    crdt::VectorItem& known = known_.edit(id.journal);
    known.stored.add(id.number);
    known.content.add(crdt::ContentSum::of(entry->hash));
    if (!leading_) continue;
    if (queue_.size() < config_.queued_entries_max) {
      queue_.push_back(entry);
    } else {
      overflow_[id.journal].add(id.number);
    }
  }
  wake_.notify_one();
}

StoreDatabaseStatus StoreMailbox::status() const {
  const std::lock_guard lock(mutex_);
  StoreDatabaseStatus status = status_;
  status.behind += queue_.size() + crdt::count(overflow_);
  return status;
}

// A libpq call that waits for a server that hangs has no end of its own.
bool StoreMailbox::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  ++generation_;
  wake_.notify_all();
  const auto wait = [&](int limit_ms) {
    return wake_.wait_for(lock, milliseconds(limit_ms), [this] { return ended_; });
  };
  if (!wait(polite_end_ms)) {
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
    wait((config_.mode == "auto" ? end_limit_private_ms : end_limit_ms) - polite_end_ms);
  }
  return ended_;
}

// Under the lock: what this disk holds, as it is told.
void StoreMailbox::begin_with(const crdt::VersionVector& stored) {
  known_ = {};
  for (const auto& [device, journals] : stored.devices()) {
    for (const auto& [journal, item] : journals) known_.edit(journal) = item;
  }
  queue_.clear();
  overflow_.clear();
}

// ---- what is to be done -------------------------------------------------------------------------

std::optional<StoreMailbox::Task> StoreMailbox::next_task() {
  std::unique_lock lock(mutex_);
  const auto called = [this] { return stopping_ || leading_; };
  for (;;) {
    if (look_pending_) {
      wake_.wait_until(lock, look_at_, called);
    } else {
      wake_.wait(lock, [&] { return called() || look_pending_; });
    }
    if (stopping_) return std::nullopt;
    if (leading_) return Task{generation_, token_};
    if (look_pending_ && SteadyClock::now() >= look_at_) return Task{generation_, std::nullopt};
  }
}

bool StoreMailbox::is_current(std::uint64_t generation) const {
  const std::lock_guard lock(mutex_);
  return !is_over(generation);
}

bool StoreMailbox::pause(std::uint64_t generation, int limit_ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, milliseconds(limit_ms), [&] { return is_over(generation); });
  return !is_over(generation);
}

bool StoreMailbox::leads() const {
  const std::lock_guard lock(mutex_);
  return leading_ && !stopping_;
}

bool StoreMailbox::leads_within(int limit_ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, milliseconds(limit_ms), [this] { return stopping_ || leading_; });
  return leading_ && !stopping_;
}

void StoreMailbox::end_look(std::uint64_t generation) {
  const std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  look_pending_ = false;
  if (!leading_) known_ = {};  // nobody keeps it up any more
}

void StoreMailbox::look_again(std::uint64_t generation) {
  const std::lock_guard lock(mutex_);
  if (generation != generation_ || !look_pending_) return;
  look_at_ = SteadyClock::now() + milliseconds(config_.look_again_ms);
}

void StoreMailbox::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_.notify_all();
}

void StoreMailbox::set_socket(int socket) {
  const std::lock_guard lock(mutex_);
  socket_ = socket;
}

// ---- entries and keys ---------------------------------------------------------------------------

StoreMailbox::Known StoreMailbox::begin_filling() {
  const std::lock_guard lock(mutex_);
  overflow_.clear();
  queue_.clear();
  return known_;
}

StoreMailbox::Known StoreMailbox::known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

crdt::IntervalSet StoreMailbox::stored_of(const JournalId& journal) const {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(journal);
  return known == known_.end() ? crdt::IntervalSet{} : known->second.stored;
}

std::vector<StoreMailbox::EntryPointer> StoreMailbox::take_fresh() {
  std::vector<EntryPointer> batch;
  std::size_t bytes = 0;
  const std::lock_guard lock(mutex_);
  while (!queue_.empty() && batch.size() < config_.batch_entries_max &&
         bytes < config_.batch_bytes_max) {
    bytes += queue_.front()->bytes.size();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

crdt::JournalNumbers StoreMailbox::take_overflow() {
  const std::lock_guard lock(mutex_);
  return std::exchange(overflow_, {});
}

void StoreMailbox::wait_for_entries(std::uint64_t generation) {
  std::unique_lock lock(mutex_);
  const bool woken = wake_.wait_for(lock, milliseconds(idle_ms_max), [&] {
    return is_over(generation) || !queue_.empty() || !overflow_.empty();
  });
  if (!woken || is_over(generation)) return;
  wake_.wait_for(lock, milliseconds(config_.batch_age_ms),
                 [&] { return is_over(generation) || queue_.size() >= config_.batch_entries_max; });
}

void StoreMailbox::wait_for_stored(std::uint64_t generation) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, milliseconds(idle_ms_max), [&, before = stored_seen_] {
    return is_over(generation) || stored_seen_ != before;
  });
}

std::vector<PublicKey> StoreMailbox::keys_of(const std::set<DeviceId>& devices) const {
  std::vector<PublicKey> keys;
  const std::lock_guard lock(mutex_);
  for (const DeviceId& device : devices) {
    const auto key = told_keys_.find(device);
    if (key != told_keys_.end()) keys.push_back(key->second);
  }
  return keys;
}

// ---- status -------------------------------------------------------------------------------------

std::optional<StoreDatabaseStatus> StoreMailbox::change_state(StoreDatabaseState state,
                                                              const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || (status_.state == state && status_.message == message)) return std::nullopt;
  status_.state = state;
  status_.message = message;
  if (state == StoreDatabaseState::off) status_ = {};
  return status_;
}

void StoreMailbox::set_progress(std::uint64_t complete_to, std::uint64_t behind, double progress,
                                std::uint64_t quarantined) {
  const std::lock_guard lock(mutex_);
  status_.complete_to = complete_to;
  status_.behind = behind;
  status_.progress = progress;
  status_.quarantined = quarantined;
}

void StoreMailbox::set_address(const std::string& address) {
  const std::lock_guard lock(mutex_);
  status_.address = address;
}

void StoreMailbox::set_message(std::uint64_t generation, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (generation == generation_) status_.message = message;
}

}  // namespace titan::uplink
