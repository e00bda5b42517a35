#include "pos-node/watches/reorder_watch.h"

#include <utility>

#include "retail/stock_state.h"

namespace titan::pos {

void ReorderWatch::on_changed(const crdt::StockChange& change) {
  if (retail::crosses_below_zero(change.before, change.after)) {
    fresh_.insert(change.product);
  } else if (change.after >= 0) {
    fresh_.erase(change.product);
    waiting_.erase(change.product);
  }
}

std::vector<std::string> ReorderWatch::look(bool is_catching_up) {
  std::vector<std::string> told;
  if (!is_catching_up) {
    told.assign(waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  waiting_.merge(fresh_);
  fresh_.clear();
  return told;
}

}  // namespace titan::pos
