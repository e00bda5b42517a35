#include "pos-node/config.h"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>

#include "base/hex.h"
#include "base/toml/toml.h"
#include "pos-node/config_advice.h"
#include "pos-node/domain/business_day.h"
#include "retail/currency.h"
#include "retail/units.h"

namespace titan::pos {
namespace {

constexpr std::size_t config_bytes_max = 1024 * 1024;
constexpr std::int64_t low_stock_max = 1'000'000;
constexpr std::int64_t priority_max = 1000;
constexpr std::size_t list_items_max = 100;
constexpr std::size_t name_length_max = 63;  // it becomes part of an mDNS name

// Says what is wrong with a value, or nothing.
using Complaint = std::optional<std::string>;

Complaint name_complaint(const std::string& text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (text.empty() || text.size() > name_length_max ||
      !std::all_of(text.begin(), text.end(), allowed)) {
    return "must be 1 to 63 letters, digits, '-', '_' or '.'";
  }
  return std::nullopt;
}

Complaint hex_complaint(const std::string& text, const char* what_to_do) {
  const auto bytes = from_hex(text);
  if (bytes && bytes->size() == 32) return std::nullopt;
  return std::string("must be 64 hexadecimal digits; ") + what_to_do;
}

Complaint address_complaint(const std::string& text) {
  const auto parsed = parse_host_port(text);
  if (parsed) return std::nullopt;
  return parsed.error().message;
}

// Others would have to resolve a name, and it may be another host's where they are.
Complaint own_address_complaint(const std::string& text) {
  const auto parsed = parse_host_port(text);
  if (!parsed) return parsed.error().message;
  const std::string host = parsed->host.substr(0, parsed->host.find('%'));
  boost::system::error_code is_name;
  boost::asio::ip::make_address(host, is_name);
  if (!is_name && parsed->port != 0) return std::nullopt;
  return "must be a numeric address with a port, such as \"192.168.1.20:7411\"";
}

Complaint one_of(const std::string& text, std::initializer_list<const char*> choices) {
  std::string list;
  for (const char* choice : choices) {
    if (text == choice) return std::nullopt;
    list += list.empty() ? "\"" : ", \"";
    list += choice;
    list += "\"";
  }
  return "must be one of " + list;
}

// One key of the file: how to read it and how to show it.
struct Key {
  const char* section;
  const char* name;
  bool required;
  std::function<Complaint(Config&, const toml::node&)> read;
  std::function<std::string(const Config&)> show;  // as TOML
};

std::string in_quotes(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

using TextCheck = std::function<Complaint(const std::string&)>;

Key text_key(const char* section, const char* name, bool required, std::string Config::*member,
             TextCheck check) {
  return {section, name, required,
          [member, check](Config& config, const toml::node& node) -> Complaint {
            const auto text = node.value_exact<std::string>();
            if (!text) return "must be a text in quotes";
            if (text->find('\0') != std::string::npos) return "must not contain a NUL character";
            config.*member = *text;
            return check ? check(*text) : std::nullopt;
          },
          [member](const Config& config) { return in_quotes(config.*member); }};
}

Key secret_key(const char* section, const char* name, bool required, std::string Config::*member,
               TextCheck check) {
  Key key = text_key(section, name, required, member, std::move(check));
  key.show = [member](const Config& config) {
    return (config.*member).empty() ? in_quotes("") : in_quotes("(set, not shown)");
  };
  return key;
}

Key flag_key(const char* section, const char* name, bool Config::*member) {
  return {section, name, false,
          [member](Config& config, const toml::node& node) -> Complaint {
            const auto flag = node.value_exact<bool>();
            if (!flag) return "must be true or false, without quotes";
            config.*member = *flag;
            return std::nullopt;
          },
          [member](const Config& config) { return config.*member ? "true" : "false"; }};
}

Key number_key(const char* section, const char* name, std::int64_t Config::*member,
               std::int64_t number_max) {
  return {section, name, false,
          [member, number_max](Config& config, const toml::node& node) -> Complaint {
            const auto number = node.value_exact<std::int64_t>();
            if (!number || *number < 0 || *number > number_max) {
              return "must be a whole number from 0 to " + std::to_string(number_max) +
                     ", without quotes";
            }
            config.*member = *number;
            return std::nullopt;
          },
          [member](const Config& config) { return std::to_string(config.*member); }};
}

Key address_list_key(const char* section, const char* name,
                     std::vector<std::string> Config::*member,
                     Complaint (*complaint_of)(const std::string&)) {
  return {section, name, false,
          [member, complaint_of](Config& config, const toml::node& node) -> Complaint {
            const toml::array* list = node.as_array();
            if (!list) return "must be a list such as [\"10.0.0.5:7411\"]";
            if (list->size() > list_items_max) {
              return "has more than " + std::to_string(list_items_max) + " items";
            }
            (config.*member).clear();
            for (const toml::node& item : *list) {
              const auto text = item.value_exact<std::string>();
              if (!text) return "must be a list of texts in quotes, each \"host:port\"";
              if (const auto complaint = complaint_of(*text)) {
                return "item " + in_quotes(*text) + ": " + *complaint;
              }
              (config.*member).push_back(*text);
            }
            return std::nullopt;
          },
          [member](const Config& config) {
            std::string text = "[";
            for (const std::string& item : config.*member) {
              text += (text.size() > 1 ? ", " : "") + in_quotes(item);
            }
            return text + "]";
          }};
}

Complaint read_label_rule(const toml::node& node, LabelRule& rule) {
  const toml::table* table = node.as_table();
  if (!table) return "must be { layout = \"28IIIIPVVVVVC\", what = \"weight\", decimals = 3 }";
  std::optional<std::string> what;
  bool has_decimals = false;
  rule.decimals = 0;
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    if (name == "decimals") {
      const auto decimals = value.value_exact<std::int64_t>();
      if (!decimals || *decimals < 0 || *decimals > decimal_scale_max) {
        return "decimals must be a whole number from 0 to 6, without quotes";
      }
      rule.decimals = static_cast<std::uint32_t>(*decimals);
      has_decimals = true;
      continue;
    }
    const auto text = value.value_exact<std::string>();
    if (name != "layout" && name != "what" && name != "unit") {
      return "unknown key " + name + "; known are layout, what, decimals, unit";
    }
    if (!text) return name + " must be a text in quotes";
    if (name == "layout") rule.layout = *text;
    if (name == "what") what = *text;
    if (name == "unit") rule.unit = *text;
  }
  const auto parsed = parse_label_value(what.value_or(""));
  if (!parsed) return "what must be \"price\", \"weight\" or \"pieces\"";
  rule.what = *parsed;
  if (!has_decimals && rule.what != LabelValue::pieces) {
    return "decimals is missing: how many of the value's digits stand behind the point";
  }
  if (!rule.unit.empty() && !is_measure_unit(rule.unit)) {
    return "unit " + in_quotes(rule.unit) + " is not known; leave it out for kg";
  }
  return label_rule_fault(rule);
}

std::string show_label_rules(const Config& config) {
  std::string text = "[";
  for (const LabelRule& rule : config.label_rules) {
    text += std::string(text.size() > 1 ? ", " : "") + "{ layout = " + in_quotes(rule.layout) +
            ", what = " + in_quotes(std::string(to_string(rule.what))) +
            ", decimals = " + std::to_string(rule.decimals) +
            (rule.unit.empty() ? "" : ", unit = " + in_quotes(rule.unit)) + " }";
  }
  return text + "]";
}

Key label_rules_key() {
  return {"labels", "rules", false,
          [](Config& config, const toml::node& node) -> Complaint {
            const toml::array* list = node.as_array();
            if (!list) {
              return "must be a list of rows such as "
                     "[{ layout = \"28IIIIPVVVVVC\", what = \"weight\", decimals = 3 }]";
            }
            if (list->size() > label_rules_max) {
              return "has more than " + std::to_string(label_rules_max) + " rows";
            }
            config.label_rules.clear();
            for (const toml::node& item : *list) {
              LabelRule& rule = config.label_rules.emplace_back();
              if (const auto complaint = read_label_rule(item, rule)) {
                return "row " + std::to_string(config.label_rules.size()) + ": " + *complaint;
              }
            }
            return std::nullopt;
          },
          show_label_rules};
}

Complaint label_preset_complaint(const std::string& text) {
  const auto made = make_label_table(text, {});
  if (made) return std::nullopt;
  return made.error().message;
}

Complaint currency_complaint(const std::string& text) {
  if (is_currency_code(text)) return std::nullopt;
  return "must be a currency code of three capital letters, such as \"EUR\"";
}
Complaint country_complaint(const std::string& text) {
  if (text.empty() || is_country_code(text)) return std::nullopt;
  return "must be a country code of two capital letters, such as \"CH\"";
}
Complaint terminal_name_complaint(const std::string& text) {
  return text.empty() ? std::nullopt : name_complaint(text);
}
Complaint data_complaint(const std::string& text) {
  if (!text.empty()) return std::nullopt;
  return "must name the folder for this terminal's data, such as \"/var/lib/titan-pos\"";
}
Complaint database_complaint(const std::string& text) {
  if (text == "auto" || text == "none" || text.starts_with("postgresql://")) return std::nullopt;
  return "must be \"auto\", \"none\" or an address that begins with postgresql://";
}
Complaint cloud_url_complaint(const std::string& text) {
  if (text.empty() || text.starts_with("ws://") || text.starts_with("wss://")) return std::nullopt;
  return "must begin with wss:// (or ws:// without TLS), or be empty for no cloud";
}
Complaint cloud_key_complaint(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return hex_complaint(text, "the cloud tells it under GET /v1/key");
}

Complaint store_secret_complaint(const std::string& text) {
  static constexpr const char* what_to_do =
      "make one with `titan-pos keygen` and use the same on every till of the store";
  if (const auto complaint = hex_complaint(text, what_to_do)) return complaint;
  const auto weak = weak_secret_complaint(text);
  return weak ? Complaint(*weak + "; " + what_to_do) : std::nullopt;
}

const std::vector<Key>& keys() {
  static const std::vector<Key> all = {
      text_key("store", "tenant", true, &Config::tenant, name_complaint),
      text_key("store", "store", true, &Config::store, name_complaint),
      secret_key("store", "secret", true, &Config::secret, store_secret_complaint),
      text_key("store", "currency", false, &Config::currency, currency_complaint),
      text_key("store", "time_zone", false, &Config::time_zone, time_zone_complaint),
      text_key("store", "day_ends", false, &Config::day_ends, day_ends_complaint),
      number_key("store", "low_stock", &Config::low_stock, low_stock_max),
      text_key("store", "country", false, &Config::country, country_complaint),
      text_key("store", "cash_rounding", false, &Config::cash_rounding, nullptr),
      text_key("tax", "rounding", false, &Config::tax_rounding,
               [](const std::string& text) {
                 return one_of(text, {"line", "receipt"});
               }),
      text_key("terminal", "name", false, &Config::name, terminal_name_complaint),
      text_key("terminal", "data", true, &Config::data, data_complaint),
      flag_key("terminal", "may_lead", &Config::may_lead),
      number_key("terminal", "priority", &Config::priority, priority_max),
      text_key("api", "listen", false, &Config::api_listen, address_complaint),
      text_key("mesh", "listen", false, &Config::mesh_listen, address_complaint),
      address_list_key("mesh", "advertise", &Config::advertise, own_address_complaint),
      address_list_key("mesh", "seeds", &Config::seeds, address_complaint),
      flag_key("mesh", "mdns", &Config::mdns),
      text_key("mesh", "profile", false, &Config::profile,
               [](const std::string& text) {
                 return one_of(text, {"wired", "wireless"});
               }),
      secret_key("store_database", "mode", false, &Config::store_database, database_complaint),
      text_key("cloud", "url", false, &Config::cloud_url, cloud_url_complaint),
      secret_key("cloud", "access_key", false, &Config::cloud_access_key, nullptr),
      text_key("cloud", "public_key", false, &Config::cloud_public_key, cloud_key_complaint),
      text_key("cloud", "ca_file", false, &Config::cloud_ca_file, nullptr),
      text_key("labels", "preset", false, &Config::label_preset, label_preset_complaint),
      label_rules_key(),
      text_key("log", "level", false, &Config::log_level,
               [](const std::string& text) {
                 return one_of(text, {"trace", "debug", "info", "warning", "error"});
               }),
      text_key("log", "file", false, &Config::log_file, nullptr),
  };
  return all;
}

class Reader {
 public:
  explicit Reader(std::string name) : name_(std::move(name)) {}

  void complain(const toml::node* at, const std::string& text) {
    complaints_ += complaints_.empty() ? "" : "\n";
    complaints_ += name_;
    if (at && at->source().begin.line > 0) {
      complaints_ += ":" + std::to_string(at->source().begin.line);
    }
    complaints_ += ": " + text;
  }

  void read_section(Config& config, const std::string& section, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (!table) {
      complain(&node, "\"" + section + "\" must be a section, written [" + section + "]");
      return;
    }
    for (const auto& [key, value] : *table) {
      read_key(config, section, std::string(key.str()), value);
    }
  }

  void check_required(const toml::table& root) {
    for (const Key& key : keys()) {
      const toml::node* section = root.get(key.section);
      const toml::table* table = section ? section->as_table() : nullptr;
      if (key.required && !(table && table->contains(key.name))) {
        complain(section, std::string(key.section) + "." + key.name +
                              " is missing; add it under [" + key.section + "]");
      }
    }
  }

  void check_together(const Config& config, const toml::table& root) {
    if (const auto rule = cash_rule_of(config); !rule) {
      complain(root.get("store"), rule.error().field + ": " + rule.error().message);
    }
    const toml::node* cloud = root.get("cloud");
    if (config.cloud_url.empty()) return;
    if (config.cloud_access_key.empty()) {
      complain(cloud, "cloud.access_key is needed with cloud.url; head office hands it out");
    }
    if (config.cloud_public_key.empty()) {
      complain(cloud,
               "cloud.public_key is needed with cloud.url; the cloud tells it under "
               "GET /v1/key");
    }
  }

  const std::string& complaints() const { return complaints_; }

 private:
  void read_key(Config& config, const std::string& section, const std::string& name,
                const toml::node& value) {
    std::string known;
    for (const Key& key : keys()) {
      if (section != key.section) continue;
      if (name == key.name) {
        const auto complaint = key.read(config, value);
        if (complaint) complain(&value, section + "." + name + " " + *complaint);
        return;
      }
      known += (known.empty() ? "" : ", ") + std::string(key.name);
    }
    complain(&value, "unknown key " + section + "." + name + "; known under [" + section +
                         "] are " + known);
  }

  std::string name_;
  std::string complaints_;
};

std::string known_sections() {
  std::string known;
  std::string last;
  for (const Key& key : keys()) {
    if (key.section == last) continue;
    last = key.section;
    known += (known.empty() ? "[" : ", [") + last + "]";
  }
  return known;
}

bool is_section(const std::string& name) {
  return std::any_of(keys().begin(), keys().end(),
                     [&](const Key& key) { return name == key.section; });
}

}  // namespace

std::vector<std::string> config_keys() {
  std::vector<std::string> names;
  for (const Key& key : keys()) names.push_back(std::string(key.section) + "." + key.name);
  return names;
}

Result<Config> parse_config(std::string_view text, const std::string& name) {
  toml::table root;
  try {
    root = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::invalid, name + ":" + std::to_string(error.source().begin.line) +
                                              ":" + std::to_string(error.source().begin.column) +
                                              ": " + std::string(error.description()));
  } catch (const MalformedToml&) {
    return make_error(ErrorCode::invalid,
                      name + ": this is no TOML; write it anew from the sample");
  }
  Config config;
  Reader reader(name);
  for (const auto& [key, value] : root) {
    const std::string section(key.str());
    if (is_section(section)) {
      reader.read_section(config, section, value);
    } else {
      reader.complain(&value,
                      "unknown section or key \"" + section + "\"; known are " + known_sections());
    }
  }
  reader.check_required(root);
  reader.check_together(config, root);
  if (!reader.complaints().empty()) return make_error(ErrorCode::invalid, reader.complaints());
  return config;
}

Result<std::optional<CashRule>> cash_rule_of(const Config& config) {
  if (config.cash_rounding == "none") return std::optional<CashRule>{};
  Result<std::optional<CashRule>> rule = std::optional<CashRule>{};
  if (config.cash_rounding != "country") {
    const auto set = cash_rule_of_setting(config.cash_rounding, config.currency);
    if (!set) {
      return make_error(ErrorCode::invalid, set.error().message + ", or \"country\", or \"none\"",
                        "store.cash_rounding");
    }
    return std::optional(*set);
  }
  if (config.country.empty()) return std::optional<CashRule>{};
  rule = cash_rule_of_country(config.country);
  if (!rule) return make_error(ErrorCode::invalid, rule.error().message, "store.country");
  return rule;
}

Result<Config> load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return make_error(ErrorCode::io, path + ": cannot be read; check the path and its rights");
  }
  std::string text(config_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > config_bytes_max) {
    return make_error(ErrorCode::invalid, path + ": is over 1 MiB; that is no configuration");
  }
  return parse_config(text, path);
}

std::string describe_config(const Config& config) {
  std::string text;
  std::string section;
  for (const Key& key : keys()) {
    if (section != key.section) {
      text += (section.empty() ? "[" : "\n[") + std::string(key.section) + "]\n";
      section = key.section;
    }
    text += std::string(key.name) + " = " + key.show(config) + "\n";
  }
  return text;
}

Result<HostPort> parse_host_port(std::string_view text) {
  const auto wrong = [&] {
    return make_error(ErrorCode::invalid,
                      "must be \"host:port\", such as \"127.0.0.1:8410\" or "
                      "\"[::1]:8410\"");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.front() == '[') {
    if (host.back() != ']' || host.size() < 4) return wrong();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  if (host.find_first_of(" \t\r\n\"/@") != std::string_view::npos) return wrong();
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() ||
      port > std::numeric_limits<std::uint16_t>::max()) {
    return wrong();
  }
  return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

std::string make_store_secret() {
  std::array<char, 32> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex({bytes.data(), bytes.size()});
}

}  // namespace titan::pos
