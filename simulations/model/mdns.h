// mDNS as it was measured (qa/netlab/README.md): a name shows after about a second, a polite
// goodbye takes as long, a killed host's name stays for over two minutes, what was published during
// a cut shows ten seconds after it. It finds; it never says who is alive.
//
// A datagram that comes twice is told twice. One that others overtake comes late: a name that shows
// late, or a goodbye that takes away the name of the terminal that was back meanwhile, until the
// browser asks again. Who has another address is announced with it, as the daemon follows the cards
// by itself. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulations/model/surroundings.h"
#include "simulations/model/terminal.h"

namespace titan::simulations {

class Mdns {
 public:
  Mdns(Surroundings& surroundings, std::uint32_t places);

  void on_started(Terminal& terminal);
  void on_ended(const Terminal& terminal, bool polite);
  void on_ways_changed();
  void on_address_changed(Terminal& terminal);

 private:
  struct Record {
    Terminal* terminal = nullptr;  // none: it has never run
    std::uint64_t life = 0;        // its starts; what was sent in an earlier one is void
    bool is_published = false;     // its process runs, so it also browses
    DeviceId device;
  };

  void announce(std::uint32_t publisher, std::uint32_t browser, Duration delay);
  void on_announced(std::uint32_t publisher, std::uint32_t browser);
  void tell(std::uint32_t publisher, std::uint32_t browser);
  // Only of the life that ended, unless a datagram came late.
  void forget(std::uint32_t publisher, Duration delay, bool is_said);
  void tell_lost(std::uint32_t publisher, std::uint32_t browser);

  Surroundings& surroundings_;
  Random random_;
  std::vector<Record> records_;                          // by place
  using Pair = std::pair<std::uint32_t, std::uint32_t>;  // publisher, browser
  std::set<Pair> missed_;  // announcements that did not get through: sent anew when ways change
  std::map<Pair, std::vector<std::string>> told_;  // addresses that the browser's process was told
};

}  // namespace titan::simulations
