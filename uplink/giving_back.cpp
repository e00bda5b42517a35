#include "uplink/giving_back.h"

#include <algorithm>
#include <utility>

namespace titan::uplink {

void GivingBack::begin(const Known& known, const crdt::VersionVector& projected) {
  lacking_.clear();
  given_.clear();
  taken_ = 0;
  refused_ = 0;
  for (const auto& [device, journals] : projected.devices()) {
    for (const auto& [journal, item] : journals) {
      const auto here = known.find(journal);
      auto lacking = here == known.end() ? item.stored : item.stored.minus(here->second.stored);
      if (!lacking.empty()) lacking_.emplace(journal, std::move(lacking));
    }
  }
}

std::uint64_t GivingBack::count() const {
  return crdt::count(lacking_) + crdt::count(given_);
}

// What was given is stored by now, or will not be.
void GivingBack::settle(const Held& held, MonoTime now) {
  Numbers waited_for;
  for (const auto& [journal, numbers] : given_) {
    auto rest = numbers.minus(held(journal));
    taken_ += numbers.count() - rest.count();
    if (!rest.empty()) waited_for.emplace(journal, std::move(rest));
  }
  given_ = std::move(waited_for);
  if (now < deadline_) return;
  refused_ += crdt::count(given_);
  given_.clear();
}

GivingBack::Numbers GivingBack::next(const Held& held, std::size_t entries_max, MonoTime now) {
  settle(held, now);
  if (!given_.empty()) return {};
  std::uint64_t room = entries_max;
  while (room > 0 && !lacking_.empty()) {
    const auto first = lacking_.begin();
    // Peers may have given it meanwhile.
    first->second = first->second.minus(held(first->first));
    const crdt::IntervalSet piece = first->second.lowest(room);
    room -= piece.count();
    if (!piece.empty()) given_.emplace(first->first, piece);
    first->second = first->second.minus(piece);
    if (first->second.empty()) lacking_.erase(first);
  }
  deadline_ = now + answer_limit_;
  return given_;
}

void GivingBack::on_read(const Numbers& found, const std::set<JournalId>& unread) {
  Numbers given;
  for (const auto& [journal, asked] : std::exchange(given_, {})) {
    if (unread.contains(journal)) {
      lacking_[journal].add(asked);
      continue;
    }
    const auto read = found.find(journal);
    const std::uint64_t last = read == found.end() ? 0 : read->second.top();
    crdt::IntervalSet later;
    for (const auto& interval : asked.intervals()) {
      if (last == 0 || interval.last <= last) continue;
      later.add(crdt::Interval{std::max(interval.first, last + 1), interval.last});
    }
    if (!later.empty()) lacking_[journal].add(later);
    auto rest = asked.minus(later);
    if (read != found.end()) {
      refused_ += rest.minus(read->second).count();
      given.emplace(journal, read->second);
    } else {
      refused_ += rest.count();
    }
  }
  given_ = std::move(given);
}

}  // namespace titan::uplink
