#include "pos-node/config/config_advice.h"

#include <boost/asio/ip/address.hpp>
#include <set>

#include "base/hex.h"
#include "retail/currency.h"

namespace titan::pos {
namespace {

// 32 random bytes hold about 30 different ones; fewer than 12 is rarer than one in 2^80.
constexpr std::size_t different_bytes_min = 12;

bool repeats(const std::string& bytes) {
  for (std::size_t period = 1; period <= bytes.size() / 2; ++period) {
    bool same = true;
    for (std::size_t i = period; i < bytes.size() && same; ++i) {
      same = bytes[i] == bytes[i - period];
    }
    if (same) return true;
  }
  return false;
}

// 00 01 02 …, 20 1f 1e …, 01 23 45 67 89 ab cd ef ….
bool counts(const std::string& bytes) {
  const auto step = static_cast<unsigned char>(bytes[1] - bytes[0]);
  for (std::size_t i = 2; i < bytes.size(); ++i) {
    if (static_cast<unsigned char>(bytes[i] - bytes[i - 1]) != step) return false;
  }
  return true;
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  boost::system::error_code is_name;
  const auto address = boost::asio::ip::make_address(host, is_name);
  return !is_name && address.is_loopback();
}

}  // namespace

std::optional<std::string> weak_secret_complaint(const std::string& hex) {
  const auto bytes = from_hex(hex);
  if (!bytes || bytes->size() < 2) return std::nullopt;
  const std::string text(bytes->begin(), bytes->end());
  const std::set<char> different(text.begin(), text.end());
  if (!repeats(text) && !counts(text) && different.size() >= different_bytes_min) {
    return std::nullopt;
  }
  return "is an example or a pattern that anybody can guess, and whoever guesses it is a till of "
         "this store";
}

std::vector<std::string> config_warnings(const Config& config) {
  std::vector<std::string> warnings;
  const auto api = parse_host_port(config.api_listen);
  if (api && !is_loopback(api->host)) {
    warnings.push_back("api.listen = \"" + config.api_listen +
                       "\" opens the till to the network: the API has no password, so whoever "
                       "reaches this address can sell, refund and change prices. Set it to "
                       "\"127.0.0.1:" +
                       std::to_string(api->port) +
                       "\", or let a firewall admit the till's own screen alone.");
  }
  if (!is_known_currency(config.currency)) {
    warnings.push_back("store.currency = \"" + config.currency +
                       "\" is not in the list of ISO 4217: its amounts are taken with two digits. "
                       "Check the spelling.");
  }
  const auto rule = cash_rule_of(config);
  if (rule && *rule && (*rule)->currency != config.currency) {
    warnings.push_back("store.country = \"" + config.country + "\" rounds cash in " +
                       (*rule)->currency + ", but store.currency is " + config.currency +
                       ": nothing is rounded. Set store.cash_rounding to the smallest coin.");
  }
  return warnings;
}

}  // namespace titan::pos
