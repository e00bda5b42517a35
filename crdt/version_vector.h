// The version vector: which entries of which journals are stored.
//
// Per journal it holds the numbers stored and their content: the sum of the entries' hashes (the
// first 16 bytes of each, little-endian) modulo 2^128. Two terminals whose intervals and content
// agree hold the same entries, also where a copied process forked a journal: of a forked number
// every branch adds to the content. The root and the per-device digests are sums of per-journal
// hashes, kept incrementally, so that comparing whole vectors costs 16 bytes (Merkle-like, with two
// levels: device, journal).
//
// A journal adds the first 16 bytes of BLAKE2b-256(journal id, content, count of numbers as 8 bytes
// little-endian) to the digest of its device and to the root; peers compare these, so the formula
// is part of the protocol.
//
// A copy shares what it has in common with its original (shared_map.h): the vectors of a store's
// terminals, of its watermark and of the cloud are nearly one.
//
// Not thread-safe. add() only grows it. Merging is commutative, associative and idempotent as long
// as each (journal, number, hash) is added once: callers ask `contains` or the store first.
// Invariant: it lists no journal without numbers and no device without journals.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "crdt/interval_set.h"
#include "crdt/shared_map.h"

namespace titan::crdt {

// A sum modulo 2^128, two words, low first.
struct ContentSum {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  auto operator<=>(const ContentSum&) const = default;
  void add(const ContentSum& other);
  void subtract(const ContentSum& other);
  bool is_zero() const { return low == 0 && high == 0; }

  static ContentSum of(const Hash& hash);  // its first 16 bytes
  std::array<std::uint8_t, 16> to_bytes() const;
  static ContentSum from_bytes(const std::array<std::uint8_t, 16>& bytes);
};

struct VectorItem {
  IntervalSet stored;
  ContentSum content;

  bool operator==(const VectorItem&) const = default;
};

// With what the journal adds to the digests, which costs more to compute than to keep.
struct DigestedItem : VectorItem {
  ContentSum digest;
};

// Journals of one device by their ids: those behind `after`, up to and with `last`.
struct JournalRange {
  JournalId after;
  JournalId last;

  bool operator==(const JournalRange&) const = default;
  static JournalRange all();  // no id is all zero
};

class VersionVector {
 public:
  using Journals = SharedMap<JournalId, DigestedItem>;
  using Devices = SharedMap<DeviceId, Journals>;

  // The entry (number, hash) of `journal`, which is `device`'s, is stored now. A journal stays with
  // the device it was first seen with.
  void add(const DeviceId& device, const JournalId& journal, std::uint64_t number,
           const Hash& hash);
  // Replaces what is known of a journal (a peer's vector as it told us); an item without numbers
  // removes the journal.
  void set(const DeviceId& device, const JournalId& journal, VectorItem item);

  bool contains(const JournalId& journal, std::uint64_t number) const;
  const VectorItem* find(const JournalId& journal) const;
  std::optional<DeviceId> device_of(const JournalId& journal) const;
  const Devices& devices() const { return devices_; }
  // Numbers stored in all journals; the branches of a forked number count as one.
  std::uint64_t entry_count() const { return entry_count_; }
  std::size_t journal_count() const { return device_of_journal_.size(); }
  bool empty() const { return devices_.empty(); }

  ContentSum root() const { return root_; }
  ContentSum device_digest(const DeviceId& device) const;  // zero if unknown

  // The part of the device's digest that lies in the range.
  ContentSum range_digest(const DeviceId& device, const JournalRange& range) const;
  // How many journals lie in it; `limit` if there are more.
  std::size_t range_size(const DeviceId& device, const JournalRange& range,
                         std::size_t limit) const;
  // The range in so many parts of about as many of our journals, which leave no gap: also what we
  // do not hold lies in one of them. Fewer parts where there are fewer journals; at least one.
  std::vector<JournalRange> split(const DeviceId& device, const JournalRange& range,
                                  std::size_t parts) const;
  // Calls `take(journal, item)` for each in the range, ascending, while it says true.
  template <class Take>
  void each_in_range(const DeviceId& device, const JournalRange& range, Take&& take) const {
    const Journals* journals = devices_.get(device);
    if (journals == nullptr) return;
    for (auto at = journals->upper_bound(range.after);
         at != journals->end() && at->first <= range.last; ++at) {
      if (!take(at->first, at->second)) return;
    }
  }

  // Calls `take(device, journal, item)` for each journal of which the two do not hold the same,
  // with what `now` holds of it; a null pointer: nothing. It costs what they do not share.
  template <class Take>
  static void each_difference(const VersionVector& before, const VersionVector& now, Take&& take) {
    static const Journals none;
    const auto or_none = [](const Journals* journals) { return journals ? journals : &none; };
    Devices::each_unshared(
        before.devices_, now.devices_,
        [&](const DeviceId& device, const Journals* old, const Journals* recent) {
          Journals::each_unshared(
              *or_none(old), *or_none(recent),
              [&](const JournalId& journal, const DigestedItem* was, const DigestedItem* is) {
                if (was == nullptr || is == nullptr || !(*was == *is)) take(device, journal, is);
              });
        });
  }

  bool operator==(const VersionVector& other) const { return devices_ == other.devices_; }
  void check_invariants() const;  // recomputes every digest

 private:
  DeviceId owner_of(const JournalId& journal, const DeviceId& device);
  void move_digest(const DeviceId& device, ContentSum& of_journal, const ContentSum& to);
  void erase(const JournalId& journal);

  Devices devices_;
  SharedMap<JournalId, DeviceId> device_of_journal_;
  SharedMap<DeviceId, ContentSum> device_digests_;
  ContentSum root_;
  std::uint64_t entry_count_ = 0;
};

// Numbers of several journals, of each at least one.
using JournalNumbers = std::map<JournalId, IntervalSet>;
std::uint64_t count(const JournalNumbers& numbers);

// The numbers that `theirs` has and `ours` lacks, journal by journal. A journal whose numbers agree
// but whose content differs is forked; its branches are compared by hash lists, not here.
JournalNumbers missing(const VersionVector& ours, const VersionVector& theirs);

}  // namespace titan::crdt
