// The comparison of vectors with a peer: root, devices, ranges of journals, items.
//
// Nothing here is acknowledged or repeated. A message that is lost ends the round between these
// two; the next round, with whomever, begins anew with what is stored by then. Each answer speaks
// of less than what it answers, so a round ends.
#include <algorithm>
#include <set>
#include <utility>

#include "mesh/replication/anti_entropy.h"

namespace titan::mesh {
namespace {

// Of two places one of which may come from a version that names no epoch.
bool lags_behind(const WatermarkPlace& theirs, const WatermarkPlace& ours) {
  const bool is_without_epoch = theirs.epoch == 0 && theirs.sequence != 0;
  return is_without_epoch ? theirs.sequence < ours.sequence : theirs < ours;
}

std::size_t weight_of(const DeviceItems& list) {
  std::size_t intervals = 0;
  for (const JournalItem& item : list.journals) intervals += item.item.stored.intervals().size();
  return intervals;
}

}  // namespace

void AntiEntropy::start_round(const ProcessId& peer) {
  send(peer, SyncRoot{index_.stored().root(), stock_digest_, false, watermark_});
}

// Equal roots are equal contents, and then the stock must be equal, too. A reply is never answered,
// so no round goes to and fro for ever.
void AntiEntropy::on_sync_root(Now now, const ProcessId& from, const SyncRoot& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  if (lags_behind(message.watermark, watermark_)) effects_.push_back(WatermarkLacking{from});
  const crdt::VersionVector& stored = index_.stored();
  if (message.root == stored.root()) {
    Known& known = known_[peer->second.device];
    if (known.vector.root() != stored.root()) known = {stored, {}};
    if (message.stock_digest != stock_digest_) {
      effects_.push_back(Diverged{from, stock_digest_, message.stock_digest});
    }
    if (!message.is_reply) {
      send(from, SyncRoot{stored.root(), stock_digest_, true, watermark_});
    }
    return;
  }
  if (message.is_reply) return;  // one of us moved meanwhile; the next round settles it
  interval_ = config_.interval;
  next_round_ = std::min(next_round_, now.mono + interval_);
  SyncDevices reply{stored.root(), {}};
  for (const auto& [device, journals] : stored.devices()) {
    reply.devices.push_back({device, stored.device_digest(device)});
  }
  send(from, std::move(reply));
}

void AntiEntropy::on_sync_devices(Now now, const ProcessId& from, const SyncDevices& message) {
  const crdt::VersionVector& stored = index_.stored();
  const auto peer = peers_.find(from);
  if (peer == peers_.end() || message.root == stored.root()) return;
  const DeviceId& device = peer->second.device;
  interval_ = config_.interval;
  next_round_ = std::min(next_round_, now.mono + interval_);
  std::vector<DeviceRange> differing;
  std::set<DeviceId> named;
  for (const DeviceDigest& theirs : message.devices) {
    if (!named.insert(theirs.device).second) continue;  // told twice
    const DeviceRange whole{theirs.device, crdt::JournalRange::all()};
    if (stored.device_digest(theirs.device) != theirs.digest) {
      differing.push_back(whole);
    } else if (known_[device].vector.device_digest(theirs.device) != theirs.digest) {
      learn_equal(device, {whole, theirs.digest});
    }
  }
  for (const auto& [ours, journals] : stored.devices()) {
    if (!named.contains(ours)) differing.push_back({ours, crdt::JournalRange::all()});
  }
  tell_differing(from, differing);
}

// Honest ranges lie apart from one another, so that to sum up ours in all of them costs no more
// than to sum up all that we hold. Who sends others gets no more of our time either.
void AntiEntropy::on_sync_ranges(Now now, const ProcessId& from, const SyncRanges& message) {
  const crdt::VersionVector& stored = index_.stored();
  const auto peer = peers_.find(from);
  if (peer == peers_.end() || message.root == stored.root()) return;
  interval_ = config_.interval;
  next_round_ = std::min(next_round_, now.mono + interval_);
  std::vector<DeviceRange> differing;
  std::size_t left = stored.journal_count();
  for (const RangeDigest& theirs : message.ranges) {
    const auto& [device, range] = theirs.range;
    const std::size_t size = stored.range_size(device, range, left + 1);
    if (size > left) break;
    left -= size;
    if (stored.range_digest(device, range) == theirs.digest) {
      learn_equal(peer->second.device, theirs);
    } else {
      differing.push_back(theirs.range);
    }
  }
  tell_differing(from, differing);
}

// Of ranges that differ: the parts of one with many journals of ours, else a list of these, and
// that we want theirs. Where not all fits, another of them goes first in each round: a range whose
// difference never ends holds up no other.
void AntiEntropy::tell_differing(const ProcessId& to, std::vector<DeviceRange> ranges) {
  begin_anywhere(ranges);
  const crdt::VersionVector& stored = index_.stored();
  SyncRanges parts{stored.root(), {}};
  SyncItems lists{stored.root(), {}, {}};
  std::size_t listed = 0;
  for (const DeviceRange& each : ranges) {
    const std::size_t few = config_.journals_listed_at_once;
    const std::size_t size = stored.range_size(each.device, each.range, few + 1);
    if (size > few) {
      if (parts.ranges.size() + config_.range_parts > config_.ranges_per_message_max) continue;
      for (const auto& part : stored.split(each.device, each.range, config_.range_parts)) {
        parts.ranges.push_back({{each.device, part}, stored.range_digest(each.device, part)});
      }
      continue;
    }
    if (lists.asked.size() >= config_.ranges_per_message_max) continue;
    if (const auto key = index_.key_of(each.device)) {
      DeviceItems list = list_of(each, *key, config_.intervals_per_message_max - listed);
      if (list.range != each.range && listed > 0) continue;  // cut where it would fit nowhere whole
      listed += weight_of(list);
      lists.devices.push_back(std::move(list));
    }
    lists.asked.push_back(each);
  }
  if (!parts.ranges.empty()) send(to, std::move(parts));
  if (!lists.asked.empty()) send(to, std::move(lists));
}

// What they hold is learned, whatever round it belongs to: it was durable there when they said it.
void AntiEntropy::on_sync_items(Now now, const ProcessId& from, const SyncItems& message) {
  if (!peers_.contains(from)) return;
  learn_items(now, from, message.devices);
  if (!message.asked.empty()) send_items(from, message.asked);
}

// In as many messages as it takes, each with whole lists of its ranges; a range that does not fit
// is cut behind the last journal that does.
void AntiEntropy::send_items(const ProcessId& to, std::vector<DeviceRange> ranges) {
  begin_anywhere(ranges);
  if (ranges.size() > config_.ranges_per_message_max) {
    ranges.resize(config_.ranges_per_message_max);
  }
  SyncItems message{index_.stored().root(), {}, {}};
  std::size_t listed = 0;
  std::size_t listed_in_all = 0;
  for (DeviceRange rest : ranges) {
    const auto key = index_.key_of(rest.device);
    if (!key) continue;
    bool is_whole = false;
    while (!is_whole && listed_in_all < config_.intervals_per_round_max) {
      DeviceItems list = list_of(rest, *key, config_.intervals_per_message_max - listed);
      is_whole = list.range.last == rest.range.last;
      rest.range.after = list.range.last;
      const std::size_t weight = weight_of(list);
      listed += weight;
      listed_in_all += weight;
      const bool says_something = list.range.last != list.range.after;
      if (says_something) message.devices.push_back(std::move(list));
      if (is_whole && listed < config_.intervals_per_message_max) continue;
      send(to, std::exchange(message, SyncItems{index_.stored().root(), {}, {}}));
      listed = 0;
    }
  }
  if (!message.devices.empty()) send(to, std::move(message));
}

// Of the range as far as it fits: what is told of it is whole up to the end that is told.
DeviceItems AntiEntropy::list_of(const DeviceRange& range, const PublicKey& key,
                                 std::size_t intervals_max) const {
  DeviceItems list{key, range.range, {}};
  std::size_t room = intervals_max;
  JournalId before = range.range.after;
  index_.stored().each_in_range(
      range.device, range.range, [&](const JournalId& journal, const crdt::VectorItem& item) {
        const std::size_t intervals = item.stored.intervals().size();
        // Only who means harm leaves so many holes.
        const bool fits_nowhere = intervals > config_.intervals_per_message_max;
        if (!fits_nowhere && intervals > room) {
          list.range.last = before;
          return false;
        }
        before = journal;
        if (fits_nowhere) return true;
        room -= intervals;
        list.journals.push_back({journal, item});
        return true;
      });
  return list;
}

void AntiEntropy::begin_anywhere(std::vector<DeviceRange>& ranges) {
  if (ranges.size() < 2) return;
  std::rotate(ranges.begin(),
              ranges.begin() + static_cast<std::ptrdiff_t>(random_.below(ranges.size())),
              ranges.end());
}

// As good as a vector, of a few journals; of one we do not know there is nothing to say yet. Lost:
// the next vectors say it.
void AntiEntropy::on_have(const ProcessId& from, const Have& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  Known& known = known_[peer->second.device];
  for (const JournalItem& theirs : message.journals) {
    if (const auto device = index_.stored().device_of(theirs.journal)) {
      learn_item(known, *device, theirs);
    }
  }
}

void AntiEntropy::learn_items(Now now, const ProcessId& from,
                              const std::vector<DeviceItems>& devices) {
  Known& known = known_[peers_.at(from).device];
  for (const DeviceItems& listed : devices) {
    index_.learn(listed.device_key);
    const DeviceId device = device_of(listed.device_key);
    forget_unlisted(known, device, listed);
    for (const JournalItem& theirs : listed.journals) {
      learn_item(known, device, theirs);
      compare_forks(now, from, theirs);
    }
  }
  if (!known.lacking.empty()) ask_at_ = std::min(ask_at_, now.mono + config_.settle);
}

// The peer's device holds what we hold there, and nothing else.
void AntiEntropy::learn_equal(const DeviceId& holder, const RangeDigest& theirs) {
  Known& known = known_[holder];
  const auto& [device, range] = theirs.range;
  if (known.vector.range_digest(device, range) == theirs.digest) return;
  DeviceItems ours{{}, range, {}};
  index_.stored().each_in_range(device, range,
                                [&](const JournalId& journal, const crdt::VectorItem& item) {
                                  ours.journals.push_back({journal, item});
                                  return true;
                                });
  forget_unlisted(known, device, ours);
  for (const JournalItem& item : ours.journals) {
    const crdt::VectorItem* before = known.vector.find(item.journal);
    if (before == nullptr || *before != item.item) {
      known.vector.set(device, item.journal, item.item);
    }
  }
}

void AntiEntropy::learn_item(Known& known, const DeviceId& device, const JournalItem& theirs) {
  known.vector.set(device, theirs.journal, theirs.item);
  if (!index_.lacking(theirs.journal, theirs.item.stored).empty()) {
    known.lacking[device].insert(theirs.journal);
    known.lacking_state[device].insert(theirs.journal);
  }
}

// The list of a range is whole: what it leaves out they have lost.
void AntiEntropy::forget_unlisted(Known& known, const DeviceId& device,
                                  const DeviceItems& listed) const {
  std::set<JournalId> lost;
  known.vector.each_in_range(device, listed.range,
                             [&](const JournalId& journal, const crdt::VectorItem&) {
                               lost.insert(journal);
                               return true;
                             });
  for (const JournalItem& item : listed.journals) lost.erase(item.journal);
  for (const JournalId& journal : lost) known.vector.set(device, journal, {});
}

}  // namespace titan::mesh
