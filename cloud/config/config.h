// titan-cloud's configuration file (TOML). Unknown keys, wrong types and impossible values are all
// refused by name and line, all at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace titan::cloud {

struct TenantConfig {
  std::string name;
  std::string access_key;  // every store of the tenant shows it
};

struct Config {
  // [gateway]
  std::string listen_host = "0.0.0.0";
  std::uint16_t listen_port = 8500;
  std::string tls_certificate;  // PEM; both set: TLS
  std::string tls_key;
  std::string data;       // holds cloud.key
  std::string admin_key;  // REST: Authorization: Bearer …
  // [database]
  std::string database_url;
  // [folds]
  int fold_minute = 2 * 60;  // of the day, UTC
  // [[tenants]]
  std::vector<TenantConfig> tenants;
  // [log]
  std::string log_level = "info";
  std::string log_file;  // empty: standard error

  const TenantConfig* find_tenant(std::string_view name) const;
};

// The error's message has one complaint per line: "cloud.toml:12: …".
Result<Config> load_config(const std::string& path);
Result<Config> parse_config(std::string_view text, const std::string& name);

// The effective configuration, secrets left out.
std::string describe(const Config& config);

}  // namespace titan::cloud
