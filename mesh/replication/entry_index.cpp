#include "mesh/replication/entry_index.h"

#include <cassert>
#include <utility>

namespace titan::mesh {

EntryIndex::EntryIndex(crdt::VersionVector stored, const std::vector<PublicKey>& devices)
    : stored_(std::move(stored)) {
  for (const PublicKey& key : devices) learn(key);
}

bool EntryIndex::has(const JournalId& journal, std::uint64_t number) const {
  if (stored_.contains(journal, number)) return true;
  const auto found = pending_.find(journal);
  return found != pending_.end() && found->second.contains(number);
}

crdt::IntervalSet EntryIndex::lacking(const JournalId& journal,
                                      const crdt::IntervalSet& wanted) const {
  crdt::IntervalSet rest = wanted;
  if (const auto* item = stored_.find(journal)) rest = rest.minus(item->stored);
  if (const auto found = pending_.find(journal); found != pending_.end()) {
    rest = rest.minus(found->second);
  }
  return rest;
}

void EntryIndex::on_handed_to_disk(const JournalId& journal, std::uint64_t number) {
  if (pending_[journal].add(number)) ++pending_count_;
}

void EntryIndex::drop_pending() {
  pending_.clear();
  pending_count_ = 0;
}

void EntryIndex::on_stored(const DeviceId& device, const JournalId& journal, std::uint64_t number,
                           const Hash& hash) {
  stored_.add(device, journal, number, hash);
  const auto found = pending_.find(journal);
  if (found == pending_.end() || !found->second.contains(number)) return;
  --pending_count_;
  found->second.remove({number, number});
  if (found->second.empty()) pending_.erase(found);
}

bool EntryIndex::learn(const PublicKey& key) {
  return !key.is_none() && keys_.emplace(device_of(key), key).second;
}

void EntryIndex::check_invariants() const {
  stored_.check_invariants();
  std::uint64_t count = 0;
  for (const auto& [journal, numbers] : pending_) {
    assert(!numbers.empty());
    count += numbers.count();
  }
  assert(count == pending_count_);
}

std::optional<PublicKey> EntryIndex::key_of(const DeviceId& device) const {
  const auto found = keys_.find(device);
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

}  // namespace titan::mesh
