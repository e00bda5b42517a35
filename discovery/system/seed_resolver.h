// Turns the configured seeds ("host:port", names or numbers) into numeric addresses, again and
// again: a name may come up late, or move to another address.
//
// Lives on the loop thread; the look-ups themselves run on Asio's resolver thread, one at a time,
// so that a silent name server holds up nothing but the next look-up.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "discovery/own_addresses.h"

namespace titan::discovery {

struct SeedCallbacks {
  std::function<void(const std::string& seed, const std::string& address)> on_found;
  // Once per seed and failure, and again when it fails after a success.
  std::function<void(const std::string& seed, const std::string& reason)> on_unresolved;
};

class SeedResolver {
 public:
  static constexpr Duration again_after_success = seconds(60);
  static constexpr Duration again_after_failure = seconds(5);
  static constexpr std::size_t addresses_per_seed_max = 8;

  // Of a name with several addresses those of `protocols` are taken, if it has any.
  SeedResolver(boost::asio::io_context& loop, std::vector<std::string> seeds,
               const Protocols& protocols, SeedCallbacks callbacks);
  ~SeedResolver();
  SeedResolver(const SeedResolver&) = delete;
  SeedResolver& operator=(const SeedResolver&) = delete;

  // Asks for each that is not being asked for, e.g. because there is a network now.
  void look_up_now();

  // "host:port" or "[v6]:port" with a port from 1 to 65535, or why not.
  static Status check(const std::string& seed);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace titan::discovery
