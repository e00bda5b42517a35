// The frames that wait in front of one peer's socket, bounded in number and bytes.
#pragma once

#include <cstddef>
#include <deque>

#include "base/bytes.h"

namespace titan::mesh {

class FrameQueue {
 public:
  FrameQueue(std::size_t frames_max, std::size_t bytes_max)
      : frames_max_(frames_max), bytes_max_(bytes_max) {}

  // False when full: the frame is dropped, the ones before it stay in order.
  [[nodiscard]] bool push(Bytes frame);
  void pop();
  void clear();

  bool empty() const { return frames_.empty(); }
  const Bytes& front() const { return frames_.front(); }
  std::size_t frames() const { return frames_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t frames_max_;
  std::size_t bytes_max_;
  std::deque<Bytes> frames_;
  std::size_t bytes_ = 0;
};

}  // namespace titan::mesh
