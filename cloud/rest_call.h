// What the handlers of the REST side share: the call as read from the address, and its error
// answers.
#pragma once

#include <pqxx/pqxx>
#include <string>

#include "cloud/rest.h"

namespace titan::cloud {

struct Rest::Call {
  StoreKey key;  // store empty: of the tenant
  std::size_t limit = page_rows_default;
  std::string after;
  std::string from;
  std::string mode;  // of a product list: "", "update" or "replace"
};

unsigned status_of(ErrorCode code);
RestResponse error_response(const Error& error);
// Throws an Error, which the query answers, unless the store ever connected.
void require_store(pqxx::transaction_base& transaction, const StoreKey& key);

}  // namespace titan::cloud
