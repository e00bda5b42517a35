// A small epoll loop: the programs measure from one thread, without a wake-up more than needed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace titan::bench {

class Poller {
 public:
  using Handler = std::function<void()>;

  Poller();
  ~Poller();
  Poller(const Poller&) = delete;

  void watch(int descriptor, Handler on_readable);
  void forget(int descriptor);
  // Handles what is ready; waits for something to become so until `deadline_ns` at most.
  void turn(std::int64_t deadline_ns);
  // Turns until `done`; false when `deadline_ns` came first.
  bool turn_until(const std::function<bool()>& done, std::int64_t deadline_ns);

 private:
  static constexpr int events_per_turn = 64;

  int epoll_ = -1;
  std::map<int, std::shared_ptr<Handler>> handlers_;
};

}  // namespace titan::bench
