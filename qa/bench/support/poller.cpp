#include "qa/bench/support/poller.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "qa/bench/support/program.h"

namespace titan::bench {

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail_errno("cannot make an epoll set");
}

Poller::~Poller() {
  close(epoll_);
}

void Poller::watch(int descriptor, Handler on_readable) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail_errno("epoll_ctl");
  handlers_[descriptor] = std::make_shared<Handler>(std::move(on_readable));
}

void Poller::forget(int descriptor) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  handlers_.erase(descriptor);
}

void Poller::turn(std::int64_t deadline_ns) {
  const std::int64_t wait = std::max<std::int64_t>(0, deadline_ns - now_ns());
  const timespec limit{wait / second_ns, wait % second_ns};
  epoll_event events[events_per_turn];
  const int ready = epoll_pwait2(epoll_, events, events_per_turn, &limit, nullptr);
  if (ready < 0 && errno != EINTR) fail_errno("epoll_pwait2");
  for (int i = 0; i < ready; ++i) {
    const auto found = handlers_.find(events[i].data.fd);
    if (found == handlers_.end()) continue;
    const auto handler = found->second;  // it may forget itself
    (*handler)();
  }
}

bool Poller::turn_until(const std::function<bool()>& done, std::int64_t deadline_ns) {
  while (!done()) {
    if (now_ns() >= deadline_ns) return false;
    turn(deadline_ns);
  }
  return true;
}

}  // namespace titan::bench
