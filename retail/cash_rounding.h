// Cash rounding: what is paid in coins is brought to a coin that exists; cards pay the exact
// amount.
//
// It changes what is paid, never the tax (EN 16931, BT-114). Sale and refund are rounded alike.
//
// Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proto/entry.pb.h"
#include "retail/money.h"

namespace titan::retail {

struct CashRule {
  std::string currency;  // amounts in another one are left alone
  std::int64_t step_minor = 0;
  bool halves_down = false;  // else half a step rounds away from zero
  std::string name;          // "CH", or "setting": written into the entry

  bool operator==(const CashRule&) const = default;
};

struct CountryCash {
  std::string_view country;   // ISO 3166-1 alpha-2
  std::string_view currency;  // ISO 4217
  std::string_view step;      // "0.05"; empty: cash is not rounded there
  bool halves_down;
  std::string_view source;
};

// The table; docs/MONEY.md shows it to people.
std::span<const CountryCash> country_cash_table();
bool is_country_code(std::string_view code);  // two capital letters

// Nothing where cash is not rounded; an error for a country that the table does not know.
Result<std::optional<CashRule>> cash_rule_of_country(std::string_view country);
// "0.05" of `currency`, as a shop sets it.
Result<CashRule> cash_rule_of_setting(std::string_view step, std::string_view currency);

// The nearest multiple of the step.
std::int64_t round_cash(std::int64_t amount_minor, const CashRule& rule);
// The most that any rule of this currency adds or takes; 0 if none is known.
std::int64_t cash_rounding_max(std::string_view currency);

void set_cash_rule(titan::entry::v1::Sale& sale, const CashRule& rule);
std::optional<CashRule> cash_rule_of(const titan::entry::v1::Sale& sale);

}  // namespace titan::retail
