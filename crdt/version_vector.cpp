#include "crdt/version_vector.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/crypto.h"

namespace titan::crdt {
namespace {

std::uint64_t read_little_endian(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

void write_little_endian(std::uint64_t value, std::uint8_t* bytes) {
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// What one journal adds to its device's digest and to the root. The content sum names the entries;
// the count guards against a peer whose intervals and content do not belong together.
ContentSum journal_digest(const JournalId& journal, const VectorItem& item) {
  if (item.stored.empty()) return {};
  std::array<std::uint8_t, JournalId::size + 16 + 8> bytes;
  const auto content = item.content.to_bytes();
  std::memcpy(bytes.data(), journal.bytes.data(), JournalId::size);
  std::memcpy(bytes.data() + JournalId::size, content.data(), content.size());
  write_little_endian(item.stored.count(), bytes.data() + JournalId::size + content.size());
  return ContentSum::of(blake2b({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

}  // namespace

void ContentSum::add(const ContentSum& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
}

void ContentSum::subtract(const ContentSum& other) {
  const std::uint64_t borrow = low < other.low ? 1 : 0;
  low -= other.low;
  high -= other.high + borrow;
}

ContentSum ContentSum::of(const Hash& hash) {
  return {read_little_endian(hash.bytes.data()), read_little_endian(hash.bytes.data() + 8)};
}

std::array<std::uint8_t, 16> ContentSum::to_bytes() const {
  std::array<std::uint8_t, 16> bytes;
  write_little_endian(low, bytes.data());
  write_little_endian(high, bytes.data() + 8);
  return bytes;
}

ContentSum ContentSum::from_bytes(const std::array<std::uint8_t, 16>& bytes) {
  return {read_little_endian(bytes.data()), read_little_endian(bytes.data() + 8)};
}

void VersionVector::move_digest(const DeviceId& device, ContentSum& of_journal,
                                const ContentSum& to) {
  ContentSum& of_device = device_digests_.edit(device);
  of_device.subtract(of_journal);
  of_device.add(to);
  root_.subtract(of_journal);
  root_.add(to);
  of_journal = to;
}

// Notes whose journal it is, if it is new.
DeviceId VersionVector::owner_of(const JournalId& journal, const DeviceId& device) {
  const DeviceId* known = device_of_journal_.get(journal);
  return known ? *known : device_of_journal_.edit(journal) = device;
}

void VersionVector::add(const DeviceId& device, const JournalId& journal, std::uint64_t number,
                        const Hash& hash) {
  if (number == 0) return;
  const DeviceId owner = owner_of(journal, device);
  DigestedItem& item = devices_.edit(owner).edit(journal);
  if (item.stored.add(number)) ++entry_count_;
  item.content.add(ContentSum::of(hash));
  move_digest(owner, item.digest, journal_digest(journal, item));
}

void VersionVector::set(const DeviceId& device, const JournalId& journal, VectorItem item) {
  // A journal of which nothing is stored is no part of a vector: equal content, equal vectors.
  if (item.stored.empty()) {
    erase(journal);
    return;
  }
  const DeviceId owner = owner_of(journal, device);
  DigestedItem& place = devices_.edit(owner).edit(journal);
  entry_count_ += item.stored.count() - place.stored.count();
  static_cast<VectorItem&>(place) = std::move(item);
  move_digest(owner, place.digest, journal_digest(journal, place));
}

void VersionVector::erase(const JournalId& journal) {
  if (!device_of_journal_.contains(journal)) return;
  const DeviceId owner = device_of_journal_.at(journal);
  Journals& journals = devices_.edit(owner);
  DigestedItem& item = journals.edit(journal);
  entry_count_ -= item.stored.count();
  move_digest(owner, item.digest, {});
  journals.erase(journal);
  if (journals.empty()) {
    device_digests_.erase(owner);
    devices_.erase(owner);
  }
  device_of_journal_.erase(journal);
}

bool VersionVector::contains(const JournalId& journal, std::uint64_t number) const {
  const VectorItem* item = find(journal);
  return item != nullptr && item->stored.contains(number);
}

const VectorItem* VersionVector::find(const JournalId& journal) const {
  const DeviceId* owner = device_of_journal_.get(journal);
  return owner == nullptr ? nullptr : devices_.at(*owner).get(journal);
}

std::optional<DeviceId> VersionVector::device_of(const JournalId& journal) const {
  const DeviceId* owner = device_of_journal_.get(journal);
  return owner == nullptr ? std::nullopt : std::optional(*owner);
}

ContentSum VersionVector::device_digest(const DeviceId& device) const {
  const ContentSum* found = device_digests_.get(device);
  return found == nullptr ? ContentSum{} : *found;
}

JournalRange JournalRange::all() {
  JournalRange range;
  range.last.bytes.fill(0xff);
  return range;
}

ContentSum VersionVector::range_digest(const DeviceId& device, const JournalRange& range) const {
  ContentSum digest;
  each_in_range(device, range, [&](const JournalId&, const DigestedItem& item) {
    digest.add(item.digest);
    return true;
  });
  return digest;
}

std::size_t VersionVector::range_size(const DeviceId& device, const JournalRange& range,
                                      std::size_t limit) const {
  std::size_t size = 0;
  each_in_range(device, range, [&](const JournalId&, const VectorItem&) { return ++size < limit; });
  return std::min(size, limit);
}

std::vector<JournalRange> VersionVector::split(const DeviceId& device, const JournalRange& range,
                                               std::size_t parts) const {
  std::vector<JournalId> journals;
  each_in_range(device, range, [&](const JournalId& journal, const VectorItem&) {
    journals.push_back(journal);
    return true;
  });
  std::vector<JournalRange> ranges;
  JournalId after = range.after;
  parts = std::min(parts, journals.size());
  for (std::size_t part = 1; part < parts; ++part) {
    const JournalId& last = journals[journals.size() * part / parts - 1];
    ranges.push_back({after, last});
    after = last;
  }
  ranges.push_back({after, range.last});
  return ranges;
}

void VersionVector::check_invariants() const {
  ContentSum root;
  std::uint64_t entries = 0;
  std::size_t journal_count = 0;
  devices_.check_invariants();
  device_of_journal_.check_invariants();
  device_digests_.check_invariants();
  for (const auto& [device, journals] : devices_) {
    assert(!journals.empty());
    journals.check_invariants();
    ContentSum device_digest;
    for (const auto& [journal, item] : journals) {
      item.stored.check_invariants();
      assert(!item.stored.empty());
      assert(device_of_journal_.at(journal) == device);
      assert(item.digest == journal_digest(journal, item));
      device_digest.add(item.digest);
      entries += item.stored.count();
      ++journal_count;
    }
    assert(device_digests_.at(device) == device_digest);
    root.add(device_digest);
  }
  assert(device_digests_.size() == devices_.size());
  assert(device_of_journal_.size() == journal_count);
  assert(root == root_);
  assert(entries == entry_count_);
}

std::uint64_t count(const JournalNumbers& numbers) {
  std::uint64_t sum = 0;
  for (const auto& [journal, set] : numbers) sum += set.count();
  return sum;
}

JournalNumbers missing(const VersionVector& ours, const VersionVector& theirs) {
  JournalNumbers wanted;
  for (const auto& [device, journals] : theirs.devices()) {
    if (ours.device_digest(device) == theirs.device_digest(device)) continue;
    for (const auto& [journal, item] : journals) {
      const VectorItem* mine = ours.find(journal);
      if (mine == nullptr) {
        wanted.emplace(journal, item.stored);
        continue;
      }
      IntervalSet lacking = item.stored.minus(mine->stored);
      if (!lacking.empty()) wanted.emplace(journal, std::move(lacking));
    }
  }
  return wanted;
}

}  // namespace titan::crdt
