// What a store says of its entries, held against what follows from the entries themselves.
#pragma once

#include <map>
#include <string>

#include "fixture.h"

namespace titan::mesh::testing {

// Every entry in the file, by hash.
std::map<Hash, Bytes> entries_in(SqliteStore& store);

Result<std::map<Hash, Bytes>> read_entries(SqliteStore& store);

// Vector and stock are those of the entries, computed here from their bytes alone: a store that
// lost something never tells a figure with it. Else what is wrong.
std::string complaint_about(const StoredState& state, const std::map<Hash, Bytes>& entries);
void require_figures_of_entries(SqliteStore& store);

// As the daemon starts: opened, or recovered if the file is damaged, with what an interrupted
// recovery left. `recovered` counts the recoveries.
std::unique_ptr<SqliteStore> start(const std::string& path, std::uint64_t& recovered);

}  // namespace titan::mesh::testing
