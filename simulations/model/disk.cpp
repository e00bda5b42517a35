#include "simulations/model/disk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mesh/sqlite/fold.h"
#include "mesh/wire/wire_codec.h"
#include "simulations/model/damage.h"

namespace titan::simulations {
namespace {

// How much a disk with the bug `lost_commit` forgets at a crash.
constexpr Duration forgets = seconds(2);
// After so many commits a fold, of so many entries at most.
constexpr Ratio folds{1, 40};
constexpr std::uint64_t fold_entries_max = 60;

}  // namespace

std::optional<DataFolder> DataFolder::copy() const {
  auto copied = store->copy();
  if (!copied) return std::nullopt;
  return DataFolder{device_key, identity, std::move(*copied), is_damaged, database};
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

// As pos-node/storage_thread.cpp: what is damaged is not opened again but recovered.
Result<mesh::StoredState> Disk::load() {
  if (!damage_met_) {
    const Status reopened = folder_.store->reopen();
    auto state = reopened ? folder_.store->load() : Result<mesh::StoredState>(reopened.error());
    if (state || state.error().code != ErrorCode::corrupt) return state;
  }
  if (const Status saved = callbacks_.recover(folder_); !saved) return saved.error();
  damage_met_ = false;
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
  if (failed_) return;
  if (bugs_.forgotten_promise) request.promise.reset();
  if (bugs_.acknowledge_before_commit) {
    schedule_.in(Duration(1), [this, life = life_, id = request.id] {
      if (life == life_) callbacks_.on_stored({id}, {});
    });
  }
  queued_entries_ += request.entries.size();
  if (urgent_.empty() && relaxed_.empty()) queued_since_ = schedule_.now();
  if (!request.is_urgent) {
    relaxed_.push_back(std::move(request));
    return pump();
  }
  // Rows that are replaced must not be overtaken by an older value of themselves.
  if (!request.members.empty() || request.watermark) {
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
  if (committing_ || failed_ || (urgent_.empty() && relaxed_.empty())) return;
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
  const bool is_there_though_failed = next_fault_ == mesh::CommitFault::fail_after_commit;
  ++commits_;
  Status committed = folder_.store->commit(batch);
  if (committed || is_there_though_failed) callbacks_.on_durable(batch);
  return committed;
}

void Disk::finish_commit() {
  const std::vector<mesh::StoreRequest> batch = std::exchange(running_, {});
  committing_ = false;
  if (const Status committed = commit(batch); !committed) {
    if (committed.error().code == ErrorCode::corrupt) damage_met_ = true;
    fail(batch.front().id);
    return;
  }
  if (!bugs_.acknowledge_before_commit) {
    std::vector<std::uint64_t> ids;
    ids.reserve(batch.size());
    for (const mesh::StoreRequest& request : batch) ids.push_back(request.id);
    auto twins = folder_.store->take_twins();
    if (bugs_.forgotten_twins) twins.clear();
    callbacks_.on_stored(std::move(ids), std::move(twins));
  }
  if (damage_met_) return mend_if_damage_met();
  fold_now_and_then();
  pump_in_process();
}

// The daemon folds in idle moments, from thousands of entries on. Here at any moment and up to any
// entry: whatever is folded by then, the next start must find the same.
void Disk::fold_now_and_then() {
  if (!idle_random_.chance(folds)) return;
  const mesh::WireCodec codec;
  (void)mesh::fold_some({folder_.store->connection(), codec, folder_.identity.device},
                        1 + idle_random_.below(fold_entries_max));
}

void Disk::fail(std::uint64_t id) {
  failed_ = true;
  urgent_.clear();
  relaxed_.clear();
  queued_entries_ = 0;
  callbacks_.on_failed(id);
  const MonoTime now = schedule_.now();
  const bool again = last_reopen_ && now - *last_reopen_ < reopen_calm;
  last_reopen_ = now;
  schedule_.in(again ? Duration(reopen_every) : Duration(500), [this, life = life_] {
    if (life == life_) reopen_in_process();
  });
}

void Disk::reopen_in_process() {
  callbacks_.in_process([this, life = life_] {
    if (life == life_) reopen();
  });
}

void Disk::reopen() {
  auto state = load();
  if (!state) {
    schedule_.in(reopen_every, [this, life = life_] {
      if (life == life_) reopen_in_process();
    });
    return;
  }
  failed_ = false;
  callbacks_.on_reopened(std::move(*state));
}

void Disk::fail_next_commit(bool yet_is_there) {
  next_fault_ =
      yet_is_there ? mesh::CommitFault::fail_after_commit : mesh::CommitFault::fail_before_commit;
}

void Disk::damage(std::uint32_t pages) {
  const auto damaged = damage_pages(*folder_.store, pages, random_);
  folder_.is_damaged = folder_.is_damaged || (damaged && *damaged > 0);
}

void Disk::on_damage_met() {
  if (!folder_.is_damaged || damage_met_) return;
  damage_met_ = true;
  // The storage thread ends the commit that it is at.
  if (!committing_ && !failed_) mend_if_damage_met();
}

void Disk::mend_if_damage_met() {
  callbacks_.in_process([this, life = life_] {
    if (life == life_ && damage_met_ && !failed_) fail(0);
  });
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
  failed_ = false;
  damage_met_ = false;
  last_reopen_.reset();
  next_fault_ = mesh::CommitFault::none;
}

}  // namespace titan::simulations
