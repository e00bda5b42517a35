// Which lines of a sale come back with a refund: as the till says, by article, or the rest of it.
//
// Shared by the rules of refunds and voids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pos-node/domain/sale_rules.h"

namespace titan::pos {

// What one line of a refund takes back.
struct ReturnedLine {
  LineRequest request;
  std::uint32_t sold = 0;  // line of the original
  bool differs = false;    // another article than the original's
  bool at_share = false;   // at its share of what is left, not at a price of its own
};

// Complaints name the field. An article that several lines of the sale have is spread over them. A
// request without lines takes what is left; where nothing is, it is refused (conflict).
Result<std::vector<ReturnedLine>> returned_lines(const RefundRequest& request,
                                                 const titan::entry::v1::Sale& sold,
                                                 const Settlement& settlement,
                                                 const mesh::Entry& original,
                                                 const RuleContext& context);

// A sale of ours or of the former system: what can be refunded.
bool is_sale(const mesh::Entry& entry);
// Null where the entry is no sale or cannot be read.
const titan::entry::v1::Sale* sold_by(const RecordedEntry& entry);

// Receipt number, or id, for messages.
std::string name_of(const mesh::Entry& entry);
void set_reference(titan::entry::v1::EntryReference& out, const mesh::EntryId& id,
                   const Hash* hash);

}  // namespace titan::pos
