#include "retail/cash_rounding.h"

#include <algorithm>
#include <array>

#include "retail/currency.h"

namespace titan::retail {
namespace {

constexpr std::array<CountryCash, 36> table = {{
    {"AT", "EUR", "", false, "no rounding rule; 1 and 2 cent coins are in use"},
    {"AU", "AUD", "0.05", false, "Reserve Bank of Australia: 1 and 2 cent coins withdrawn in 1992"},
    {"BE", "EUR", "0.05", false, "Code of economic law, art. VI.7/1, since 1 December 2019"},
    {"BG", "EUR", "", false, "no rounding rule"},
    {"CA", "CAD", "0.05", false, "Department of Finance: phase-out of the penny, 4 February 2013"},
    {"CH", "CHF", "0.05", false, "Coins down to 5 centimes; 1 centime withdrawn in 2007"},
    {"CY", "EUR", "", false, "no rounding rule"},
    {"CZ", "CZK", "1", false, "Czech National Bank: smallest coin 1 koruna since 2008"},
    {"DE", "EUR", "", false, "no rounding rule; 1 and 2 cent coins are in use"},
    {"DK", "DKK", "0.50", false, "Smallest coin 50 øre since 2008; 25 to 74 øre become 50"},
    {"EE", "EUR", "0.05", false, "Eesti Pank: rounding rule since 1 January 2025, refunds alike"},
    {"ES", "EUR", "", false, "no rounding rule"},
    {"FI", "EUR", "0.05", false, "Act on the rounding of payments in euro, since 2002"},
    {"FR", "EUR", "", false, "no rounding rule"},
    {"GB", "GBP", "", false, "1 penny coins are in use"},
    {"GR", "EUR", "", false, "no rounding rule"},
    {"HR", "EUR", "", false, "no rounding rule"},
    {"HU", "HUF", "5", false, "Act III of 2008: 1 and 2 forint coins withdrawn; 0.01-2.49 down"},
    {"IE", "EUR", "0.05", false, "Central Bank of Ireland: rounding since 28 October 2015"},
    {"IN", "INR", "", false, "shops round as they choose"},
    {"IT", "EUR", "", false, "rounding is allowed since 2018, not required: set cash_rounding"},
    {"JP", "JPY", "", false, "1 yen coins are in use"},
    {"LT", "EUR", "", false, "not verified here: set cash_rounding where it is the rule"},
    {"LU", "EUR", "", false, "no rounding rule"},
    {"LV", "EUR", "", false, "no rounding rule"},
    {"MT", "EUR", "", false, "no rounding rule"},
    {"NL", "EUR", "0.05", false, "De Nederlandsche Bank: rounding of cash since 1 September 2004"},
    {"NO", "NOK", "1", false, "Norges Bank: smallest coin 1 krone since 2012"},
    {"NZ", "NZD", "0.10", true, "Smallest coin 10 cents since 2006; 5 cents down by custom"},
    {"PL", "PLN", "", false, "1 grosz coins are in use"},
    {"PT", "EUR", "", false, "no rounding rule"},
    {"RO", "RON", "", false, "no rounding rule"},
    {"SE", "SEK", "1", false, "Smallest coin 1 krona since 30 September 2010"},
    {"SI", "EUR", "", false, "no rounding rule"},
    {"SK", "EUR", "0.05", false, "Act 18/1996 on prices, since 1 July 2022"},
    {"US", "USD", "", false, "no federal rule: set cash_rounding where pennies run out"},
}};

// Coins that the table names, in minor units.
std::int64_t step_of(const CountryCash& row) {
  const auto step = parse_decimal(row.step);
  return step ? rescale_exactly(*step, currency_exponent(row.currency)).value_or(0) : 0;
}

}  // namespace

std::span<const CountryCash> country_cash_table() {
  return table;
}

bool is_country_code(std::string_view code) {
  return code.size() == 2 &&
         std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Result<std::optional<CashRule>> cash_rule_of_country(std::string_view country) {
  const auto row = std::find_if(table.begin(), table.end(),
                                [&](const CountryCash& one) { return one.country == country; });
  if (row == table.end()) {
    return make_error(ErrorCode::not_found,
                      "no rule of cash rounding is known for \"" + std::string(country) +
                          "\"; say what holds there with cash_rounding: \"none\", \"0.05\" ...");
  }
  if (row->step.empty()) return std::optional<CashRule>{};
  return std::optional(CashRule{std::string(row->currency), step_of(*row), row->halves_down,
                                std::string(row->country)});
}

Result<CashRule> cash_rule_of_setting(std::string_view step, std::string_view currency) {
  const auto parsed = parse_decimal(step);
  if (!parsed) return parsed.error();
  const auto minor = rescale_exactly(*parsed, currency_exponent(currency));
  if (!minor || *minor <= 0) {
    return make_error(ErrorCode::invalid, "\"" + std::string(step) + "\" is no coin of " +
                                              std::string(currency) + "; write it like 0.05");
  }
  return CashRule{std::string(currency), *minor, false, "setting"};
}

std::int64_t round_cash(std::int64_t amount_minor, const CashRule& rule) {
  const std::int64_t step = rule.step_minor;
  if (step <= 1) return amount_minor;
  const std::int64_t rest = amount_minor % step;  // has the sign of the amount
  const std::int64_t magnitude = rest < 0 ? -rest : rest;
  const std::int64_t other = step - magnitude;
  const bool away = magnitude > other || (magnitude == other && !rule.halves_down);
  if (!away) return amount_minor - rest;
  return amount_minor < 0 ? amount_minor - other : amount_minor + other;
}

std::int64_t cash_rounding_max(std::string_view currency) {
  std::int64_t largest = 0;
  for (const CountryCash& row : table) {
    if (row.currency == currency) largest = std::max(largest, (step_of(row) + 1) / 2);
  }
  return largest;
}

void set_cash_rule(titan::entry::v1::Sale& sale, const CashRule& rule) {
  auto& out = *sale.mutable_cash_rounding();
  out.set_step_minor(rule.step_minor);
  out.set_rule(rule.name);
  out.set_halves_down(rule.halves_down);
}

std::optional<CashRule> cash_rule_of(const titan::entry::v1::Sale& sale) {
  if (!sale.has_cash_rounding() || sale.cash_rounding().step_minor() <= 0) return std::nullopt;
  return CashRule{sale.currency(), sale.cash_rounding().step_minor(),
                  sale.cash_rounding().halves_down(), sale.cash_rounding().rule()};
}

}  // namespace titan::retail
