// Who saw what when: times of numbered events in memory that forked workers share, so that
// measuring costs a store and no message.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace titan::bench {

// Row 0 is the origin, rows 1 to `receivers` those who wait for its events. Made before the workers
// are forked; each cell is written by one of them. 0: not yet.
class Stamps {
 public:
  Stamps(std::size_t receivers, std::size_t events_max);
  Stamps(const Stamps&) = delete;

  std::size_t receivers() const { return receivers_; }
  std::size_t events_max() const { return events_max_; }

  void put(std::size_t row, std::size_t event, std::int64_t at_ns) {
    cell(row, event).store(at_ns, std::memory_order_release);
  }
  std::int64_t get(std::size_t row, std::size_t event) const {
    return cell(row, event).load(std::memory_order_acquire);
  }
  // A figure that workers tell each other, such as the size of an entry.
  std::atomic<std::int64_t>& note() { return *cells_; }

  // All receivers have the event.
  bool complete(std::size_t event) const;
  // Waits until all receivers have events [first, first + count); false at `deadline_ns`.
  bool wait(std::size_t first, std::size_t count, std::int64_t deadline_ns) const;

 private:
  std::atomic<std::int64_t>& cell(std::size_t row, std::size_t event) const;

  const std::size_t receivers_;
  const std::size_t events_max_;
  std::atomic<std::int64_t>* cells_;
};

// From the origin's stamp to the receivers', of events [first, first + count).
struct Latencies {
  std::vector<std::int64_t> each;  // every receiver of every event
  std::vector<std::int64_t> last;  // the last receiver of every event
  std::size_t missing = 0;         // (event, receiver) pairs never seen
  std::int64_t first_start_ns = 0;
  std::int64_t last_seen_ns = 0;

  void add(const Latencies& other);
};
Latencies latencies(const Stamps& stamps, std::size_t first, std::size_t count);

}  // namespace titan::bench
