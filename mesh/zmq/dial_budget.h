// Which of the addresses that want to be dialled may be, right now: a bound on attempts in flight.
//
// Anybody on the LAN can announce as many addresses as he likes, and each attempt takes four
// descriptors (the socket, the DEALER's own and both ends of its monitor). So attempts at addresses
// at which nobody of this store ever answered are few at a time, and fewer still at one host; those
// that wait get their turn in order. Addresses that are vouched for (a link stood there, a member
// that proved itself named it, it is configured or remembered) go before them and share only the
// last bound. So a flood of strangers' addresses delays strangers.
//
// Pure and single-threaded. Invariants: an address is in flight, or waits, or neither; never more
// in flight than the limits say.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace titan::mesh {

struct DialLimits {
  // Rises: a real newcomer among false addresses is found sooner; falls: fewer descriptors.
  std::size_t unproven_max = 8;
  std::size_t unproven_per_host_max = 4;
  // Of all together. A power cut of a whole store is over the sooner; four descriptors each.
  std::size_t in_flight_max = 64;
};

class DialBudget {
 public:
  explicit DialBudget(DialLimits limits) : limits_(limits) {}

  // True: an attempt at `address` may begin and is counted. False: it waits for its turn, which
  // next() tells.
  bool take(const std::string& address, bool is_proven);
  // The attempt ended, well or not; or the address is not wanted any more.
  void give_back(const std::string& address);
  // Of those that wait, the first that may be dialled now; take() it.
  std::optional<std::string> next() const;

  bool is_waiting(const std::string& address) const;
  std::size_t in_flight() const { return in_flight_.size(); }
  std::size_t unproven() const { return unproven_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::string address;
    bool is_proven = false;
  };
  bool fits(const std::string& address, bool is_proven) const;

  const DialLimits limits_;
  std::map<std::string, bool> in_flight_;           // address -> is proven
  std::map<std::string, std::size_t> unproven_at_;  // host -> attempts
  std::size_t unproven_ = 0;
  std::deque<Waiting> waiting_;
};

// "10.77.0.3" of "10.77.0.3:7411", "[fe80::1%eth0]" of "[fe80::1%eth0]:7411".
std::string host_of_address(const std::string& address);

}  // namespace titan::mesh
