// The idempotency keys that this device's disk may hold, as 64-bit hashes: what is not among them
// is certainly new, what is gets looked up on the disk. Two keys of one hash cost a look-up.
//
// 8 bytes a key: sorted, and behind that a short sorted tail of what was added last, so that adding
// moves a few kilobytes, and all of it once in key_hashes_tail_max.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace titan::mesh {

inline constexpr std::size_t key_hashes_tail_max = 1024;

// The first 8 bytes of BLAKE2b-256 over the key, the lowest first. It stands on disks.
std::uint64_t hash_of_key(BytesView idempotency_key);

class KeyHashes {
 public:
  KeyHashes() = default;
  explicit KeyHashes(std::vector<std::uint64_t> hashes);  // in any order

  bool contains(std::uint64_t hash) const;
  void add(std::uint64_t hash);
  void drop(std::span<const std::uint64_t> hashes);  // in any order

  std::size_t size() const { return sorted_.size() + tail_.size(); }
  bool empty() const { return size() == 0; }
  bool operator==(const KeyHashes& other) const;

 private:
  void merge_tail();

  // Both ascend, and share nothing.
  std::vector<std::uint64_t> sorted_;
  std::vector<std::uint64_t> tail_;
};

}  // namespace titan::mesh
