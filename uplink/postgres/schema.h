// The tables that the store database and the cloud have in common, one PostgreSQL schema per
// tenant.
//
// Every table carries the store, so that one shared PostgreSQL can serve many. `entries` is the
// truth; the rest is its projection:
//   inventory         stock per product: sums P and N in millionths, modulo 2^64 like the tills'
//   inventory_deltas  what each entry does to stock; `counts` is false where another entry with
//                     the same claim is the one that moves it
//   sales, sale_items, payments   sales, refunds and voids; sales are partitioned by business date;
//                     `counts` as above. voided_sales: by which void, whichever entry of a request
//                     that was recorded twice it names; recorded_as: the entry that counts for it
//   product_layers    the feed's value and the store's override; the view `products` is effective
//   product_lists, product_list_parts   which parts of which product list have arrived
//   users, settings   last writer by (logical clock, journal)
//   claims            the entry that won each claim
//   quarantine        entries whose body cannot be projected; their stock effects count
//   sync_state        the cursor per journal: which numbers are projected
//   devices           device keys
//   leadership        the store's lease row
// Migrations only ever add; each runs once, numbered, in a transaction of its own.
#pragma once

#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace titan::uplink {

// Limits of a connection: a database that does not answer must not hold a thread for ever.
inline constexpr int connect_timeout_s = 3;
inline constexpr int statement_timeout_ms = 30'000;
inline constexpr int lock_timeout_ms = 5'000;

// PostgreSQL's name of a tenant's schema: "tenant_acme"; an unusual or long name gets a hash.
std::string schema_of(std::string_view tenant);

// A connection with this program's settings; throws like pqxx.
std::unique_ptr<pqxx::connection> open_connection(const std::string& url);
// Creates the tenant's schema where it is missing, brings it up to this version and makes it the
// connection's search path. Throws like pqxx; std::runtime_error if the schema is too new.
void prepare_tenant(pqxx::connection& connection, std::string_view tenant);
void set_search_path(pqxx::connection& connection, std::string_view tenant);

// The address without its password, for logs and the status page.
std::string without_password(const std::string& url);
// What pqxx threw, in one line for a person.
std::string one_line(std::string_view what);

}  // namespace titan::uplink
