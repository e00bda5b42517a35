// The configuration of one terminal, as read from its TOML file.
//
// What is the same on every terminal of a store may stand in a file of its own, store.toml, which
// the terminal's file names. An unknown key, a wrong type or a bad value is refused by name, with
// the file, the line and what to do; all complaints are reported at once. The commented sample is
// titan-pos.sample.toml.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "retail/cash_rounding.h"
#include "retail/scan/labels.h"

namespace titan::pos {

using namespace titan::retail;

struct Config {
  std::string file;  // where it was read; empty: it was no file

  // [store]: the same on every terminal of the store.
  std::string store_file;  // the rest of [store], and [tax], [cloud], [labels], are there
  std::string tenant;
  std::string store;
  std::string secret;  // 64 hexadecimal digits; whoever knows it may join
  std::string currency = "EUR";
  std::string time_zone;                  // "Europe/Berlin"; empty: the system's
  std::string day_ends = "00:00";         // until then a sale belongs to the day before
  std::int64_t low_stock = 5;             // pieces at or below which a product is "low"
  std::string country;                    // ISO 3166-1: how cash is rounded; empty: it is not
  std::string cash_rounding = "country";  // or "none", or the smallest coin: "0.05"
  std::int64_t keep_keys_days = 90;       // how long a repeat gets its first answer, at least

  // [tax]
  std::string tax_rounding = "line";  // or "receipt": once per rate and receipt

  // [terminal]
  std::string name;  // empty: "T-" and four characters of the device id
  std::string data;  // folder of journal, key and store database
  bool may_lead = true;
  std::int64_t priority = 0;  // higher leads first: mains power, wired, good disk

  // [api]
  std::string api_listen = "127.0.0.1:8410";

  // [mesh]
  std::string mesh_listen = "0.0.0.0:7411";
  std::vector<std::string> advertise;  // empty: every address of every card
  std::vector<std::string> seeds;
  bool mdns = true;
  std::string profile = "wired";  // or "wireless"

  // [store_database]
  std::string store_database = "auto";  // "auto", "none" or a postgresql:// address

  // [tables]: tables.sqlite3 in the data folder, for other programs (docs/V01.md).
  bool tables_write = true;

  // [cloud]: an empty url means that there is none.
  std::string cloud_url;
  std::string cloud_access_key;
  std::string cloud_public_key;  // 64 hexadecimal digits
  std::string cloud_ca_file;     // empty: the system's certificates

  // [labels]: what the shop's own price and weight labels mean; none are read without it.
  std::string label_preset;                    // a country, or empty
  std::vector<retail::LabelRule> label_rules;  // before the preset's

  // [log]
  std::string log_level = "info";
  std::string log_file;  // empty: standard error
};

// "section.key" of every key that a configuration may hold.
std::vector<std::string> config_keys();

// Names stand for the files in messages. On failure the message holds all complaints, one a line.
Result<Config> parse_config(std::string_view toml, const std::string& name);
// The terminal's own file and the store's.
Result<Config> parse_config(std::string_view own_toml, const std::string& own_name,
                            std::string_view store_toml, const std::string& store_name);
// Reads the store's file as well, if the one at `path` names it.
Result<Config> load_config(const std::string& path);

// The text of a configuration's file, or why it is none: not there, empty, of a wrong kind.
Result<std::string> read_config_file(const std::string& path);

struct ConfigChange {
  std::string key;  // "section.key"
  bool needs_restart = false;
};
// What a terminal that runs with one configuration would have to change for another.
std::vector<ConfigChange> config_changes(const Config& running, const Config& now);
// Those that take no restart.
void take_reloadable(const Config& now, Config& running);

// What coins this store rounds cash to; none: it does not. An error where the country is not in the
// table, or the coin is none of the currency.
Result<std::optional<CashRule>> cash_rule_of(const Config& config);

// None: the configuration names no cloud.
PublicKey cloud_key_of(const Config& config);

// The effective configuration as TOML, secrets replaced by "(set, not shown)".
std::string describe_config(const Config& config);

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;
};
// "127.0.0.1:8410", "[::1]:8410", "till-2.local:7411".
Result<HostPort> parse_host_port(std::string_view text);

// A new store secret: 256 bits from the system's random source, in hexadecimal.
std::string make_store_secret();

}  // namespace titan::pos
