// A bad place on a terminal's disk, and what the product saves from it.
//
// The database is in memory, so its pages are overwritten in an image of it that then takes its
// place: whoever reads one of them afterwards gets SQLite's own error. Recovery is the product's
// (mesh/sqlite/journal/recovery.h), which works on files: the image is laid down in a temporary
// folder for as long as that takes. Single-threaded.
#pragma once

#include <cstdint>
#include <memory>

#include "base/random.h"
#include "base/result.h"
#include "mesh/sqlite/journal/recovery.h"
#include "mesh/sqlite/journal/sqlite_store.h"

namespace titan::simulations {

// Overwrites `pages` pages of rows that lie behind one another, beginning anywhere; fewer if there
// are fewer. Answers how many.
Result<std::uint32_t> damage_pages(mesh::SqliteStore& store, std::uint32_t pages, Random& random);

// What can be proven of a damaged database, in a new one.
Result<std::unique_ptr<mesh::SqliteStore>> save_what_can_be(mesh::SqliteStore& damaged,
                                                            const mesh::StoreIdentity& identity,
                                                            const mesh::Codec& codec,
                                                            int cache_kilobytes,
                                                            mesh::RecoveryReport& report);

}  // namespace titan::simulations
