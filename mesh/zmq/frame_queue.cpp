#include "mesh/zmq/frame_queue.h"

#include <utility>

namespace titan::mesh {

bool FrameQueue::push(Bytes frame) {
  if (frames_.size() >= frames_max_ || bytes_ + frame.size() > bytes_max_) return false;
  bytes_ += frame.size();
  frames_.push_back(std::move(frame));
  return true;
}

void FrameQueue::pop() {
  bytes_ -= frames_.front().size();
  frames_.pop_front();
}

void FrameQueue::clear() {
  frames_.clear();
  bytes_ = 0;
}

}  // namespace titan::mesh
