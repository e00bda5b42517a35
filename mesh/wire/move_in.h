// What a move-in from the former system wrote (docs/V01.md): which of its entries belong together.
//
// A HISTORY and a HISTORY_WITHDRAWN name their move-in in their bodies, an OPENING_STOCK that a
// move-in brought in its `document`.
//
// Pure functions, thread-safe. Bodies come from peers: what cannot be read belongs to no move-in.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "mesh/entry/entry.h"

namespace titan::mesh {

using MoveInId = FixedBytes<struct MoveInIdTag, 16>;

std::optional<MoveInId> move_in_of(const Envelope& envelope);
// The receipt of the former system that a HISTORY was printed as; empty for other kinds.
std::string former_receipt_of(const Envelope& envelope);

}  // namespace titan::mesh
