#include "pos-node/config/config_keys.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/hex.h"
#include "pos-node/config/config_advice.h"
#include "pos-node/domain/business_day.h"
#include "retail/currency.h"
#include "retail/units.h"

namespace titan::pos {
namespace {

constexpr std::int64_t low_stock_max = 1'000'000;
constexpr std::int64_t priority_max = 1000;
constexpr std::int64_t keep_keys_days_max = 3650;
constexpr std::size_t list_items_max = 100;
constexpr std::size_t name_length_max = 63;  // it becomes part of an mDNS name

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

Complaint one_of(const std::string& text, const std::vector<const char*>& choices) {
  std::string list;
  for (const char* choice : choices) {
    if (text == choice) return std::nullopt;
    list += list.empty() ? "\"" : ", \"";
    list += choice;
    list += "\"";
  }
  return "must be one of " + list;
}

std::string in_quotes(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

using TextCheck = std::function<Complaint(const std::string&)>;

using Read = std::function<Complaint(Config&, const toml::node&)>;
using Show = std::function<std::string(const Config&)>;

template <class T>
Key make_key(const char* section, const char* name, T Config::*member, Read read, Show show) {
  Key key{section, name, std::move(read), std::move(show), {}, {}};
  key.equal = [member](const Config& a, const Config& b) { return a.*member == b.*member; };
  key.take = [member](Config& to, const Config& from) { to.*member = from.*member; };
  return key;
}

Key text_key(const char* section, const char* name, std::string Config::*member,
             TextCheck check = nullptr) {
  const Read read = [member, check](Config& config, const toml::node& node) -> Complaint {
    const auto text = node.value_exact<std::string>();
    if (!text) return "must be a text in quotes";
    if (text->find('\0') != std::string::npos) return "must not contain a NUL character";
    config.*member = *text;
    return check ? check(*text) : std::nullopt;
  };
  return make_key(section, name, member, read,
                  [member](const Config& config) { return in_quotes(config.*member); });
}

Key secret_key(const char* section, const char* name, std::string Config::*member,
               TextCheck check = nullptr) {
  Key key = text_key(section, name, member, std::move(check));
  key.show = [member](const Config& config) {
    return (config.*member).empty() ? in_quotes("") : in_quotes("(set, not shown)");
  };
  return key;
}

Key flag_key(const char* section, const char* name, bool Config::*member) {
  const Read read = [member](Config& config, const toml::node& node) -> Complaint {
    const auto flag = node.value_exact<bool>();
    if (!flag) return "must be true or false, without quotes";
    config.*member = *flag;
    return std::nullopt;
  };
  return make_key(section, name, member, read,
                  [member](const Config& config) { return config.*member ? "true" : "false"; });
}

Key number_key(const char* section, const char* name, std::int64_t Config::*member,
               std::int64_t number_max, std::int64_t number_min = 0) {
  const Read read = [member, number_min, number_max](Config& config,
                                                     const toml::node& node) -> Complaint {
    const auto number = node.value_exact<std::int64_t>();
    if (!number || *number < number_min || *number > number_max) {
      return "must be a whole number from " + std::to_string(number_min) + " to " +
             std::to_string(number_max) + ", without quotes";
    }
    config.*member = *number;
    return std::nullopt;
  };
  return make_key(section, name, member, read,
                  [member](const Config& config) { return std::to_string(config.*member); });
}

Key address_list_key(const char* section, const char* name,
                     std::vector<std::string> Config::*member,
                     Complaint (*complaint_of)(const std::string&)) {
  const Read read = [member, complaint_of](Config& config, const toml::node& node) -> Complaint {
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
  };
  return make_key(section, name, member, read, [member](const Config& config) {
    std::string text = "[";
    for (const std::string& item : config.*member) {
      text += (text.size() > 1 ? ", " : "") + in_quotes(item);
    }
    return text + "]";
  });
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
  const Read read = [](Config& config, const toml::node& node) -> Complaint {
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
  };
  return make_key("labels", "rules", &Config::label_rules, read, show_label_rules);
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

TextCheck choice(std::initializer_list<const char*> choices) {
  return [list = std::vector<const char*>(choices)](const std::string& text) {
    return one_of(text, list);
  };
}

// -- what the table below says of a key

Key required(Key key) {
  key.required = true;
  return key;
}
Key reloads(Key key) {
  key.reloads = true;
  return key;
}
// The same on every terminal of the store.
Key of_store(Key key) {
  key.home = Home::store;
  return key;
}
Key of_either(Key key) {
  key.home = Home::either;
  return key;
}

std::vector<Key> make_keys() {
  using C = Config;
  return {
      text_key("store", "file", &C::store_file),
      required(of_store(text_key("store", "tenant", &C::tenant, name_complaint))),
      required(of_store(text_key("store", "store", &C::store, name_complaint))),
      required(of_store(secret_key("store", "secret", &C::secret, store_secret_complaint))),
      of_store(text_key("store", "currency", &C::currency, currency_complaint)),
      reloads(of_store(text_key("store", "time_zone", &C::time_zone, time_zone_complaint))),
      reloads(of_store(text_key("store", "day_ends", &C::day_ends, day_ends_complaint))),
      reloads(of_store(number_key("store", "low_stock", &C::low_stock, low_stock_max))),
      reloads(of_store(text_key("store", "country", &C::country, country_complaint))),
      reloads(of_store(text_key("store", "cash_rounding", &C::cash_rounding))),
      of_store(number_key("store", "keep_keys_days", &C::keep_keys_days, keep_keys_days_max, 1)),
      reloads(of_store(text_key("tax", "rounding", &C::tax_rounding, choice({"line", "receipt"})))),
      text_key("terminal", "name", &C::name, terminal_name_complaint),
      required(text_key("terminal", "data", &C::data, data_complaint)),
      flag_key("terminal", "may_lead", &C::may_lead),
      number_key("terminal", "priority", &C::priority, priority_max),
      text_key("api", "listen", &C::api_listen, address_complaint),
      text_key("mesh", "listen", &C::mesh_listen, address_complaint),
      address_list_key("mesh", "advertise", &C::advertise, own_address_complaint),
      reloads(of_either(address_list_key("mesh", "seeds", &C::seeds, address_complaint))),
      of_either(flag_key("mesh", "mdns", &C::mdns)),
      of_either(text_key("mesh", "profile", &C::profile, choice({"wired", "wireless"}))),
      of_either(secret_key("store_database", "mode", &C::store_database, database_complaint)),
      of_either(flag_key("tables", "write", &C::tables_write)),
      of_store(text_key("cloud", "url", &C::cloud_url, cloud_url_complaint)),
      of_store(secret_key("cloud", "access_key", &C::cloud_access_key)),
      of_store(text_key("cloud", "public_key", &C::cloud_public_key, cloud_key_complaint)),
      of_either(text_key("cloud", "ca_file", &C::cloud_ca_file)),
      reloads(of_store(text_key("labels", "preset", &C::label_preset, label_preset_complaint))),
      reloads(of_store(label_rules_key())),
      reloads(of_either(text_key("log", "level", &C::log_level,
                                 choice({"trace", "debug", "info", "warning", "error"})))),
      text_key("log", "file", &C::log_file),
  };
}

}  // namespace

const std::vector<Key>& all_keys() {
  static const std::vector<Key> all = make_keys();
  return all;
}

const Key* find_key(const std::string& section, const std::string& name) {
  for (const Key& key : all_keys()) {
    if (section == key.section && name == key.name) return &key;
  }
  return nullptr;
}

bool is_section(const std::string& name) {
  return std::any_of(all_keys().begin(), all_keys().end(),
                     [&](const Key& key) { return name == key.section; });
}

std::string known_sections() {
  std::string known;
  std::string last;
  for (const Key& key : all_keys()) {
    if (key.section == last) continue;
    last = key.section;
    known += (known.empty() ? "[" : ", [") + last + "]";
  }
  return known;
}

std::string known_names(const std::string& section) {
  std::string known;
  for (const Key& key : all_keys()) {
    if (section == key.section) known += (known.empty() ? "" : ", ") + std::string(key.name);
  }
  return known;
}

}  // namespace titan::pos
