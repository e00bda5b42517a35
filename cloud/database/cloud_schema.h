// The tables that only the cloud has, beside those of uplink/postgres/schema.h:
//   stores           per store: cloud epoch, watermark sequence, where its feed stands
//   tenant_products  the catalogue for all stores; a new store's feed begins with it
#pragma once

#include <pqxx/pqxx>
#include <string>

namespace titan::cloud {

// Creates or updates a tenant's schema and makes it the search path. Throws like pqxx.
void prepare_cloud_tenant(pqxx::connection& connection, const std::string& tenant);

}  // namespace titan::cloud
