// Identities: fixed-size byte strings that cannot be mixed up with one another.
//
// They compare by their bytes, so "the smallest id" means the same on every machine. The all-zero
// value is never drawn and stands for "none".
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/random.h"

namespace titan {

template <class Tag, std::size_t Size>
struct FixedBytes {
  static constexpr std::size_t size = Size;
  std::array<std::uint8_t, Size> bytes{};

  auto operator<=>(const FixedBytes&) const = default;

  bool is_none() const { return *this == FixedBytes{}; }
  BytesView view() const { return {reinterpret_cast<const char*>(bytes.data()), Size}; }
  std::string hex() const { return to_hex(view()); }

  // Nothing unless `raw` has exactly Size bytes.
  static std::optional<FixedBytes> from_bytes(BytesView raw) {
    if (raw.size() != Size) return std::nullopt;
    FixedBytes value;
    std::memcpy(value.bytes.data(), raw.data(), Size);
    return value;
  }
  static std::optional<FixedBytes> from_hex_text(std::string_view text) {
    const auto raw = from_hex(text);
    return raw ? from_bytes(*raw) : std::nullopt;
  }
  static FixedBytes draw(Random& random) {
    FixedBytes value;
    do {
      for (std::size_t i = 0; i < Size; i += 8) {
        const std::uint64_t word = random.next();
        std::memcpy(value.bytes.data() + i, &word, std::min<std::size_t>(8, Size - i));
      }
    } while (value.is_none());
    return value;
  }
};

// One start of one process: the SWIM member and half of the fencing token.
using ProcessId = FixedBytes<struct ProcessIdTag, 16>;
// One append-only sequence of entries.
using JournalId = FixedBytes<struct JournalIdTag, 16>;
// A device for life: the first 16 bytes of the BLAKE2b-256 hash of its Ed25519 public key.
using DeviceId = FixedBytes<struct DeviceIdTag, 16>;
// BLAKE2b-256 of an entry's bytes, or of what a claim settles.
using Hash = FixedBytes<struct HashTag, 32>;

}  // namespace titan
