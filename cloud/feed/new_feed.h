// The feed of a store that was unknown until now: it begins with the tenant's catalogue.
#pragma once

#include <pqxx/pqxx>

#include "cloud/database/store_key.h"
#include "cloud/feed/feed.h"

namespace titan::cloud {

// In the transaction that creates the store's row. A list for all stores is either in the catalogue
// that is read here, or finds the store among those it is spread to (rest/rest_products.cpp); the
// advisory lock 7411, 3 sees to it. Throws like pqxx.
void begin_feed(pqxx::transaction_base& transaction, const FeedWriter& feed, const StoreKey& key);

}  // namespace titan::cloud
