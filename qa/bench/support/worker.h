// A forked process in a network namespace that carries out one segment of a measurement after the
// other. Fork before the first thread is made.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace titan::bench {

enum class Design : std::uint32_t { raw, hub, node };

// Events [first, first + count) of the stamps, `per_second` of them; 0: as fast as it goes, with
// `outstanding` unanswered at a time where answers exist.
struct Segment {
  Design design = Design::raw;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t outstanding = 1;
  double per_second = 0;
};

class Worker {
 public:
  // `body` gets the descriptor on which segments arrive and the one that takes a byte for each that
  // was carried out; the process ends when it returns.
  using Body = std::function<void(int segments, int answers)>;

  Worker(const std::string& name_space, const Body& body);
  ~Worker();  // ends the process
  Worker(const Worker&) = delete;

  void start(const Segment& segment);
  // Fails the benchmark when the answer does not come in time.
  void wait(double seconds);

 private:
  pid_t process_ = -1;
  int segments_ = -1;
  int answers_ = -1;
};

// For bodies. The next segment; false when the parent closed its end.
bool read_segment(int segments, Segment& segment);
void answer_segment(int answers);

// When event `i` of a segment is due: evenly spaced from `start_ns`.
std::int64_t due_ns(const Segment& segment, std::int64_t start_ns, std::uint32_t i);

}  // namespace titan::bench
