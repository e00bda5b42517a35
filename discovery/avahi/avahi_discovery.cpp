#include "discovery/avahi/avahi_discovery.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "discovery/avahi/avahi_session.h"

namespace titan::discovery {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto retry_after = std::chrono::seconds(3);
constexpr auto farewell_max = std::chrono::milliseconds(300);
// The poll sleeps at most this long; commands wake it.
constexpr int sleep_ms_max = 1000;
// Beyond the poll's sleep: what a daemon that is well never takes for an answer.
constexpr auto silent_after = std::chrono::seconds(3);

}  // namespace

struct AvahiDiscovery::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& io, ServiceRecord record, AvahiCallbacks handlers)
      : loop(io),
        own(std::move(record)),
        callbacks(std::move(handlers)),
        poll(avahi_simple_poll_new(), avahi_simple_poll_free) {}

  // ---- on the discovery thread

  void run() {
    const AvahiEvents events = make_events();
    std::optional<AvahiSession> session;
    Clock::time_point next_session = Clock::now();
    while (!stopped) {
      alive_at = Clock::now();
      if (!session && Clock::now() >= next_session) session.emplace(poll.get(), own, events);
      if (session && session->is_broken()) {
        have_problem(session->reason());
        session.reset();
        lose_all();
        next_session = Clock::now() + retry_after;
      }
      if (avahi_simple_poll_iterate(poll.get(), sleep_ms_max) < 0) {
        // A broken descriptor in its set: only a new session gets rid of it.
        session.reset();
        next_session = Clock::now() + retry_after;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
      if (session && ask_again.exchange(false)) session->ask_again();
      if (session && network_changed.exchange(false)) session->network_changed();
      if (session) session->tick();
    }
  }

  AvahiEvents make_events() {
    AvahiEvents events;
    events.found = [this](const std::string& address, const DeviceId& device) {
      seen.insert(address);
      tell([address, device](State& self) {
        if (self.callbacks.on_found) self.callbacks.on_found(address, device);
      });
    };
    events.lost = [this](const std::string& address) {
      seen.erase(address);
      tell([address](State& self) {
        if (self.callbacks.on_lost) self.callbacks.on_lost(address);
      });
    };
    events.published = [this](const std::string& name) {
      warned = false;
      set_problem("");
      tell([name](State& self) {
        if (self.callbacks.on_note) self.callbacks.on_note("published in mDNS as '" + name + "'");
      });
    };
    events.published_again = [this](const std::string& reason) {
      tell([reason](State& self) {
        if (self.callbacks.on_note) {
          self.callbacks.on_note("this terminal is published in mDNS anew: " + reason);
        }
      });
    };
    events.waiting = [this](const std::string& reason) { have_problem(reason); };
    events.unpublished = [this](const std::string& reason) {
      set_problem(reason);
      if (std::exchange(warned, true)) return;
      tell([reason](State& self) {
        if (self.callbacks.on_warning) self.callbacks.on_warning("mDNS works by half: " + reason);
      });
    };
    return events;
  }

  void lose_all() {
    for (const auto& address : std::exchange(seen, {})) {
      tell([address](State& self) {
        if (self.callbacks.on_lost) self.callbacks.on_lost(address);
      });
    }
  }

  void set_problem(const std::string& reason) {
    if (std::exchange(problem, reason) == reason) return;
    tell([reason](State& self) {
      if (self.callbacks.on_problem) self.callbacks.on_problem(reason);
    });
  }

  // Once, until it works again.
  void have_problem(const std::string& reason) {
    set_problem(reason);
    if (std::exchange(warned, true)) return;
    tell([reason](State& self) {
      if (!self.callbacks.on_warning) return;
      self.callbacks.on_warning(
          "mDNS is off (" + reason +
          "): other terminals are found through seeds, remembered peers and members only; to find "
          "new ones by themselves, install and start avahi-daemon and dbus");
    });
  }

  void tell(std::function<void(State&)> news) {
    if (stopped) return;
    boost::asio::post(loop, [self = shared_from_this(), news = std::move(news)] {
      if (!self->stopped) news(*self);
    });
  }

  boost::asio::io_context& loop;
  const ServiceRecord own;
  const AvahiCallbacks callbacks;  // called on the loop thread only
  std::atomic<bool> stopped = false;
  std::atomic<bool> ask_again = false;
  std::atomic<bool> network_changed = false;
  std::atomic<Clock::time_point> alive_at = Clock::now();
  std::unique_ptr<AvahiSimplePoll, decltype(&avahi_simple_poll_free)> poll;
  std::promise<void> ended;
  std::thread thread;
  // Of the discovery thread.
  std::set<std::string> seen;
  bool warned = false;
  std::string problem;
};

AvahiDiscovery::AvahiDiscovery(boost::asio::io_context& loop, ServiceRecord own,
                               AvahiCallbacks callbacks)
    : state_(std::make_shared<State>(loop, std::move(own), std::move(callbacks))) {
  state_->thread = std::thread([state = state_] {
    state->run();
    state->ended.set_value();
  });
}

AvahiDiscovery::~AvahiDiscovery() {
  state_->stopped = true;
  avahi_simple_poll_wakeup(state_->poll.get());
  // A daemon that hangs must not hold up the end of the terminal: then the thread, which owns all
  // it touches, is left behind.
  if (state_->ended.get_future().wait_for(farewell_max) == std::future_status::ready) {
    state_->thread.join();
  } else {
    state_->thread.detach();
  }
}

void AvahiDiscovery::ask_again() {
  state_->ask_again = true;
  avahi_simple_poll_wakeup(state_->poll.get());
}

bool AvahiDiscovery::is_silent() const {
  return Clock::now() - state_->alive_at.load() > silent_after;
}

void AvahiDiscovery::network_changed() {
  state_->network_changed = true;
  avahi_simple_poll_wakeup(state_->poll.get());
}

}  // namespace titan::discovery
