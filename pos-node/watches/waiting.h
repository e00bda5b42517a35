// What a terminal waits for meanwhile: a network, other tills, mDNS, the cloud, the time, its store
// database. It sells all the same; this is for whoever wonders why the store is not whole yet.
//
// Pure; the host gathers the facts. `since` is kept here, so whoever asks sees since when a thing
// has been waited for without a break.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "mesh/entry/entry.h"
#include "mesh/node/node.h"
#include "pos-node/service/status.h"

namespace titan::pos {

struct WaitingFacts {
  bool has_network = true;   // a card with an address; also: no card is needed
  std::string mdns_problem;  // why mDNS does not work; empty: it does, or is not wanted
  bool is_alone = false;
  std::size_t missing = 0;  // terminals of the store that are remembered and not heard of
  UplinkReport uplink;
  StoreDatabaseReport store_database;
  mesh::ClockQuality clock_quality = mesh::ClockQuality::unknown;
  WallTime wall;
};

// In the order in which they should be looked into; none: nothing is waited for.
std::vector<WaitingReport> judge_waiting(const WaitingFacts& facts);

// One line for `systemctl status`: "leader; 3 of 4 tills are here; waits for cloud, time".
std::string summary_line(const std::string& role, std::size_t here, std::size_t all,
                         const std::vector<WaitingReport>& waiting);

// Keeps since when. Not thread-safe.
class WaitingWatch {
 public:
  struct Ended {
    std::string what;
    Duration took{};
  };
  struct Change {
    std::vector<WaitingReport> begun;
    std::vector<Ended> ended;
  };
  // At every look; what changed is for the log.
  Change look(const WaitingFacts& facts, Now now);
  // What was waited for at the last look. Times are reckoned back from `now`: a clock that was set
  // meanwhile does not make a wait of seconds one of years.
  std::vector<WaitingReport> now_waiting(Now now) const;

 private:
  struct Wait {
    WaitingReport report;
    MonoTime since;
  };
  std::vector<Wait> waits_;
};

}  // namespace titan::pos
