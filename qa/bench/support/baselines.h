// The two designs that propagation is measured against, each in processes of its own in the lab's
// hosts, over ZeroMQ with CURVE:
//   raw  one SQLite FULL commit of the same bytes on the origin, then a bare send to every
//        receiver; the receiver stamps the time and does nothing else. What the machine can do.
//   hub  the classic shop server: the till commits the sale as in raw, so that it is not lost when
//        the server is down, and sends it to the hub; the hub inserts it and updates its five
//        products in PostgreSQL in one statement, commits, and sends it to every receiver.
//
// Made before the first thread of the program.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "qa/bench/support/stamps.h"
#include "qa/bench/support/worker.h"

namespace titan::bench {

struct BaselineHosts {
  std::string lab;  // prefix of the namespaces
  int origin = 1;
  std::vector<int> receivers;  // row i + 1 of the stamps is receivers[i]
  int hub = 0;                 // 0: no hub
  std::string postgres;        // connection string of the hub's database
  std::string folder;          // of the origin's SQLite file
};

class Baselines {
 public:
  // The size of what is committed and sent is stamps.note(), to be set before the first segment.
  Baselines(const BaselineHosts& hosts, Stamps& stamps);

  // Events [0, events_used()) of the stamps were used for the warm-up.
  void warm_up();
  static constexpr std::uint32_t events_used() { return 2 * warm_up_events; }

  void run(const Segment& segment, double seconds_max);

 private:
  static constexpr std::uint32_t warm_up_events = 20;
  static constexpr double warm_up_seconds_max = 15;

  Stamps& stamps_;
  const bool has_hub_;
  std::vector<std::unique_ptr<Worker>> receivers_;
  std::unique_ptr<Worker> hub_;
  std::unique_ptr<Worker> origin_;
};

}  // namespace titan::bench
