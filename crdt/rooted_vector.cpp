#include "crdt/rooted_vector.h"

#include <cassert>
#include <utility>

#include "base/crypto.h"

namespace titan::crdt {
namespace {

constexpr std::uint32_t buckets_in_group = 64;

// No rows pass for hashes of rows, or the other way round (RFC 6962, section 2.1).
constexpr char rows_mark = 0;
constexpr char hashes_mark = 1;

void put_number(Bytes& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// A row: device, journal, how many intervals, first and last of each, content; numbers as 8 bytes,
// little-endian.
void put_row(Bytes& out, const DeviceId& device, const JournalId& journal, const VectorItem& item) {
  out.append(device.view()).append(journal.view());
  put_number(out, item.stored.intervals().size());
  for (const Interval& interval : item.stored.intervals()) {
    put_number(out, interval.first);
    put_number(out, interval.last);
  }
  const auto content = item.content.to_bytes();
  out.append(reinterpret_cast<const char*>(content.data()), content.size());
}

// Of children by their numbers, 8 bytes each, as far as they are there.
template <class Numbered>
Hash hash_of_hashes(const Numbered& hashes, std::uint32_t first, std::uint32_t end) {
  Bytes bytes(1, hashes_mark);
  for (std::uint32_t number = first; number < end; ++number) {
    if (const Hash* hash = hashes.get(number)) {
      put_number(bytes, number);
      bytes.append(hash->view());
    }
  }
  return blake2b(bytes);
}

std::uint64_t first_word(const Hash& hash) {
  return ContentSum::of(hash).low;
}

}  // namespace

Bucket bucket_of(const JournalId& journal) {
  return static_cast<Bucket>(journal.bytes[0]) << 4 | journal.bytes[1] >> 4;
}

JournalRange range_of(Bucket bucket) {
  const auto last_of = [](Bucket of) {
    JournalId id;
    id.bytes.fill(0xff);
    id.bytes[0] = static_cast<std::uint8_t>(of >> 4);
    id.bytes[1] = static_cast<std::uint8_t>((of & 0xf) << 4 | 0xf);
    return id;
  };
  return {bucket == 0 ? JournalId{} : last_of(bucket - 1), last_of(bucket)};
}

RootedVector::RootedVector() {
  static const Hash root_of_nothing = blake2b(Bytes(1, hashes_mark));
  root_ = root_of_nothing;
}

void RootedVector::become(VersionVector now) {
  std::set<Bucket> changed;
  VersionVector::each_difference(vector_, now,
                                 [&](const DeviceId&, const JournalId& journal, const VectorItem*) {
                                   changed.insert(bucket_of(journal));
                                 });
  vector_ = std::move(now);
  hash_anew(changed);
}

void RootedVector::hash_anew(const std::set<Bucket>& changed) {
  if (changed.empty()) return;
  std::set<std::uint32_t> groups;
  for (const Bucket bucket : changed) {
    Bytes rows(1, rows_mark);
    each_in_bucket(bucket, [&](const DeviceId& device, const JournalId& journal,
                               const VectorItem& item) { put_row(rows, device, journal, item); });
    if (rows.size() == 1) {
      buckets_.erase(bucket);
    } else {
      buckets_.edit(bucket) = blake2b(rows);
    }
    groups.insert(bucket / buckets_in_group);
  }
  for (const std::uint32_t group : groups) {
    const Bucket first = group * buckets_in_group;
    const auto behind = first == 0 ? buckets_.begin() : buckets_.upper_bound(first - 1);
    if (behind == buckets_.end() || behind->first >= first + buckets_in_group) {
      groups_.erase(group);
    } else {
      groups_.edit(group) = hash_of_hashes(buckets_, first, first + buckets_in_group);
    }
  }
  root_ = hash_of_hashes(groups_, 0, bucket_count / buckets_in_group);
}

std::vector<BucketDigest> RootedVector::digests(Bucket first) const {
  std::vector<BucketDigest> digests;
  for (auto at = first == 0 ? buckets_.begin() : buckets_.upper_bound(first - 1);
       at != buckets_.end(); ++at) {
    digests.push_back({at->first, first_word(at->second)});
  }
  return digests;
}

void RootedVector::check_invariants() const {
  vector_.check_invariants();
  buckets_.check_invariants();
  groups_.check_invariants();
  assert(RootedVector(vector_).root_ == root_);
}

}  // namespace titan::crdt
