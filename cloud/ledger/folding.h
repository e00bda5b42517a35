// Folds: what the cloud holds of a store at one moment, and the stock that this comes to, written
// into the store's feed as entries. Tills hold it against their own figures, new ones begin with
// it, and what a fold covered long ago may be dropped (docs/LEDGER.md, 6).
//
// A fold tells what is others than in the one before; now and then one tells everything, so that
// who has none need not follow them all. Each contains the one before. Functions run inside the
// caller's transaction, under the lock of the store's row, and throw like pqxx.
#pragma once

#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/feed/feed.h"
#include "mesh/entry/codec.h"

namespace titan::cloud {

// Of so many folds one tells everything. More: who comes new reads more; fewer: longer feeds.
inline constexpr std::uint64_t folds_per_whole = 30;

// The fold of all that the transaction sees, and what the tables of folds say from here on.
Result<std::vector<FeedItem>> make_fold(pqxx::transaction_base& transaction,
                                        const std::string& store, const mesh::Codec& codec);

// Time of day in UTC, in minutes. Whether no fold was made since it last came round; a store that
// is younger waits for the next.
bool is_fold_due(pqxx::transaction_base& transaction, const std::string& store, int minute_of_day);
std::vector<std::string> stores_due(pqxx::transaction_base& transaction, int minute_of_day);

}  // namespace titan::cloud
