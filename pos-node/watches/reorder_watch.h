// Whose stock went below zero, so that somebody must order it again.
//
// A sale may be seen before the delivery that it sold from: whoever is still catching up with other
// tills judges nothing, and a product is told only if it is still below zero a look later. Pure;
// the host looks every second.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "crdt/stock.h"

namespace titan::pos {

class ReorderWatch {
 public:
  void on_changed(const crdt::StockChange& change);
  // Products that have been below zero since the look before this one, each told once per step
  // below zero.
  std::vector<std::string> look(bool is_catching_up);

 private:
  std::set<std::string> fresh_;    // since the last look
  std::set<std::string> waiting_;  // seen by a look already
};

}  // namespace titan::pos
