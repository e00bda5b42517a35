#include "cloud/config/config.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "base/toml/toml.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {

namespace {

constexpr std::size_t access_key_bytes_min = 8;
constexpr std::size_t name_characters_max = 64;

class ConfigReader {
 public:
  explicit ConfigReader(std::string name) : name_(std::move(name)) {}

  void complain(const toml::source_region& where, const std::string& what) {
    complaints_.push_back(name_ + ":" + std::to_string(where.begin.line) + ": " + what);
  }
  void complain(const std::string& what) { complaints_.push_back(name_ + ": " + what); }

  void refuse_unknown(const toml::table& table, const std::string& place,
                      std::initializer_list<std::string_view> known) {
    for (const auto& [key, node] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string list;
      for (const auto& allowed : known) list += (list.empty() ? "" : ", ") + std::string(allowed);
      complain(key.source(),
               "unknown key '" + std::string(key.str()) + "' in " + place + "; known are: " + list);
    }
  }

  const toml::table* table(const toml::table& root, const char* key) {
    const auto* node = root.get(key);
    if (!node) return nullptr;
    if (!node->is_table()) {
      complain(node->source(), std::string("[") + key + "] must be a table");
      return nullptr;
    }
    return node->as_table();
  }

  // The source of the value, if it is there and is text.
  void text(const toml::table& table, const char* key, const std::string& place,
            std::string& value) {
    const auto* node = table.get(key);
    if (!node) return;
    if (const auto read = node->value_exact<std::string>()) {
      value = *read;
    } else {
      complain(node->source(), place + key + " must be text in quotation marks");
    }
  }

  toml::source_region source(const toml::table* table, const char* key) const {
    if (!table) return {};
    const auto* node = table->get(key);
    return node ? node->source() : table->source();
  }

  std::string all() const {
    std::string text;
    for (const auto& complaint : complaints_) text += (text.empty() ? "" : "\n") + complaint;
    return text;
  }
  bool clean() const { return complaints_.empty(); }

 private:
  std::string name_;
  std::vector<std::string> complaints_;
};

void read_listen(ConfigReader& reader, const toml::table* table, const std::string& listen,
                 Config& config) {
  const auto colon = listen.rfind(':');
  const std::string host = colon == std::string::npos ? "" : listen.substr(0, colon);
  unsigned port = 65536;
  if (colon != std::string::npos) {
    const char* end = listen.data() + listen.size();
    const auto read = std::from_chars(listen.data() + colon + 1, end, port);
    if (read.ec != std::errc{} || read.ptr != end) port = 65536;
  }
  if (host.empty() || port > 65535) {
    reader.complain(reader.source(table, "listen"),
                    "gateway.listen is '" + listen + "'; write address:port, like 0.0.0.0:8500");
    return;
  }
  config.listen_host = host.front() == '[' ? host.substr(1, host.size() - 2) : host;
  config.listen_port = static_cast<std::uint16_t>(port);
}

void read_gateway(ConfigReader& reader, const toml::table* table, Config& config) {
  if (!table) return reader.complain("the table [gateway] is missing");
  reader.refuse_unknown(*table, "[gateway]",
                        {"listen", "tls_certificate", "tls_key", "data", "admin_key"});
  std::string listen = "0.0.0.0:8500";
  reader.text(*table, "listen", "gateway.", listen);
  read_listen(reader, table, listen, config);
  reader.text(*table, "tls_certificate", "gateway.", config.tls_certificate);
  reader.text(*table, "tls_key", "gateway.", config.tls_key);
  reader.text(*table, "data", "gateway.", config.data);
  reader.text(*table, "admin_key", "gateway.", config.admin_key);
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    reader.complain(table->source(),
                    "gateway.tls_certificate and tls_key go together: set both "
                    "for TLS, or neither");
  }
  if (config.data.empty()) {
    reader.complain(table->source(), "gateway.data is missing: the folder that holds cloud.key");
  }
  if (config.admin_key.size() < access_key_bytes_min) {
    reader.complain(reader.source(table, "admin_key"),
                    "gateway.admin_key needs at least " + std::to_string(access_key_bytes_min) +
                        " characters: it opens head office's side");
  }
}

void read_database(ConfigReader& reader, const toml::table* table, Config& config) {
  if (!table) return reader.complain("the table [database] is missing");
  reader.refuse_unknown(*table, "[database]", {"url"});
  reader.text(*table, "url", "database.", config.database_url);
  const bool usable = config.database_url.starts_with("postgresql://") ||
                      config.database_url.starts_with("postgres://");
  if (!usable) {
    reader.complain(reader.source(table, "url"), "database.url is '" + config.database_url +
                                                     "'; write postgresql://user@host/database");
  }
}

void read_tenants(ConfigReader& reader, const toml::table& root, Config& config) {
  const auto* node = root.get("tenants");
  const toml::array* list = node ? node->as_array() : nullptr;
  if (!list || list->empty()) {
    return reader.complain("no tenants: write [[tenants]] with name and access_key");
  }
  std::set<std::string> names;
  for (const auto& item : *list) {
    const toml::table* table = item.as_table();
    if (!table) {
      reader.complain(item.source(), "tenants must be tables: [[tenants]]");
      continue;
    }
    reader.refuse_unknown(*table, "[[tenants]]", {"name", "access_key"});
    TenantConfig tenant;
    reader.text(*table, "name", "tenants.", tenant.name);
    reader.text(*table, "access_key", "tenants.", tenant.access_key);
    if (tenant.name.empty() || tenant.name.size() > name_characters_max) {
      reader.complain(
          reader.source(table, "name"),
          "tenants.name must have 1 to " + std::to_string(name_characters_max) + " characters");
    } else if (!names.insert(tenant.name).second) {
      reader.complain(reader.source(table, "name"),
                      "the tenant '" + tenant.name + "' is there twice");
    }
    if (tenant.access_key.size() < access_key_bytes_min) {
      reader.complain(reader.source(table, "access_key"), "tenants.access_key needs at least " +
                                                              std::to_string(access_key_bytes_min) +
                                                              " characters");
    }
    config.tenants.push_back(std::move(tenant));
  }
}

// "02:00"
std::optional<int> minute_of_day(const std::string& text) {
  int hour = 0;
  int minute = 0;
  int read = 0;
  const bool is_time = text.size() == 5 &&
                       std::sscanf(text.c_str(), "%2d:%2d%n", &hour, &minute, &read) == 2 &&
                       read == 5 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
  return is_time ? std::optional(hour * 60 + minute) : std::nullopt;
}

std::string two_digits(int number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

void read_folds(ConfigReader& reader, const toml::table* table, Config& config) {
  if (!table) return;
  reader.refuse_unknown(*table, "[folds]", {"at"});
  std::string at = "02:00";
  reader.text(*table, "at", "folds.", at);
  const auto minute = minute_of_day(at);
  if (!minute) {
    return reader.complain(reader.source(table, "at"),
                           "folds.at is '" + at + "'; write a time of day in UTC like \"02:00\"");
  }
  config.fold_minute = *minute;
}

void read_log(ConfigReader& reader, const toml::table* table, Config& config) {
  if (!table) return;
  reader.refuse_unknown(*table, "[log]", {"level", "file"});
  reader.text(*table, "level", "log.", config.log_level);
  reader.text(*table, "file", "log.", config.log_file);
  const std::set<std::string> levels = {"trace", "debug", "info", "warning", "error"};
  if (!levels.contains(config.log_level)) {
    reader.complain(
        reader.source(table, "level"),
        "log.level is '" + config.log_level + "'; write trace, debug, info, warning or error");
  }
}

}  // namespace

const TenantConfig* Config::find_tenant(std::string_view name) const {
  for (const auto& tenant : tenants) {
    if (tenant.name == name) return &tenant;
  }
  return nullptr;
}

Result<Config> parse_config(std::string_view text, const std::string& name) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::invalid, name + ":" + std::to_string(error.source().begin.line) +
                                              ": " + std::string(error.description()));
  } catch (const MalformedToml&) {
    return make_error(ErrorCode::invalid,
                      name + ": this is no TOML; write it anew from the sample");
  }
  Config config;
  ConfigReader reader(name);
  reader.refuse_unknown(root, "the file", {"gateway", "database", "folds", "tenants", "log"});
  read_gateway(reader, reader.table(root, "gateway"), config);
  read_database(reader, reader.table(root, "database"), config);
  read_folds(reader, reader.table(root, "folds"), config);
  read_tenants(reader, root, config);
  read_log(reader, reader.table(root, "log"), config);
  if (!reader.clean()) return make_error(ErrorCode::invalid, reader.all());
  return config;
}

Result<Config> load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return make_error(ErrorCode::invalid,
                      "the configuration file '" + path + "' cannot be read; check the path");
  }
  std::ostringstream text;
  text << file.rdbuf();
  return parse_config(text.str(), path);
}

std::string describe(const Config& config) {
  std::ostringstream text;
  text << "[gateway]\nlisten = \"" << config.listen_host << ":" << config.listen_port
       << "\"\ntls = " << (config.tls_certificate.empty() ? "off" : "on") << "\ndata = \""
       << config.data << "\"\nadmin_key = (set)\n\n[database]\nurl = \""
       << uplink::without_password(config.database_url) << "\"\n\n[folds]\nat = \""
       << two_digits(config.fold_minute / 60) << ":" << two_digits(config.fold_minute % 60)
       << "\"\n";
  for (const auto& tenant : config.tenants) {
    text << "\n[[tenants]]\nname = \"" << tenant.name << "\"\naccess_key = (set)\n";
  }
  text << "\n[log]\nlevel = \"" << config.log_level << "\"\nfile = \"" << config.log_file << "\"\n";
  return text.str();
}

}  // namespace titan::cloud
