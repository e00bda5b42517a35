// Deterministic pseudo-random numbers: xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by
// splitmix64. The core draws from one injected generator; no std:: distribution is used, since
// their output differs from library to library.
#pragma once

#include <cstdint>

namespace titan {

__extension__ using Wide = unsigned __int128;

// A probability as an integer ratio, so that no floating point enters a decision.
struct Ratio {
  std::uint64_t numerator;
  std::uint64_t denominator;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15ULL;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate_left(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); 0 when bound is 0. Multiply-shift: the bias is below 2^-32 for the
  // small bounds used here.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  bool chance(Ratio ratio) { return below(ratio.denominator) < ratio.numerator; }

 private:
  static std::uint64_t rotate_left(std::uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
  }
  std::uint64_t state_[4];
};

}  // namespace titan
