#include "qa/bench/support/stamps.h"

#include <sys/mman.h>

#include <algorithm>

#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

constexpr std::int64_t look_every_ns = 1'000'000;

}  // namespace

Stamps::Stamps(std::size_t receivers, std::size_t events_max)
    : receivers_(receivers), events_max_(events_max) {
  const std::size_t bytes = (1 + (receivers + 1) * events_max) * sizeof(*cells_);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail_errno("cannot share memory between the processes");
  static_assert(std::atomic<std::int64_t>::is_always_lock_free);
  cells_ = static_cast<std::atomic<std::int64_t>*>(memory);
}

std::atomic<std::int64_t>& Stamps::cell(std::size_t row, std::size_t event) const {
  if (row > receivers_ || event >= events_max_) fail("a stamp beyond the memory made for it");
  return cells_[1 + row * events_max_ + event];
}

bool Stamps::complete(std::size_t event) const {
  for (std::size_t row = 1; row <= receivers_; ++row) {
    if (get(row, event) == 0) return false;
  }
  return true;
}

bool Stamps::wait(std::size_t first, std::size_t count, std::int64_t deadline_ns) const {
  for (std::size_t event = first; event < first + count; ++event) {
    while (!complete(event)) {
      if (now_ns() >= deadline_ns) return false;
      sleep_until_ns(now_ns() + look_every_ns);
    }
  }
  return true;
}

void Latencies::add(const Latencies& other) {
  each.insert(each.end(), other.each.begin(), other.each.end());
  last.insert(last.end(), other.last.begin(), other.last.end());
  missing += other.missing;
}

Latencies latencies(const Stamps& stamps, std::size_t first, std::size_t count) {
  Latencies result;
  result.first_start_ns = stamps.get(0, first);
  for (std::size_t event = first; event < first + count; ++event) {
    const std::int64_t start = stamps.get(0, event);
    std::int64_t last = 0;
    std::size_t missing = 0;
    for (std::size_t row = 1; row <= stamps.receivers(); ++row) {
      const std::int64_t seen = stamps.get(row, event);
      if (seen == 0) {
        ++missing;
        continue;
      }
      result.each.push_back(seen - start);
      last = std::max(last, seen);
    }
    result.missing += missing;
    if (missing == 0) result.last.push_back(last - start);
    result.last_seen_ns = std::max(result.last_seen_ns, last);
  }
  return result;
}

}  // namespace titan::bench
