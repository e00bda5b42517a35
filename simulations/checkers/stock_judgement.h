// Which final stock a product may show, judged as Maelstrom's pn-counter checker judges: what was
// certainly recorded counts, and of what may or may not have been recorded any part may count.
//
// Pure arithmetic. Units are those of crdt::StockEffect.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace titan::simulations {

class PossibleStock {
 public:
  // Beyond so many different sums only the interval between the smallest and the greatest is kept.
  static constexpr std::size_t sums_max = 4096;

  void add_certain(std::int64_t delta);
  // One of `deltas` counts, whichever; 0 among them: perhaps none.
  void add_choice(const std::vector<std::int64_t>& deltas);

  bool allows(std::int64_t sum) const;
  // "120" or "118..121 (118 certain)", in units.
  std::string text() const;

 private:
  std::int64_t certain_ = 0;
  std::set<std::int64_t> sums_ = {0};  // of the choices
  bool is_interval_ = false;
  std::int64_t lowest_ = 0;
  std::int64_t highest_ = 0;
};

}  // namespace titan::simulations
