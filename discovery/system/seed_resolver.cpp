#include "discovery/system/seed_resolver.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace titan::discovery {
namespace {

using boost::asio::ip::tcp;

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> split(const std::string& seed) {
  const auto colon = seed.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  HostPort parts{seed.substr(0, colon), seed.substr(colon + 1)};
  unsigned port = 0;
  const char* end = parts.port.data() + parts.port.size();
  const auto [stop, fault] = std::from_chars(parts.port.data(), end, port);
  if (fault != std::errc{} || stop != end || port < 1 || port > 65535) return std::nullopt;
  const bool bracketed = parts.host.front() == '[' && parts.host.back() == ']';
  if (bracketed) parts.host = parts.host.substr(1, parts.host.size() - 2);
  if (parts.host.empty()) return std::nullopt;
  if (!bracketed && parts.host.find(':') != std::string::npos) return std::nullopt;
  return parts;
}

}  // namespace

struct SeedResolver::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& loop, const Protocols& wanted, SeedCallbacks handlers)
      : resolver(loop), protocols(wanted), callbacks(std::move(handlers)), io(loop) {}

  void look_up(const std::string& seed) {
    waiting.push_back(seed);
    if (!busy) next();
  }

  void next() {
    busy = !waiting.empty() && !stopped;
    if (!busy) return;
    const std::string seed = std::move(waiting.front());
    waiting.pop_front();
    const auto parts = split(seed);
    resolver.async_resolve(
        parts->host, parts->port,
        [self = shared_from_this(), seed](const boost::system::error_code& error,
                                          const tcp::resolver::results_type& results) {
          if (self->stopped) return;
          self->on_answer(seed, error, results);
          self->next();
        });
  }

  void on_answer(const std::string& seed, const boost::system::error_code& error,
                 const tcp::resolver::results_type& results) {
    if (error) {
      const std::string reason = "the seed '" + seed + "' cannot be resolved: " + error.message() +
                                 "; check mesh.seeds and the name server";
      if (std::exchange(told[seed], reason) != reason && callbacks.on_unresolved) {
        callbacks.on_unresolved(seed, reason);
      }
    } else {
      told.erase(seed);
      std::size_t count = 0;
      const bool some_fit = std::any_of(results.begin(), results.end(),
                                        [&](const auto& item) { return fits(item.endpoint()); });
      for (const auto& item : results) {
        const tcp::endpoint endpoint = item.endpoint();
        if (some_fit && !fits(endpoint)) continue;
        if (count++ == addresses_per_seed_max) break;
        callbacks.on_found(seed, join_host_port(endpoint.address().to_string(), endpoint.port()));
        if (stopped) return;
      }
    }
    again(seed, error ? again_after_failure : again_after_success);
  }

  // At which it can call us back.
  bool fits(const tcp::endpoint& endpoint) const {
    return endpoint.address().is_v6() ? protocols.ipv6 : protocols.ipv4;
  }

  void look_up_now() {
    for (auto& [seed, timer] : timers) {
      if (timer.cancel() > 0) look_up(seed);
    }
  }

  void again(const std::string& seed, Duration after) {
    auto& timer = timers.try_emplace(seed, io).first->second;
    timer.expires_after(after);
    timer.async_wait([self = shared_from_this(), seed](const boost::system::error_code& error) {
      if (!error && !self->stopped) self->look_up(seed);
    });
  }

  void stop() {
    stopped = true;
    resolver.cancel();
    timers.clear();
  }

  tcp::resolver resolver;
  const Protocols protocols;
  SeedCallbacks callbacks;
  boost::asio::io_context& io;
  std::map<std::string, boost::asio::steady_timer> timers;
  std::map<std::string, std::string> told;  // the last failure reported of a seed
  std::deque<std::string> waiting;          // at most one per seed
  bool busy = false;
  bool stopped = false;
};

SeedResolver::SeedResolver(boost::asio::io_context& loop, std::vector<std::string> seeds,
                           const Protocols& protocols, SeedCallbacks callbacks)
    : state_(std::make_shared<State>(loop, protocols, std::move(callbacks))) {
  for (const auto& seed : seeds) {
    const Status checked = check(seed);
    if (checked) {
      state_->look_up(seed);
    } else if (state_->callbacks.on_unresolved) {
      state_->callbacks.on_unresolved(seed, checked.error().message);
    }
  }
}

SeedResolver::~SeedResolver() {
  state_->stop();
}

void SeedResolver::look_up_now() {
  state_->look_up_now();
}

Status SeedResolver::check(const std::string& seed) {
  if (split(seed)) return {};
  return make_error(ErrorCode::invalid,
                    "mesh.seeds: '" + seed +
                        "' is not \"host:port\" (or \"[IPv6 address]:port\") with a port from 1 "
                        "to 65535",
                    "mesh.seeds");
}

}  // namespace titan::discovery
