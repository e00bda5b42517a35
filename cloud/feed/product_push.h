// Head office's product lists: what of the catalogue they change, read and written in one
// transaction.
//
// A list updates: what it does not state stays as the feed has it. The store's override is no
// matter of head office's, unless a product says clears_override.
#pragma once

#include <map>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cloud/database/store_key.h"
#include "retail/catalogue/product_list.h"

namespace titan::cloud {

struct ProductPush {
  retail::ProductList list;
  bool replaces = false;  // each listed product whole
};

using ProductsBySku = std::map<std::string, retail::Product, std::less<>>;

// The listed products as the catalogue for stores to come has them once the list is taken in;
// writes them. Under the lock that stores being created wait for.
ProductsBySku change_tenant_products(pqxx::transaction_base& transaction, const ProductPush& push);

// The listed products as the store's feed has them once the list is taken in, serialised, in the
// order of the list. `tenant`: what the tenant's catalogue says of products that the feed does not
// have; none where only this store is meant.
std::vector<Bytes> changed_store_products(pqxx::transaction_base& transaction,
                                          const std::string& store, const ProductPush& push,
                                          const ProductsBySku& tenant);

// Listed products of which stores have a value of their own in force: the list changes nothing
// there.
struct Overridden {
  std::size_t products = 0;
  std::size_t stores = 0;

  std::string warning() const;  // empty: there are none
};
// `store`: empty for all stores of the tenant.
Overridden overridden_products(pqxx::transaction_base& transaction, const std::string& store,
                               const ProductPush& push);

}  // namespace titan::cloud
