// One request of head office, read and found good, and what its handlers share. Internal to
// rest*.cpp.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
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
// What the next page of a list begins behind: `last`, or null where this page is not full.
boost::json::value next_page(const pqxx::result& rows, std::size_t limit, const std::string& last);
// "(journal, number) > (…)": the rows behind a place, after columns that come first in the order.
std::string behind(const std::string& columns, const std::string& values, const EntryPlace& place,
                   const std::string& table);
std::string hex_of(const pqxx::field& field);
// The first column of a page's last row; empty without one.
std::string last_sku(const pqxx::result& rows);

}  // namespace titan::cloud
