// The journal in a terminal's data folder, opened and read: by the daemon at its start, and by
// whoever looks at a terminal that is stopped.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "mesh/entry/codec.h"
#include "mesh/journal/stored_state.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "pos-node/config/config.h"
#include "pos-node/storage/data_folder.h"

namespace titan::pos {

inline constexpr const char* journal_file = "titan.sqlite3";  // in the data folder

struct OpenJournal {
  std::unique_ptr<mesh::SqliteStore> store;
  mesh::StoredState state;
  std::string damage;  // what became of a damaged file; empty: it was whole
};

// A damaged file is set aside and what can be saved of it is, wherever the damage shows first.
Result<OpenJournal> open_or_recover(const Config& config, const DataFolder& folder,
                                    const mesh::Codec& codec);

}  // namespace titan::pos
