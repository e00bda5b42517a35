#include "simulations/model/store_database.h"

#include <algorithm>
#include <utility>

#include "election/term_bound.h"

namespace titan::simulations {
namespace {

// Measured: DESIGN section 7.
constexpr Duration initialise_takes = milliseconds(700);
constexpr Duration start_takes = milliseconds(50);
constexpr Duration commit_takes = milliseconds(3);
constexpr Duration batch_age = milliseconds(20);
constexpr Duration retry_after_failure = milliseconds(200);
constexpr Duration retry_after_refusal = milliseconds(500);
constexpr std::size_t batch_entries_max = 500;
// As uplink/postgres has them.
constexpr Duration lease_lasts = seconds(5);
constexpr Duration renew_every = milliseconds(1500);

}  // namespace

StoreDatabase::StoreDatabase(std::shared_ptr<Gate> gate, Health& health, StoreDatabaseFiles& files,
                             bool is_shared, Callbacks callbacks)
    : gate_(std::move(gate)),
      health_(health),
      files_(files),
      is_shared_(is_shared),
      callbacks_(std::move(callbacks)) {}

void StoreDatabase::work_in(Duration delay, void (StoreDatabase::*work)()) {
  gate_->in(delay, [this, work, generation = generation_] {
    if (generation == generation_) (this->*work)();
  });
}

Duration StoreDatabase::commit_time() const {
  return std::max(Duration(commit_takes), health_.slow);
}

void StoreDatabase::lead(const election::Token& token, const crdt::VersionVector& stored) {
  if (leading_ && token == token_) return;
  ++generation_;
  leading_ = true;
  up_ = false;
  committing_ = false;
  token_ = token;
  known_.clear();
  queue_.clear();
  for (const auto& [device, journals] : stored.devices()) {
    for (const auto& [journal, item] : journals) known_[journal] = item;
  }
  const Duration starts = files_.is_initialised ? start_takes : initialise_takes + start_takes;
  work_in(starts, &StoreDatabase::connect);
}

void StoreDatabase::follow() {
  if (!leading_) return;
  if (up_ && files_.holder == token_) files_.is_released = true;
  ++generation_;
  leading_ = false;
  up_ = false;
  committing_ = false;
  queue_.clear();
  lacking_.clear();
}

void StoreDatabase::on_stored(const std::vector<std::shared_ptr<const mesh::Entry>>& entries) {
  if (!leading_) return;
  for (const auto& entry : entries) {
    crdt::VectorItem& known = known_[entry->envelope.id.journal];
    known.stored.add(entry->envelope.id.number);
    known.content.add(crdt::ContentSum::of(entry->hash));
    if (up_) queue_.push_back(entry);
  }
  pump();
}

void StoreDatabase::connect() {
  if (health_.away) return work_in(retry_after_failure, &StoreDatabase::connect);
  work_in(commit_time(), &StoreDatabase::connected);
}

void StoreDatabase::connected() {
  files_.is_initialised = true;
  const bool is_jump =
      !files_.holder.is_none() && !election::is_plausible_term(token_.term, files_.holder.term);
  if ((files_.holder > token_ || is_jump) && !health_.ignores_tokens) {
    if (is_shared_) {
      const bool is_gone = files_.is_released || gate_->now() - files_.renewed > lease_lasts;
      callbacks_.on_lease_refused(files_.holder, is_gone);
      return work_in(retry_after_refusal, &StoreDatabase::connect);
    }
    // A private database has one writer ever: a higher token is what a restored disk remembers.
  }
  files_.holder = token_;
  files_.is_released = false;
  files_.renewed = gate_->now();
  if (is_shared_) work_in(renew_every, &StoreDatabase::renew);
  up_ = true;
  callbacks_.on_opened(files_.entries.size());
  std::map<JournalId, crdt::VectorItem> held;
  for (const auto& [id, hash] : files_.entries) {
    held[id.journal].stored.add(id.number);
    held[id.journal].content.add(crdt::ContentSum::of(hash));
  }
  lacking_.clear();
  filled_.clear();
  for (const auto& [journal, known] : known_) {
    const crdt::VectorItem& there = held[journal];
    // Equal numbers with other content: a branch of a forked number is missing somewhere.
    const bool is_forked = known.stored == there.stored && known.content != there.content;
    const auto lacking = is_forked ? known.stored : known.stored.minus(there.stored);
    if (!lacking.empty()) lacking_.emplace(journal, lacking);
    // With more missing, a branch may be missing too: told when the rest has been read.
    const bool is_comparable = !is_forked && known.stored.contains(there.stored);
    if (is_comparable) filled_[journal] = {there, known.content};
  }
  queue_.clear();
  pump();
}

// A writer with nothing to write learns by this that another has taken its place.
void StoreDatabase::renew() {
  if (!up_) return;
  if (health_.away) return lose(retry_after_failure);
  if (files_.holder != token_ && !health_.ignores_tokens) {
    callbacks_.on_lease_refused(files_.holder, false);
    return lose(retry_after_refusal);
  }
  files_.is_released = false;
  files_.renewed = gate_->now();
  work_in(renew_every, &StoreDatabase::renew);
}

void StoreDatabase::pump() {
  if (!up_ || committing_ || (queue_.empty() && lacking_.empty())) return;
  committing_ = true;
  work_in(lacking_.empty() ? batch_age + commit_time() : commit_time(), &StoreDatabase::commit);
}

void StoreDatabase::lose(Duration retry) {
  ++generation_;
  up_ = false;
  committing_ = false;
  queue_.clear();
  work_in(retry, &StoreDatabase::connect);
}

// False: the disk could not be asked.
bool StoreDatabase::read_lacking() {
  if (lacking_.empty()) return true;
  const JournalId journal = lacking_.begin()->first;
  crdt::IntervalSet& lacking = lacking_.begin()->second;
  Filled& filled = filled_[journal];
  const auto read = callbacks_.read(journal, lacking);
  if (!read) return false;
  for (const Bytes& bytes : *read) {
    auto entry = callbacks_.decode(bytes);
    if (!entry) continue;
    filled.there.content.add(crdt::ContentSum::of(entry->hash));
    batch_.push_back(std::move(entry));
  }
  for (const auto& entry : batch_) {
    const std::uint64_t number = entry->envelope.id.number;
    lacking.remove({number, number});
  }
  if (batch_.empty()) lacking = {};  // cannot be read: not waited for
  if (!lacking.empty()) return true;
  lacking_.erase(journal);
  const bool is_branch_missing = filled.there.content != filled.expected;
  if (is_branch_missing && !filled.there.stored.empty()) lacking_[journal] = filled.there.stored;
  filled_.erase(journal);
  return true;
}

void StoreDatabase::commit() {
  committing_ = false;
  if (health_.away) return lose(retry_after_failure);
  batch_.clear();
  if (!read_lacking()) return lose(retry_after_failure);
  while (!queue_.empty() && batch_.size() < batch_entries_max) {
    batch_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  const bool is_killed = std::exchange(health_.kill_next_commit, false);
  if (is_killed && !health_.killed_commit_is_there) return lose(start_takes);
  // Token and cursors in one transaction.
  if (files_.holder != token_ && !health_.ignores_tokens) {
    if (is_shared_) callbacks_.on_lease_refused(files_.holder, false);
    return lose(retry_after_refusal);
  }
  for (const auto& entry : batch_) {
    if (!files_.entries.emplace(entry->envelope.id, entry->hash).second) continue;
    callbacks_.on_held(entry, token_);
  }
  if (is_killed) return lose(start_takes);
  pump();
}

}  // namespace titan::simulations
