// One hash over everything that happened: two runs of one scenario and seed must agree in it, on
// any machine and in any build. Keeps the last lines for the person who looks at a failure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "simulations/history/observation.h"

namespace titan::simulations {

inline constexpr std::size_t trace_lines_kept = 200;

// A running 64-bit hash: each word is mixed with the finaliser of splitmix64.
class RunningHash {
 public:
  void add(std::uint64_t word);
  void add(BytesView bytes);
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0x746974616e2d7369ULL;
};

class Trace final : public Observer {
 public:
  // `keeps_lines` costs the text of every observation a copy.
  explicit Trace(bool keeps_lines) : keeps_lines_(keeps_lines) {}

  void on_observed(const Observed& observed) override;
  // Frames are too many for lines; their bytes and times go into the hash.
  void on_frame(MonoTime at, std::uint32_t from, std::uint32_t to, BytesView frame);

  std::uint64_t hash() const { return hash_.value(); }
  std::uint64_t observations() const { return observations_; }
  const std::deque<std::string>& last_lines() const { return lines_; }

 private:
  const bool keeps_lines_;
  RunningHash hash_;
  std::uint64_t observations_ = 0;
  std::deque<std::string> lines_;
};

// "12.345678": seconds since the start.
std::string time_text(MonoTime time);

}  // namespace titan::simulations
