// Tells once when the clocks of the store's terminals differ by more than a till should accept.
//
// Stock never depends on clocks, but receipts and reports show them. Where most of the others
// differ by themselves, it is this terminal's clock that is wrong, and one alarm says that.
//
// Pure; not thread-safe.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mesh/node/node.h"

namespace titan::pos {

inline constexpr std::int64_t clock_skew_alarm_ms = 2000;
// An alarm may come again once the difference has been below this.
inline constexpr std::int64_t clock_skew_settled_ms = 1000;

class ClockWatch {
 public:
  // What is new since the last look, each a sentence for an alarm.
  std::vector<std::string> look(const std::vector<mesh::MemberView>& members);
  // A sentence when the clock is found dead; again only after it lived.
  std::optional<std::string> look_at_own(WallTime wall);

 private:
  std::set<ProcessId> told_;
  bool told_own_ = false;
  bool told_dead_ = false;
};

}  // namespace titan::pos
