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
constexpr Duration renew_every = milliseconds(1500);
constexpr Duration look_after = seconds(5);
constexpr Duration give_back_answer = seconds(30);
constexpr Duration give_back_step = milliseconds(50);

}  // namespace

StoreDatabase::StoreDatabase(std::shared_ptr<Gate> gate, Health& health, StoreDatabaseFiles& files,
                             bool is_shared, Callbacks callbacks)
    : gate_(std::move(gate)),
      health_(health),
      files_(files),
      is_shared_(is_shared),
      callbacks_(std::move(callbacks)),
      giving_(give_back_answer) {}

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
  note_known(stored);
  queue_.clear();
  const Duration starts = files_.is_initialised ? start_takes : initialise_takes + start_takes;
  work_in(starts, &StoreDatabase::connect);
}

void StoreDatabase::note_known(const crdt::VersionVector& stored) {
  known_ = {};
  for (const auto& [device, journals] : stored.devices()) {
    for (const auto& [journal, item] : journals) known_.edit(journal) = item;
  }
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
  if (look_pending_) look_later();
}

void StoreDatabase::on_journal_opened(const crdt::VersionVector& stored) {
  note_known(stored);
  look_pending_ = true;
  if (leading_) return lose(start_takes);
  ++generation_;
  look_later();
}

void StoreDatabase::on_stored(const std::vector<std::shared_ptr<const mesh::Entry>>& entries) {
  if (!leading_ && !look_pending_) return;
  for (const auto& entry : entries) {
    crdt::VectorItem& known = known_.edit(entry->envelope.id.journal);
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
  for (const auto& [id, entry] : files_.entries) {
    held[id.first.journal].stored.add(id.first.number);
    held[id.first.journal].content.add(crdt::ContentSum::of(id.second));
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
  begin_giving();
  pump();
}

// ---- giving back -------------------------------------------------------------------------------

// A shared one is looked into by whoever leads.
void StoreDatabase::look_later() {
  look_pending_ = !is_shared_;
  if (look_pending_) work_in(look_after, &StoreDatabase::look);
}

void StoreDatabase::look() {
  if (leading_ || !look_pending_) return;
  if (health_.away) return work_in(retry_after_failure, &StoreDatabase::look);
  begin_giving();
}

void StoreDatabase::begin_giving() {
  crdt::VersionVector held;
  for (const auto& [id, entry] : files_.entries) {
    held.add(entry->envelope.device, id.first.journal, id.first.number, id.second);
  }
  giving_.begin(health_.gives_nothing_back ? uplink::GivingBack::Known{} : known_,
                health_.gives_nothing_back ? crdt::VersionVector{} : held);
  give_back();
}

void StoreDatabase::give_back() {
  const auto held = [this](const JournalId& journal) {
    const auto known = known_.find(journal);
    return known == known_.end() ? crdt::IntervalSet{} : known->second.stored;
  };
  const auto piece = giving_.next(held, batch_entries_max, gate_->now());
  if (giving_.is_done()) {
    look_pending_ = false;
    return;
  }
  work_in(give_back_step, &StoreDatabase::give_back);
  if (piece.empty()) return;
  std::vector<Bytes> entries;
  uplink::GivingBack::Numbers found;
  for (const auto& [id, entry] : files_.entries) {
    const auto asked = piece.find(id.first.journal);
    if (asked == piece.end()) continue;
    const bool is_asked = asked->second.contains(id.first.number);
    if (is_asked) found[id.first.journal].add(id.first.number);
    if (is_asked || id.first.number == 1) entries.push_back(entry->bytes);
  }
  giving_.on_read(found);
  std::vector<PublicKey> keys;
  for (const auto& [device, key] : files_.keys) keys.push_back(key);
  callbacks_.on_give_back(entries, keys);
}

// ---- writing -----------------------------------------------------------------------------------

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
    const std::pair id(entry->envelope.id, entry->hash);
    if (!files_.entries.emplace(id, entry).second) continue;
    if (const auto key = callbacks_.key_of(entry->envelope.device)) {
      files_.keys.emplace(entry->envelope.device, *key);
    }
    callbacks_.on_held(entry, token_);
  }
  if (is_killed) return lose(start_takes);
  pump();
}

}  // namespace titan::simulations
