// The tables that hold the cloud's folds, and what the present one says (schema.cpp). Everything
// here throws SQLite::Exception.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crdt/stock.h"
#include "mesh/entry/codec.h"
#include "mesh/sqlite/file/connection.h"
#include "mesh/wire/fold.h"

namespace titan::mesh {

enum class FoldFate : std::int64_t {
  refused = -1,
  waiting = 0,
  same = 1,
  differs = 2,
  unchecked = 3,
  adopted = 4,  // the terminal's figures were made its own
};
void set_fate(Connection& connection, std::int64_t position, FoldFate fate);

// The fold that the tables fold_* speak of.
struct PresentFold {
  std::uint64_t number = 0;  // 0: there is none
  Hash content_hash;
  std::uint64_t stock_digest = 0;
  std::uint64_t entries = 0;
  FoldFate fate = FoldFate::waiting;
};
PresentFold read_present_fold(Connection& connection);

crdt::VectorItem read_covered(Connection& connection, const JournalId& journal);
crdt::StockSum read_fold_sum(Connection& connection, const std::string& product);
std::optional<crdt::ClaimWinner> read_fold_claim(Connection& connection, const Hash& claim);
void keep_covered(Connection& connection, const DeviceId& device, const JournalItem& journal);
void keep_fold_sum(Connection& connection, const std::string& product, const crdt::StockSum& sum);
void keep_fold_claim(Connection& connection, const Hash& claim, const crdt::ClaimWinner& winner);

// A fold that waits, with all its parts here; nothing while one is missing, a content that cannot
// be read as an error.
struct WaitingFold {
  std::int64_t position = 0;  // of its entry
  Fold fold;
  Result<FoldContent> content;
};
std::optional<WaitingFold> read_waiting(Connection& connection, const Codec& codec,
                                        std::int64_t position);

}  // namespace titan::mesh
