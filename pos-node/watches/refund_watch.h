// Notices that a sale gave back more than it took, whoever did it: two tills on the two sides of a
// cut may both refund one sale, or one voids what the other refunds. Each was right by what it
// knew; the first terminal that holds both tells, and so does every other, once for a sale.
//
// Lives on the loop thread. Nothing is stored: what was told before a restart may be told again
// when another refund of that sale arrives.
#pragma once

#include <set>
#include <vector>

#include "pos-node/service/service.h"

namespace titan::pos {

// Sales remembered; at the limit the memory starts anew, so an alarm may come twice, but none is
// lost.
inline constexpr std::size_t watched_sales_max = 10'000;

class RefundWatch {
 public:
  explicit RefundWatch(Service& service) : service_(service) {}

  // For every entry that was stored here. This terminal's own refunds were judged when they were
  // made.
  std::vector<RuleAlarm> on_stored(const RecordedEntry& entry);

 private:
  std::vector<RuleAlarm> judge(const mesh::EntryId& sale);

  Service& service_;
  std::set<mesh::EntryId> told_;
  std::set<mesh::EntryId> awaited_;  // refunded or voided here, but not arrived yet
};

}  // namespace titan::pos
