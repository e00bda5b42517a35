#include "mesh/sqlite/file/blobs.h"

#include <algorithm>
#include <array>

namespace titan::mesh {
namespace {

void put_number(Bytes& bytes, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

// Answers false when the bytes end too early.
bool take_number(BytesView& bytes, std::uint64_t& value) {
  if (bytes.size() < 8) return false;
  value = 0;
  for (int i = 7; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  }
  bytes.remove_prefix(8);
  return true;
}

}  // namespace

Bytes bytes_of(const crdt::IntervalSet& set) {
  Bytes bytes;
  for (const crdt::Interval& interval : set.intervals()) {
    put_number(bytes, interval.first);
    put_number(bytes, interval.last);
  }
  return bytes;
}

crdt::IntervalSet intervals_of(BytesView bytes) {
  std::vector<crdt::Interval> intervals;
  crdt::Interval interval;
  while (take_number(bytes, interval.first) && take_number(bytes, interval.last)) {
    intervals.push_back(interval);
  }
  return crdt::IntervalSet(std::move(intervals));
}

Bytes bytes_of(const crdt::ContentSum& content) {
  const auto raw = content.to_bytes();
  return Bytes(reinterpret_cast<const char*>(raw.data()), raw.size());
}

crdt::ContentSum content_of(BytesView bytes) {
  std::array<std::uint8_t, 16> raw{};
  std::copy_n(bytes.data(), std::min(bytes.size(), raw.size()), raw.begin());
  return crdt::ContentSum::from_bytes(raw);
}

Bytes bytes_of(const std::vector<crdt::StockEffect>& effects) {
  Bytes bytes;
  for (const crdt::StockEffect& effect : effects) {
    put_number(bytes, effect.added);
    put_number(bytes, effect.removed);
    put_number(bytes, effect.product.size());
    bytes += effect.product;
  }
  return bytes;
}

std::vector<crdt::StockEffect> effects_of(BytesView bytes) {
  std::vector<crdt::StockEffect> effects;
  crdt::StockEffect effect;
  std::uint64_t size = 0;
  while (take_number(bytes, effect.added) && take_number(bytes, effect.removed) &&
         take_number(bytes, size) && size <= bytes.size()) {
    effect.product = Bytes(bytes.substr(0, size));
    bytes.remove_prefix(size);
    effects.push_back(effect);
  }
  return effects;
}

}  // namespace titan::mesh
