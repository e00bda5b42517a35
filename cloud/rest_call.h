// One request of head office, read and found good. Internal to rest*.cpp.
#pragma once

#include <optional>
#include <string>

#include "cloud/rest.h"
#include "cloud/rest_parameters.h"

namespace titan::cloud {

struct Rest::Call {
  StoreKey key;     // store empty: of the tenant
  std::string sku;  // of the path
  std::size_t limit = page_rows_default;
  std::string after;                      // a sku
  std::optional<EntryPlace> after_entry;  // of the quarantine
  std::optional<SalesPlace> from;
};

}  // namespace titan::cloud
