#include "simulations/engine/trace.h"

#include <cstdio>
#include <cstring>

namespace titan::simulations {

void RunningHash::add(std::uint64_t word) {
  std::uint64_t z = state_ ^ word;
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  state_ = z ^ (z >> 31);
}

void RunningHash::add(BytesView bytes) {
  add(bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t taken = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), taken);
    add(word);
    bytes.remove_prefix(taken);
  }
}

void Trace::on_observed(const Observed& observed) {
  ++observations_;
  const std::string line = describe(observed.what);
  hash_.add(static_cast<std::uint64_t>(observed.at.since_start.count()));
  hash_.add(line);
  if (!keeps_lines_) return;
  lines_.push_back(time_text(observed.at) + " " + line);
  if (lines_.size() > trace_lines_kept) lines_.pop_front();
}

void Trace::on_frame(MonoTime at, std::uint32_t from, std::uint32_t to, BytesView frame) {
  hash_.add(static_cast<std::uint64_t>(at.since_start.count()));
  hash_.add((std::uint64_t{from} << 32) | to);
  hash_.add(frame);
}

std::string time_text(MonoTime time) {
  char text[40];
  const auto us = static_cast<long long>(time.since_start.count());
  std::snprintf(text, sizeof text, "%lld.%06lld", us / 1'000'000, us % 1'000'000);
  return text;
}

}  // namespace titan::simulations
