#include "uplink/postgres/filling.h"

#include <algorithm>

namespace titan::uplink {

void Filling::begin(const Known& known, const crdt::VersionVector& projected) {
  lacking_.clear();
  comparisons_.clear();
  for (const auto& [journal, item] : known) {
    const crdt::VectorItem* there = projected.find(journal);
    const bool is_forked = there && there->stored == item.stored && there->content != item.content;
    const auto lacking = there && !is_forked ? item.stored.minus(there->stored) : item.stored;
    if (lacking.empty()) continue;
    lacking_.emplace(journal, lacking);
    // Where the database holds what this disk does not, the sums say nothing.
    const bool comparable =
        there && !is_forked && !there->stored.empty() && item.stored.contains(there->stored);
    if (comparable) comparisons_[journal] = {there->stored, lacking, there->content, item.content};
  }
}

void Filling::add(const Numbers& numbers) {
  for (const auto& [journal, set] : numbers) lacking_[journal].add(set);
}

std::uint64_t Filling::count() const {
  return crdt::count(lacking_);
}

Filling::Piece Filling::next(std::uint64_t entries_max) const {
  const auto& [journal, numbers] = *lacking_.begin();
  return {journal, numbers.lowest(entries_max)};
}

std::uint64_t Filling::on_read(const Piece& piece,
                               std::span<const std::shared_ptr<const mesh::Entry>> entries) {
  std::uint64_t last = 0;
  const auto comparison = comparisons_.find(piece.journal);
  for (const auto& entry : entries) {
    const std::uint64_t number = entry->envelope.id.number;
    last = std::max(last, number);
    if (comparison == comparisons_.end() || !comparison->second.lacked.contains(number)) continue;
    comparison->second.content.add(crdt::ContentSum::of(entry->hash));
  }
  // What was passed over, or all of it if nothing came, cannot be read.
  const std::uint64_t done_to = last == 0 ? piece.numbers.top() : last;
  crdt::IntervalSet done;
  for (const auto& interval : piece.numbers.intervals()) {
    if (interval.first > done_to) break;
    done.add(crdt::Interval{interval.first, std::min(interval.last, done_to)});
  }
  const auto lacking = lacking_.find(piece.journal);
  lacking->second = lacking->second.minus(done);
  if (lacking->second.empty()) {
    lacking_.erase(lacking);
    compare(piece.journal);
  }
  return done.count() > entries.size() ? done.count() - entries.size() : 0;
}

void Filling::compare(const JournalId& journal) {
  const auto found = comparisons_.find(journal);
  if (found == comparisons_.end()) return;
  const Comparison comparison = std::move(found->second);
  comparisons_.erase(found);
  if (comparison.content != comparison.expected) lacking_[journal].add(comparison.projected);
}

}  // namespace titan::uplink
