#include "cloud/feed/new_feed.h"

#include <stdexcept>
#include <vector>

#include "uplink/postgres/store_projector.h"

namespace titan::cloud {

void begin_feed(pqxx::transaction_base& transaction, const FeedWriter& feed, const StoreKey& key) {
  std::vector<Bytes> products;
  // The catalogue must not change between here and the commit that makes the store known.
  transaction.exec("SELECT pg_advisory_xact_lock_shared(7411, 3)");
  const auto rows = transaction.exec("SELECT product FROM tenant_products ORDER BY sku");
  for (const auto& row : rows) products.push_back(pqxx::binarystring(row[0]).str());
  StoreRow store = read_store_row(transaction, key.store, true).value();
  const auto items = product_items(products);
  if (!items) throw std::runtime_error(items.error().message);
  const auto entries = feed.append(transaction, key, store, *items);
  uplink::StoreProjector projector(key.store, device_of(feed.public_key()));
  projector.load(transaction);
  projector.apply(transaction, entries, {});
  raise_watermark(transaction, key.store);
}

}  // namespace titan::cloud
