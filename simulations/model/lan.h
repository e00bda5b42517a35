// The wires: who reaches whom, how fast, and what a fault does to that.
//
// A place is a terminal, a clone or the cloud (the last place). Places hang on switches, switches
// on each other as a tree; the way between two places leads through every switch on the path
// between theirs. A way has a direction, and is open, cut (packets vanish) or frozen (they wait).
// Faults overlap: each is counted, and a way is open again when all that closed it are gone.
// Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "simulations/history/observation.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

// The line from the shop to the cloud: a usual one, 10 ms each way.
inline constexpr Duration cloud_line_delay_min = milliseconds(8);
inline constexpr Duration cloud_line_delay_max = milliseconds(14);
// TCP sends a lost segment again after this, doubling (RFC 6298 with Linux's minimum).
inline constexpr Duration repeat_after = milliseconds(200);
inline constexpr std::uint64_t segment_bytes = 1448;

enum class Way { open, cut, frozen };

class Lan {
 public:
  // `places` counts clones and the cloud.
  Lan(const Topology& topology, std::uint32_t places, Random random);

  std::uint32_t places() const { return places_; }
  std::uint32_t cloud() const { return places_ - 1; }
  // A clone hangs where its original does.
  void hang_beside(std::uint32_t place, std::uint32_t original);

  Way way(std::uint32_t from, std::uint32_t to) const;
  bool is_open_both_ways(std::uint32_t a, std::uint32_t b) const {
    return way(a, b) == Way::open && way(b, a) == Way::open;
  }
  bool passes_multicast(std::uint32_t from, std::uint32_t to) const;

  // How long `bytes` travel now, repeats of lost segments included. It occupies the lines.
  Duration transit(MonoTime now, std::uint32_t from, std::uint32_t to, std::uint64_t bytes);
  // What becomes of a packet that nobody repeats, drawn anew at each call.
  bool loses_datagram(std::uint32_t from, std::uint32_t to);
  bool duplicates_datagram(std::uint32_t from, std::uint32_t to);
  bool reorders_datagram(std::uint32_t from, std::uint32_t to);  // later ones overtake it

  // -- faults; `change` is +1 when one begins and -1 when it ends
  void cut(std::uint32_t from, std::uint32_t to, int change);
  void freeze(std::uint32_t from, std::uint32_t to, int change);
  void switch_down(const std::string& name, int change);
  void filter_multicast(int change);
  void degrade(std::uint32_t place, const LinkQuality& quality);
  void restore(std::uint32_t place);
  // Told after every change.
  std::function<void()> on_changed;

 private:
  struct Switch {
    std::string name;
    std::uint32_t uplink = 0;  // itself: the root
    LinkQuality quality;
    bool passes_multicast = true;
    int down = 0;
    MonoTime free_at;  // of its line upwards
  };
  struct Port {
    std::uint32_t switch_number = 0;
    std::optional<LinkQuality> line;      // its own, beside the switch's
    std::optional<LinkQuality> degraded;  // on top of it, while a fault lasts
    MonoTime free_at;                     // it is busy until then
  };

  std::size_t index(std::uint32_t from, std::uint32_t to) const {
    return std::size_t{from} * places_ + to;
  }
  void find_paths();
  bool draws_on_the_way(std::uint32_t from, std::uint32_t to, Ratio LinkQuality::*share);
  const std::vector<std::uint32_t>& path(std::uint32_t from, std::uint32_t to) const {
    return paths_[ports_[from].switch_number * switches_.size() + ports_[to].switch_number];
  }
  void changed() {
    if (on_changed) on_changed();
  }

  const std::uint32_t places_;
  Random random_;
  std::vector<Switch> switches_;
  std::vector<Port> ports_;
  std::vector<std::vector<std::uint32_t>> paths_;  // by pair of switches, both ends included
  // How many faults act on it at present; never below 0. By pair of places, see index().
  std::vector<int> cuts_;
  std::vector<int> freezes_;
  int multicast_filters_ = 0;
};

}  // namespace titan::simulations
