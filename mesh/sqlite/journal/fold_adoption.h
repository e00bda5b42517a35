// A terminal makes a fold of the cloud its own: what the fold covers counts here from then on,
// whether or not the entries are on this disk.
//
// For who came new or was away for long: what it lacks is more than it can fetch before it is
// needed, or is on no disk any more. Entries of the terminal's own that the fold does not cover
// count above it, as ever. Those that it covers and that come later are history: they are kept, and
// move nothing.
//
// Not covered: of a number that a copied running process wrote twice, a branch that only this disk
// holds counts as the covered one.
#pragma once

#include "base/result.h"
#include "mesh/entry/codec.h"
#include "mesh/sqlite/file/connection.h"

namespace titan::mesh {

// In one transaction; false: no fold is here that is newer than the present one. All entries must
// be summed up (fold.h).
Result<bool> adopt_newest_fold(Connection& connection, const Codec& codec);

}  // namespace titan::mesh
