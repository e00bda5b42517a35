#include "mesh/zmq/dial_budget.h"

#include <algorithm>

namespace titan::mesh {

std::string host_of_address(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

bool DialBudget::fits(const std::string& address, bool is_proven) const {
  if (in_flight_.size() >= limits_.in_flight_max) return false;
  if (is_proven) return true;
  if (unproven_ >= limits_.unproven_max) return false;
  const auto at_host = unproven_at_.find(host_of_address(address));
  return at_host == unproven_at_.end() || at_host->second < limits_.unproven_per_host_max;
}

bool DialBudget::take(const std::string& address, bool is_proven) {
  if (in_flight_.contains(address)) return true;
  // Those that waited longer go first; a proven one waits for no unproven one.
  const auto first = next();
  const bool is_in_turn = is_proven || !first || *first == address;
  if (!fits(address, is_proven) || !is_in_turn) {
    if (!is_waiting(address)) waiting_.push_back({address, is_proven});
    return false;
  }
  std::erase_if(waiting_, [&](const Waiting& one) { return one.address == address; });
  in_flight_.emplace(address, is_proven);
  if (!is_proven) {
    ++unproven_;
    ++unproven_at_[host_of_address(address)];
  }
  return true;
}

void DialBudget::give_back(const std::string& address) {
  std::erase_if(waiting_, [&](const Waiting& one) { return one.address == address; });
  const auto attempt = in_flight_.extract(address);
  if (attempt.empty() || attempt.mapped()) return;
  --unproven_;
  const auto at_host = unproven_at_.find(host_of_address(address));
  if (--at_host->second == 0) unproven_at_.erase(at_host);
}

std::optional<std::string> DialBudget::next() const {
  for (const bool is_proven : {true, false}) {
    for (const Waiting& one : waiting_) {
      if (one.is_proven == is_proven && fits(one.address, is_proven)) return one.address;
    }
  }
  return std::nullopt;
}

bool DialBudget::is_waiting(const std::string& address) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& one) { return one.address == address; });
}

}  // namespace titan::mesh
