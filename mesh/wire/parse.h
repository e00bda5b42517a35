// Parsing on a small arena, most of which lies on the stack: frames and entries come by the
// thousand per second.
#pragma once

#include <google/protobuf/arena.h>
#include <limits>

#include "base/bytes.h"

namespace titan::mesh::wire {

template <class WireMessage>
class Parsed {
 public:
  explicit Parsed(BytesView bytes) {
    message_ = google::protobuf::Arena::CreateMessage<WireMessage>(&arena_);
    constexpr auto size_max = static_cast<std::size_t>(std::numeric_limits<int>::max());
    ok_ = bytes.size() <= size_max &&
          message_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  bool ok() const { return ok_; }
  WireMessage& operator*() { return *message_; }
  WireMessage* operator->() { return message_; }

 private:
  static google::protobuf::ArenaOptions options(char* block, std::size_t size) {
    google::protobuf::ArenaOptions options;
    options.initial_block = block;
    options.initial_block_size = size;
    return options;
  }

  alignas(8) char block_[4096];
  google::protobuf::Arena arena_{options(block_, sizeof block_)};
  WireMessage* message_ = nullptr;
  bool ok_ = false;
};

}  // namespace titan::mesh::wire
