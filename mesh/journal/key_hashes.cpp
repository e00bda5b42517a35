#include "mesh/journal/key_hashes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/crypto.h"

namespace titan::mesh {

std::uint64_t hash_of_key(BytesView idempotency_key) {
  const Hash hash = blake2b(idempotency_key);
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(hash.view()[i]);
  }
  return value;
}

KeyHashes::KeyHashes(std::vector<std::uint64_t> hashes) : sorted_(std::move(hashes)) {
  std::sort(sorted_.begin(), sorted_.end());
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
}

bool KeyHashes::contains(std::uint64_t hash) const {
  return std::binary_search(sorted_.begin(), sorted_.end(), hash) ||
         std::binary_search(tail_.begin(), tail_.end(), hash);
}

void KeyHashes::add(std::uint64_t hash) {
  if (contains(hash)) return;
  tail_.insert(std::lower_bound(tail_.begin(), tail_.end(), hash), hash);
  if (tail_.size() >= key_hashes_tail_max) merge_tail();
}

// Into memory of just the size that is needed: growing by halves would cost as much as the keys.
void KeyHashes::merge_tail() {
  std::vector<std::uint64_t> merged;
  merged.reserve(size());
  std::merge(sorted_.begin(), sorted_.end(), tail_.begin(), tail_.end(),
             std::back_inserter(merged));
  sorted_ = std::move(merged);
  tail_.clear();
}

void KeyHashes::drop(std::span<const std::uint64_t> hashes) {
  std::vector<std::uint64_t> dropped(hashes.begin(), hashes.end());
  std::sort(dropped.begin(), dropped.end());
  const auto is_dropped = [&](std::uint64_t hash) {
    return std::binary_search(dropped.begin(), dropped.end(), hash);
  };
  std::erase_if(sorted_, is_dropped);
  std::erase_if(tail_, is_dropped);
}

bool KeyHashes::operator==(const KeyHashes& other) const {
  if (size() != other.size()) return false;
  const auto is_there = [&](std::uint64_t hash) { return other.contains(hash); };
  return std::all_of(sorted_.begin(), sorted_.end(), is_there) &&
         std::all_of(tail_.begin(), tail_.end(), is_there);
}

}  // namespace titan::mesh
