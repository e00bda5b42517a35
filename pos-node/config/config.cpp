#include "pos-node/config/config.h"

#include <sodium.h>

#include <array>
#include <charconv>
#include <limits>

#include "base/hex.h"
#include "pos-node/config/config_keys.h"

namespace titan::pos {

std::vector<std::string> config_keys() {
  std::vector<std::string> names;
  for (const Key& key : all_keys()) names.push_back(key.full_name());
  return names;
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

PublicKey cloud_key_of(const Config& config) {
  return PublicKey::from_hex_text(config.cloud_public_key).value_or(PublicKey{});
}

std::string describe_config(const Config& config) {
  std::string text;
  std::string section;
  for (const Key& key : all_keys()) {
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
