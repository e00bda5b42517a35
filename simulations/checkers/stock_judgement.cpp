#include "simulations/checkers/stock_judgement.h"

#include <algorithm>

namespace titan::simulations {

void PossibleStock::add_certain(std::int64_t delta) {
  certain_ += delta;
}

void PossibleStock::add_choice(const std::vector<std::int64_t>& deltas) {
  if (deltas.empty()) return;
  const auto [low, high] = std::minmax_element(deltas.begin(), deltas.end());
  lowest_ += *low;
  highest_ += *high;
  if (is_interval_) return;
  std::set<std::int64_t> sums;
  for (const auto sum : sums_) {
    for (const auto delta : deltas) sums.insert(sum + delta);
  }
  sums_ = std::move(sums);
  is_interval_ = sums_.size() > sums_max;
  if (is_interval_) sums_.clear();
}

bool PossibleStock::allows(std::int64_t sum) const {
  const std::int64_t rest = sum - certain_;
  if (is_interval_) return rest >= lowest_ && rest <= highest_;
  return sums_.contains(rest);
}

std::string PossibleStock::text() const {
  if (lowest_ == highest_) return std::to_string(certain_ + lowest_);
  return std::to_string(certain_ + lowest_) + ".." + std::to_string(certain_ + highest_) + " (" +
         std::to_string(certain_) + " certain)";
}

}  // namespace titan::simulations
