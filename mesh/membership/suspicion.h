// The arithmetic of failure detection: suspicion times, gossip counts, round trips.
//
// Pure functions and one value type; integers only, so that every machine decides alike.
// SWIM: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group
// Membership Protocol", 2002. Lifeguard: Dadgar, Phillips, Currey, "Lifeguard: Local Health
// Awareness for More Accurate Failure Detection", 2017.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace titan::mesh {

// The smallest k with 2^k >= n; 0 for n <= 1.
constexpr std::uint32_t ceiling_log2(std::uint64_t n) {
  return n <= 1 ? 0 : static_cast<std::uint32_t>(std::bit_width(n - 1));
}

// log2(n) with 16 binary digits after the point, rounded down; 0 for n <= 1.
constexpr std::uint64_t log2_fixed(std::uint32_t n) {
  if (n <= 1) return 0;
  const int whole = std::bit_width(n) - 1;
  std::uint64_t mantissa = (static_cast<std::uint64_t>(n) << 31) >> whole;  // in [2^31, 2^32)
  std::uint64_t result = static_cast<std::uint64_t>(whole) << 16;
  for (int bit = 15; bit >= 0; --bit) {
    mantissa = (mantissa * mantissa) >> 31;
    if (mantissa >> 32) {
      mantissa >>= 1;
      result |= std::uint64_t{1} << bit;
    }
  }
  return result;
}

// How often each update is passed on: lambda log2(n + 1) times (SWIM 4.1).
constexpr std::uint32_t gossip_transmissions(std::uint32_t factor, std::size_t members) {
  return factor * std::max<std::uint32_t>(1, ceiling_log2(members + 1));
}

// The least time a suspect has to refute: `base` (the stall it must survive) plus the rounds that
// the accusation and the refutation need to spread.
constexpr Duration suspicion_min(Duration base, Duration gossip_interval, std::size_t members) {
  return base + gossip_interval * ceiling_log2(members + 1);
}

// Lifeguard IV-B: max - (max - min) log(confirmed + 1) / log(expected + 1), never below min. The
// more members found the suspect silent by themselves, the less time it is given.
constexpr Duration suspicion_timeout(Duration min, Duration max, std::uint32_t confirmed,
                                     std::uint32_t expected) {
  if (expected == 0 || confirmed >= expected) return min;
  const auto part = static_cast<std::int64_t>(log2_fixed(confirmed + 1));
  const auto whole = static_cast<std::int64_t>(log2_fixed(expected + 1));
  return std::max(min, max - Duration((max - min).count() * part / whole));
}

// Lifeguard IV-A: a member whose own probes fail for want of any answer gives others more time.
constexpr Duration stretched(Duration timeout, std::uint32_t local_health) {
  return timeout * (local_health + 1);
}

// Smoothed round trip and its variation (RFC 6298, section 2).
class RoundTrip {
 public:
  void add(Duration sample) {
    sample = std::max(sample, Duration(1));
    if (!last_) {
      smoothed_ = sample;
      variation_ = sample / 2;
    } else {
      const Duration distance = smoothed_ > sample ? smoothed_ - sample : sample - smoothed_;
      variation_ = (variation_ * 3 + distance) / 4;
      smoothed_ = (smoothed_ * 7 + sample) / 8;
    }
    last_ = sample;
  }

  std::optional<Duration> last() const { return last_; }
  std::optional<Duration> smoothed() const {
    return last_ ? std::optional(smoothed_) : std::nullopt;
  }

  // How long an answer may take: smoothed + 4 variations, within [min, max]; `initial` before the
  // first sample.
  Duration ack_timeout(Duration initial, Duration min, Duration max) const {
    if (!last_) return initial;
    return std::clamp(smoothed_ + variation_ * 4, min, max);
  }

 private:
  std::optional<Duration> last_;
  Duration smoothed_{};
  Duration variation_{};
};

}  // namespace titan::mesh
