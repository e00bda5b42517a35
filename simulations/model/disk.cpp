#include "simulations/model/disk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mesh/journal/idempotency.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/own_keys.h"
#include "mesh/wire/wire_codec.h"
#include "simulations/model/damage.h"

namespace titan::simulations {
namespace {

// How much a disk with the bug `lost_commit` forgets at a crash.
constexpr Duration forgets = seconds(2);
// After so many commits a fold, of so many entries at most.
constexpr Ratio folds{1, 40};
constexpr std::uint64_t fold_entries_max = 60;
constexpr Ratio fold_comparisons{1, 6};
constexpr std::uint64_t fold_pieces_max = 40;
constexpr Duration reopen_takes = Duration(500);
// Some ten thousand entries.
constexpr Duration recovery_takes = milliseconds(300);

}  // namespace

std::optional<DataFolder> DataFolder::copy() const {
  auto copied = store->copy();
  if (!copied) return std::nullopt;
  return DataFolder{device_key, identity, std::move(*copied), is_damaged, database, beside};
}

Status DataFolder::take_in_beside() {
  if (beside.empty()) return {};
  Status stored = store->commit(beside);
  if (stored) beside.clear();
  return stored;
}

Disk::Disk(Schedule& schedule, Random random, Duration commit_min, Duration commit_max, Bugs bugs,
           Callbacks callbacks)
    : schedule_(schedule),
      random_(random),
      idle_random_(random.next()),
      commit_min_(commit_min),
      commit_max_(std::max(commit_min, commit_max)),
      bugs_(bugs),
      callbacks_(std::move(callbacks)) {}

void Disk::replace(DataFolder folder) {
  folder_ = std::move(folder);
  plan_faults();
  older_image_.reset();
}

void Disk::plan_faults() {
  folder_.store->set_fault_plan(
      [this](std::uint64_t) { return std::exchange(next_fault_, mesh::CommitFault::none); });
}

// As pos-node/daemon.cpp: what turns out damaged at the start is recovered.
Result<mesh::StoredState> Disk::load() {
  auto state = open_again();
  if (state && !folder_.beside.empty()) {
    const Status taken = folder_.take_in_beside();
    state = taken ? open_again() : Result<mesh::StoredState>(taken.error());
  }
  if (state || state.error().code != ErrorCode::corrupt) return state;
  return recover();
}

Result<mesh::StoredState> Disk::open_again() {
  const Status reopened = folder_.store->reopen();
  return reopened ? folder_.store->load() : Result<mesh::StoredState>(reopened.error());
}

Result<mesh::StoredState> Disk::recover() {
  if (const Status saved = callbacks_.recover(folder_); !saved) return saved.error();
  folder_.is_damaged = false;
  plan_faults();
  return folder_.store->load();
}

std::vector<mesh::StoreRequest> Disk::unfinished() const {
  std::vector<mesh::StoreRequest> requests = running_;
  requests.insert(requests.end(), urgent_.begin(), urgent_.end());
  requests.insert(requests.end(), relaxed_.begin(), relaxed_.end());
  return requests;
}

void Disk::submit(mesh::StoreRequest request) {
  if (dropping_) return;
  if (bugs_.forgotten_promise) request.promise.reset();
  if (bugs_.acknowledge_before_commit) {
    schedule_.in(Duration(1), [this, life = life_, id = request.id] {
      if (life == life_) callbacks_.on_stored({id}, {});
    });
  }
  queued_entries_ += request.entries.size();
  if (urgent_.empty() && relaxed_.empty()) queued_since_ = schedule_.now();
  // Rows that are replaced must neither be overtaken by an older value of themselves nor overtake
  // it.
  const auto replaces_rows = [](const mesh::StoreRequest& each) {
    return !each.members.empty() || each.watermark;
  };
  const bool goes_behind_urgent =
      replaces_rows(request) && std::any_of(urgent_.begin(), urgent_.end(), replaces_rows);
  if (!request.is_urgent && !goes_behind_urgent) {
    relaxed_.push_back(std::move(request));
    return pump();
  }
  if (replaces_rows(request)) {
    std::move(relaxed_.begin(), relaxed_.end(), std::back_inserter(urgent_));
    relaxed_.clear();
  }
  urgent_.push_back(std::move(request));
  pump();
}

void Disk::take_some(std::deque<mesh::StoreRequest>& from) {
  std::size_t entries = 0;
  std::size_t bytes = 0;
  for (bool is_first = true; !from.empty(); is_first = false) {
    entries += std::max<std::size_t>(from.front().entries.size(), 1);
    for (const auto& entry : from.front().entries) bytes += entry->bytes.size();
    if (!is_first && (entries > commit_entries_max || bytes > commit_bytes_max)) return;
    queued_entries_ -= from.front().entries.size();
    running_.push_back(std::move(from.front()));
    from.pop_front();
  }
}

void Disk::pump() {
  if (committing_ || dropping_ || (recovering_ && !is_beside_) ||
      (urgent_.empty() && relaxed_.empty()))
    return;
  const MonoTime due = urgent_.empty() ? queued_since_ + relaxed_commit_delay : schedule_.now();
  if (due > schedule_.now()) {
    schedule_.at(due, [this, life = life_] {
      if (life == life_) pump_in_process();
    });
    return;
  }
  committing_ = true;
  running_.clear();
  take_some(urgent_);
  take_some(relaxed_);
  queued_since_ = schedule_.now();
  const auto spread = static_cast<std::uint64_t>((commit_max_ - commit_min_).count());
  const Duration takes = fixed_commit_.value_or(commit_min_ + Duration(random_.below(spread + 1)));
  schedule_.in(takes, [this, life = life_] {
    if (life == life_) finish_commit();
  });
}

void Disk::pump_in_process() {
  callbacks_.in_process([this, life = life_] {
    if (life == life_) pump();
  });
}

Status Disk::commit(const std::vector<mesh::StoreRequest>& batch) {
  if (full_) next_fault_ = mesh::CommitFault::disk_full;
  if (bugs_.lost_commit && (!older_image_ || schedule_.now() - older_image_at_ >= forgets)) {
    auto image = folder_.store->copy();
    if (image) older_image_ = std::move(*image);
    older_image_at_ = schedule_.now();
  }
  if (is_beside_) {
    const mesh::CommitFault fault = std::exchange(next_fault_, mesh::CommitFault::none);
    const bool is_there =
        fault == mesh::CommitFault::none || fault == mesh::CommitFault::fail_after_commit;
    ++commits_;
    if (is_there) commit_beside(batch);
    is_uncertain_ = is_uncertain_ || (is_there && fault != mesh::CommitFault::none);
    if (fault == mesh::CommitFault::none) return {};
    return make_error(ErrorCode::io, "the file beside the damaged one cannot be written");
  }
  const bool is_there_though_failed = next_fault_ == mesh::CommitFault::fail_after_commit;
  ++commits_;
  Status committed = folder_.store->commit(batch);
  is_uncertain_ = is_uncertain_ || (!committed && is_there_though_failed);
  if (committed || is_there_though_failed) callbacks_.on_durable(batch);
  return committed;
}

// As the store beside a damaged one does it.
void Disk::commit_beside(const std::vector<mesh::StoreRequest>& batch) {
  repeats_beside_ = {};
  for (const mesh::StoreRequest& request : batch) {
    folder_.beside.emplace_back();
    for (const auto& entry : request.entries) {
      if (auto older = older_twin_beside(*entry)) {
        const mesh::Envelope& envelope = entry->envelope;
        repeats_beside_.twins.push_back(
            {envelope.claim, std::move(*older), {entry->hash, envelope.stock_effects}});
      }
      if (entry->envelope.device == folder_.identity.device) note_key_beside(*entry);
      folder_.beside.back().entries.push_back(entry);
    }
    folder_.beside.back() = request;
  }
  callbacks_.on_durable(batch);
}

std::optional<crdt::ClaimWinner> Disk::older_twin_beside(const mesh::Entry& entry) {
  if (!mesh::claims_its_request(entry.envelope)) return std::nullopt;
  const mesh::WireCodec codec;
  auto older = mesh::oldest_in_damaged(folder_.store->connection(), codec, entry);
  if (!older) is_uncertain_ = true;
  if (older && *older) return std::move(*older);
  for (const mesh::StoreRequest& request : folder_.beside) {
    for (const auto& stored : request.entries) {
      if (stored->envelope.claim != entry.envelope.claim) continue;
      if (stored->hash == entry.hash) return std::nullopt;
      return crdt::ClaimWinner{stored->hash, stored->envelope.stock_effects};
    }
  }
  return std::nullopt;
}

void Disk::note_key_beside(const mesh::Entry& entry) {
  const std::string& key = entry.envelope.idempotency_key;
  if (key.empty()) return;
  std::optional<mesh::IdempotencyRecord> known;
  if (const auto found = mesh::find_key(folder_.store->connection(), key)) known = *found;
  for (const mesh::StoreRequest& request : folder_.beside) {
    for (const auto& stored : request.entries) {
      if (stored->envelope.device != entry.envelope.device) continue;
      if (stored->envelope.idempotency_key == key) (void)mesh::remember_key(known, *stored);
    }
  }
  if (const auto duplicate = mesh::remember_key(known, entry)) {
    repeats_beside_.duplicates.push_back({*duplicate, entry.hash});
  }
}

void Disk::finish_commit() {
  const std::vector<mesh::StoreRequest> batch = std::exchange(running_, {});
  committing_ = false;
  if (const Status committed = commit(batch); !committed) {
    drop_all();
    callbacks_.on_failed(committed.error());
    return;
  }
  if (!bugs_.acknowledge_before_commit) {
    std::vector<std::uint64_t> ids;
    ids.reserve(batch.size());
    for (const mesh::StoreRequest& request : batch) ids.push_back(request.id);
    auto repeats = is_beside_ ? std::exchange(repeats_beside_, {}) : folder_.store->take_repeats();
    if (bugs_.forgotten_twins) repeats.twins.clear();
    callbacks_.on_stored(std::move(ids), std::move(repeats));
  }
  fold_now_and_then();
  pump_in_process();
}

// The daemon folds in idle moments, from thousands of entries on. Here at any moment and up to any
// entry: whatever is folded by then, the next start must find the same.
void Disk::fold_now_and_then() {
  if (is_beside_ || recovering_) return;
  if (idle_random_.chance(fold_comparisons)) compare_folds();
  if (!idle_random_.chance(folds)) return;
  const mesh::WireCodec codec;
  (void)mesh::fold_some({folder_.store->connection(), codec, folder_.identity.device},
                        1 + idle_random_.below(fold_entries_max));
}

// To the end of one at most, or to any point on the way.
void Disk::compare_folds() {
  for (std::uint64_t pieces = idle_random_.below(fold_pieces_max); pieces > 0; --pieces) {
    const auto more = folder_.store->compare_folds();
    for (const auto& verdict : folder_.store->take_fold_verdicts()) {
      callbacks_.on_fold_compared(verdict);
    }
    if (!more || !*more) return;
  }
}

void Disk::drop_all() {
  dropping_ = true;
  urgent_.clear();
  relaxed_.clear();
  queued_entries_ = 0;
}

void Disk::start(mesh::DiskJob job) {
  const bool recovers = job == mesh::DiskJob::recover;
  if (!recovers) drop_all();
  recovering_ = recovering_ || recovers;
  const auto later = [this](Duration delay, auto act) {
    schedule_.in(delay, [this, act, life = life_] {
      callbacks_.in_process([this, act, life] {
        if (life == life_) act();
      });
    });
  };
  if (recovers) later(reopen_takes, [this] { open_beside(); });
  later(recovers ? recovery_takes : reopen_takes, [this, job] { do_job(job); });
}

void Disk::open_beside() {
  if (!is_beside_ && full_) {
    drop_all();
    return callbacks_.on_failed(make_error(ErrorCode::io, "the disk is full"));
  }
  // The storage thread ends the commit that it is at.
  is_beside_ = true;
  dropping_ = false;
  callbacks_.on_beside_open();
  pump();
}

void Disk::do_job(mesh::DiskJob job) {
  if (committing_) {  // it ends the commit that it is at
    schedule_.in(reopen_takes, [this, job, life = life_] {
      callbacks_.in_process([this, job, life] {
        if (life == life_) do_job(job);
      });
    });
    return;
  }
  const bool recovers = job == mesh::DiskJob::recover;
  auto state = recovers ? recover() : open_again();
  if (!state) return callbacks_.on_not_opened(state.error());
  if (recovers) recovering_ = is_beside_ = false;
  is_uncertain_ = false;
  dropping_ = false;
  callbacks_.on_opened(std::move(*state));
  pump();
}

void Disk::fail_next_commit(bool yet_is_there) {
  next_fault_ =
      yet_is_there ? mesh::CommitFault::fail_after_commit : mesh::CommitFault::fail_before_commit;
}

void Disk::damage(std::uint32_t pages) {
  const auto damaged = damage_pages(*folder_.store, pages, random_);
  folder_.is_damaged = folder_.is_damaged || (damaged && *damaged > 0);
}

void Disk::crash() {
  ++life_;
  // The kernel may have finished what the process had begun.
  if (committing_ && !running_.empty() && random_.chance({1, 2})) (void)commit(running_);
  if (bugs_.lost_commit && older_image_) folder_.store = std::move(older_image_);
  running_.clear();
  urgent_.clear();
  relaxed_.clear();
  queued_entries_ = 0;
  committing_ = false;
  dropping_ = false;
  recovering_ = false;
  is_beside_ = is_uncertain_ = false;
  next_fault_ = mesh::CommitFault::none;
}

}  // namespace titan::simulations
