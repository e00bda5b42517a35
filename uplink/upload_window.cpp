#include "uplink/upload_window.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "mesh/replication/uploads.h"

namespace titan::uplink {

UploadWindow::UploadWindow(WindowConfig config, const mesh::Codec& codec)
    : config_(config), codec_(codec) {}

void UploadWindow::start(const crdt::VersionVector& stored, const crdt::VersionVector& held) {
  on_disconnected();
  stored_ = stored;
  recent_.clear();
  recent_order_.clear();
  recent_bytes_ = 0;
  make_pending(held);
}

// What is stored here and not held there.
void UploadWindow::make_pending(const crdt::VersionVector& held) {
  pending_.clear();
  crdt::VersionVector::each_difference(
      held, stored_, [&](const DeviceId&, const JournalId& journal, const crdt::VectorItem* ours) {
        if (ours == nullptr) return;
        pending_.add(journal, mesh::numbers_to_upload(*ours, held.find(journal)));
      });
}

void UploadWindow::on_stored(const std::shared_ptr<const mesh::Entry>& entry, bool wanted) {
  const mesh::EntryId& id = entry->envelope.id;
  if (id.number == 0) return;
  stored_.add(entry->envelope.device, id.journal, id.number, entry->hash);
  if (!wanted) return;
  pending_.add(id.journal, id.number);
  recent_[id].push_back(entry);
  recent_order_.push_back(id);
  recent_bytes_ += entry->bytes.size();
  while (recent_bytes_ > config_.recent_bytes_max) forget_recent(recent_order_.front());
}

void UploadWindow::forget_recent(const mesh::EntryId& id) {
  const auto found = recent_.find(id);
  if (found != recent_.end()) {
    for (const auto& entry : found->second) recent_bytes_ -= entry->bytes.size();
    recent_.erase(found);
  }
  // Ids taken out of turn stay in the order until they come up; a dead one costs nothing then.
  while (!recent_order_.empty() && !recent_.contains(recent_order_.front())) {
    recent_order_.pop_front();
  }
}

void UploadWindow::on_connected(const crdt::VersionVector& held, std::size_t entries_max,
                                std::size_t bytes_max, std::size_t window_batches) {
  on_disconnected();
  connected_ = true;
  const auto smaller = [](std::size_t ours, std::size_t theirs) {
    return theirs == 0 ? ours : std::min(ours, theirs);
  };
  entries_max_ = smaller(config_.batch_entries_max, entries_max);
  bytes_max_ = smaller(config_.batch_bytes_max, bytes_max);
  window_batches_ = smaller(config_.batches_in_flight_max, window_batches);
  make_pending(held);
}

void UploadWindow::on_disconnected() {
  connected_ = false;
  for (const auto& entry : staged_) pending_.add(entry.id.journal, entry.id.number);
  for (const auto& [sequence, batch] : in_flight_) {
    for (const auto& id : batch.entries) pending_.add(id.journal, id.number);
  }
  pending_.add(waiting_);
  pending_.add(set_aside_);
  staged_.clear();
  staged_bytes_ = 0;
  in_flight_.clear();
  waiting_.clear();
  waiting_until_ = MonoTime::never();
  set_aside_.clear();
  reading_.reset();
}

bool UploadWindow::staging_full() const {
  return staged_.size() >= 2 * entries_max_ || staged_bytes_ >= 2 * bytes_max_;
}

void UploadWindow::stage(Now now, const mesh::EntryId& id, Bytes bytes) {
  staged_bytes_ += bytes.size();
  staged_.push_back({id, std::move(bytes), now.mono});
}

// Fresh entries go straight from memory. The journals that have some take turns, and a journal is
// served in ascending order: the cloud learns a device's key from its journal's first entry.
void UploadWindow::stage_recent(Now now) {
  const JournalId start = last_served_;
  bool is_round = false;  // the turns began again at the first journal
  while (!staging_full()) {
    auto turn = recent_.upper_bound({last_served_, std::numeric_limits<std::uint64_t>::max()});
    if (turn == recent_.end()) {
      if (std::exchange(is_round, true) || recent_.empty()) return;
      turn = recent_.begin();
    }
    if (is_round && start < turn->first.journal) return;
    last_served_ = turn->first.journal;
    if (reading_ && reading_->journal == last_served_) continue;
    for (std::size_t taken = 0; taken < entries_max_ && !staging_full(); ++taken) {
      const crdt::IntervalSet* numbers = pending_.find(last_served_);
      if (numbers == nullptr) break;
      const mesh::EntryId id{last_served_, numbers->intervals().front().first};
      const auto recent = recent_.find(id);
      if (recent == recent_.end()) break;
      for (const auto& entry : recent->second) stage(now, id, entry->bytes);
      forget_recent(id);
      pending_.remove(id.journal, id.number);
    }
  }
}

void UploadWindow::release_retries(Now now) {
  if (now.mono < waiting_until_) return;
  pending_.add(waiting_);
  waiting_.clear();
  waiting_until_ = MonoTime::never();
}

std::optional<WindowRead> UploadWindow::next_read(Now now) {
  if (!connected_ || reading_) return std::nullopt;
  release_retries(now);
  stage_recent(now);
  if (staging_full() || pending_.empty()) return std::nullopt;
  // Only a journal whose lowest pending entry is not at hand needs the disk.
  for (const auto& [journal, numbers] : pending_) {
    const mesh::EntryId first{journal, numbers.intervals().front().first};
    if (recent_.contains(first)) continue;
    reading_ =
        WindowRead{++last_read_id_, journal, numbers.lowest(config_.read_numbers_max), bytes_max_};
    return reading_;
  }
  return std::nullopt;
}

void UploadWindow::on_read(Now now, std::uint64_t id, const std::vector<Bytes>& entries) {
  if (!reading_ || reading_->id != id) return;  // of an earlier connection
  const WindowRead read = *std::exchange(reading_, std::nullopt);
  std::uint64_t last_number = 0;
  for (const auto& bytes : entries) {
    const auto entry = codec_.decode_entry(bytes);
    if (!entry) continue;
    const mesh::EntryId& entry_id = entry->envelope.id;
    if (entry_id.journal != read.journal || !read.numbers.contains(entry_id.number)) continue;
    last_number = std::max(last_number, entry_id.number);
    stage(now, entry_id, bytes);
    forget_recent(entry_id);
    pending_.remove(entry_id.journal, entry_id.number);
  }
  // What was passed over cannot be read; if nothing came at all, none of it can.
  for (const auto& interval : read.numbers.intervals()) {
    for (std::uint64_t number = interval.first; number <= interval.last; ++number) {
      if (last_number != 0 && number > last_number) return;
      if (!pending_.contains(read.journal, number)) continue;
      pending_.remove(read.journal, number);
      set_aside_.add(read.journal, number);
    }
  }
}

void UploadWindow::on_read_failed(Now now, std::uint64_t id) {
  if (!reading_ || reading_->id != id) return;
  const WindowRead read = *std::exchange(reading_, std::nullopt);
  for (const auto& interval : read.numbers.intervals()) {
    for (std::uint64_t number = interval.first; number <= interval.last; ++number) {
      pending_.remove(read.journal, number);
      retry_later(now, {read.journal, number});
    }
  }
}

void UploadWindow::retry_later(Now now, const mesh::EntryId& id) {
  waiting_.add(id.journal, id.number);
  if (waiting_until_ == MonoTime::never()) waiting_until_ = now.mono + config_.retry_pause;
}

std::optional<Batch> UploadWindow::next_batch(Now now) {
  if (!connected_ || in_flight_.size() >= window_batches_) return std::nullopt;
  release_retries(now);
  stage_recent(now);
  if (staged_.empty()) return std::nullopt;
  const bool full = staged_.size() >= entries_max_ || staged_bytes_ >= bytes_max_;
  const bool old = now.mono >= staged_.front().since + config_.batch_age_max;
  if (!full && !old && !in_flight_.empty()) return std::nullopt;
  Batch batch;
  InFlight flight;
  flight.sent = now.mono;
  std::size_t bytes = 0;
  while (!staged_.empty() && batch.entries.size() < entries_max_) {
    const std::size_t size = staged_.front().bytes.size();
    if (!batch.entries.empty() && bytes + size > bytes_max_) break;
    bytes += size;
    staged_bytes_ -= size;
    flight.entries.push_back(staged_.front().id);
    batch.entries.push_back(std::move(staged_.front().bytes));
    staged_.pop_front();
  }
  batch.sequence = ++last_sequence_;
  in_flight_.emplace(batch.sequence, std::move(flight));
  return batch;
}

std::optional<AckOutcome> UploadWindow::on_ack(Now now, const BatchAck& ack) {
  const auto found = in_flight_.find(ack.sequence);
  if (found == in_flight_.end()) return std::nullopt;
  const InFlight batch = std::move(found->second);
  in_flight_.erase(found);
  AckOutcome outcome;
  std::vector<bool> failed(batch.entries.size(), false);
  for (const auto& failure : ack.failures) {
    if (failure.index >= batch.entries.size() || failed[failure.index]) return std::nullopt;
    failed[failure.index] = true;
    const mesh::EntryId& id = batch.entries[failure.index];
    if (outcome.first_reason.empty()) {
      outcome.first_reason = failure.reason;
      outcome.first_failure = id;
    }
    if (failure.quarantined) {
      ++outcome.quarantined;
    } else if (failure.retryable) {
      ++outcome.retried;
      retry_later(now, id);
    } else {
      ++outcome.refused;
      set_aside_.add(id.journal, id.number);
    }
  }
  outcome.held = batch.entries.size() - outcome.retried - outcome.refused;
  return outcome;
}

MonoTime UploadWindow::next_deadline() const {
  if (!connected_) return MonoTime::never();
  MonoTime deadline = waiting_until_;
  if (!staged_.empty() && in_flight_.size() < window_batches_) {
    deadline = std::min(deadline, staged_.front().since + config_.batch_age_max);
  }
  return deadline;
}

std::optional<MonoTime> UploadWindow::oldest_in_flight() const {
  if (in_flight_.empty()) return std::nullopt;
  return in_flight_.begin()->second.sent;
}

std::uint64_t UploadWindow::pending_entries() const {
  std::uint64_t sum = pending_.count() + waiting_.count() + staged_.size();
  for (const auto& [sequence, batch] : in_flight_) sum += batch.entries.size();
  return sum;
}

std::uint64_t UploadWindow::set_aside() const {
  return set_aside_.count();
}

void UploadWindow::check_invariants() const {
  assert(in_flight_.size() <= window_batches_ || !connected_);
  assert(connected_ || (staged_.empty() && in_flight_.empty() && !reading_));
  assert(waiting_.empty() == (waiting_until_ == MonoTime::never()));
  assert(recent_bytes_ <= config_.recent_bytes_max);
  assert(recent_order_.empty() || recent_.contains(recent_order_.front()));
  std::size_t bytes = 0;
  for (const auto& entry : staged_) bytes += entry.bytes.size();
  assert(bytes == staged_bytes_);
  std::size_t recent_bytes = 0;
  for (const auto& [id, entries] : recent_) {
    for (const auto& entry : entries) recent_bytes += entry->bytes.size();
  }
  assert(recent_bytes == recent_bytes_);
  for (const CountedNumbers* each : {&pending_, &waiting_, &set_aside_}) each->check_invariants();
  for (const auto& [journal, numbers] : pending_) {
    const crdt::VectorItem* ours = stored_.find(journal);
    assert(ours != nullptr && ours->stored.contains(numbers));
    (void)ours;
  }
}

}  // namespace titan::uplink
