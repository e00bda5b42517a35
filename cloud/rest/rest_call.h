// One request of head office, read and found good, and what its handlers share. Internal to
// rest*.cpp.
#pragma once

#include <optional>
#include <pqxx/pqxx>
#include <string>

#include "cloud/rest/rest.h"
#include "cloud/rest/rest_parameters.h"

namespace titan::cloud {

struct Rest::Call {
  StoreKey key;     // store empty: of the tenant
  std::string sku;  // of the path
  std::size_t limit = page_rows_default;
  std::string after;                      // a sku
  std::optional<EntryPlace> after_entry;  // of the quarantine
  std::optional<SalesPlace> from;
  bool replaces = false;  // a product list takes the place of each listed product
};

// {"code", "field", "message"}: what stands under "error" in an answer that tells one.
boost::json::object error_object(const Error& error);
// Throws an Error, which the query answers, unless the store ever connected.
void require_store(pqxx::transaction_base& transaction, const StoreKey& key);

}  // namespace titan::cloud
