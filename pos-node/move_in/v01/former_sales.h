// The sales of a v0.1 file, each with its items, its payments and whether head office has it.
//
// One walk along four tables in the order of the sale's id, each sorted by SQLite: whatever the
// file's size and indexes, one sale is in memory at a time. Rows whose sale is not there are told.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "pos-node/move_in/move_in_rules.h"
#include "pos-node/move_in/v01/faults.h"
#include "pos-node/move_in/v01/former_file.h"

namespace titan::pos::v01 {

struct SalesFound {
  std::uint64_t good = 0;
  std::uint64_t left_out = 0;
};

// Calls `take` with every sale that fits; it ends the walk by answering false. `now` is held
// against the times of the sales. Throws SQLite::Exception where the file cannot be read.
SalesFound walk_sales(FormerFile& file, const StoreFacts& facts, WallTime now, Faults& faults,
                      const std::function<bool(const FormerSale&)>& take);

// The sale as POST /v1/move-ins/{id}/sales takes it.
std::string former_sale_json(const FormerSale& sale);

}  // namespace titan::pos::v01
