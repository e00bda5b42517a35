// Writes a store's feed: the cloud's journal of products, settings and users for that store.
//
// A feed is continued across restarts, unlike a till's journal: its numbers come out of the same
// database transaction that stores the entries, under the lock of the store's row, so no number is
// ever given out twice.
#pragma once

#include <memory>
#include <pqxx/pqxx>
#include <vector>

#include "base/crypto.h"
#include "cloud/database/store_key.h"
#include "cloud/database/store_row.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"

namespace titan::cloud {

struct FeedItem {
  mesh::Kind kind = mesh::Kind::product;
  Bytes body;
};

// Products of a list that fits one PRODUCT entry; a longer one is a list unit.
inline constexpr std::size_t products_per_entry_max = 200;
inline constexpr std::size_t feed_body_bytes_max = 128 * 1024;

class FeedWriter {
 public:
  FeedWriter(const mesh::Codec& codec, KeyPair cloud_key);

  // Inside the caller's transaction, which holds the lock of `row`; `row` moves on. The first entry
  // of a feed is an empty SETTING that opens the journal. Throws like pqxx.
  std::vector<std::shared_ptr<const mesh::Entry>> append(pqxx::transaction_base& transaction,
                                                         const StoreKey& key, StoreRow& row,
                                                         const std::vector<FeedItem>& items) const;

  const PublicKey& public_key() const { return key_.public_key; }

 private:
  const mesh::Codec& codec_;
  const KeyPair key_;  // the cloud's: signs feeds and watermarks; its device is the feed's author
};

// A list of serialised titan.entry.v1.Product messages: one PRODUCT entry, or the parts of a list
// and the PRODUCT_LIST that puts all of it in force at once (mesh/wire/product_list.h). too_large:
// beyond what a list may hold.
Result<std::vector<FeedItem>> product_items(const std::vector<Bytes>& products);

}  // namespace titan::cloud
