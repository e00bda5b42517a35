#include "retail/scan/element_strings.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "retail/check_digits.h"

namespace titan::retail {
namespace {

// Identifiers from first to last, all of one length, whose data has the same form.
struct Rule {
  std::string_view first;
  std::string_view last;
  std::size_t shortest;
  std::size_t longest;
  bool digits;
};

constexpr Rule rules[] = {
    {"00", "00", 18, 18, true},      {"01", "03", 14, 14, true},     {"10", "10", 1, 20, false},
    {"11", "13", 6, 6, true},        {"15", "17", 6, 6, true},       {"20", "20", 2, 2, true},
    {"21", "22", 1, 20, false},      {"235", "235", 1, 28, false},   {"240", "241", 1, 30, false},
    {"242", "242", 1, 6, true},      {"243", "243", 1, 20, false},   {"250", "251", 1, 30, false},
    {"253", "253", 13, 30, false},   {"254", "254", 1, 20, false},   {"255", "255", 13, 25, true},
    {"30", "30", 1, 8, true},        {"3100", "3169", 6, 6, true},   {"3200", "3379", 6, 6, true},
    {"3400", "3579", 6, 6, true},    {"3600", "3699", 6, 6, true},   {"37", "37", 1, 8, true},
    {"3900", "3909", 1, 15, true},   {"3910", "3919", 4, 18, true},  {"3920", "3929", 1, 15, true},
    {"3930", "3939", 4, 18, true},   {"3940", "3943", 4, 4, true},   {"3950", "3955", 6, 6, true},
    {"400", "400", 1, 30, false},    {"401", "401", 1, 30, false},   {"402", "402", 17, 17, true},
    {"403", "403", 1, 30, false},    {"410", "417", 13, 13, true},   {"420", "420", 1, 20, false},
    {"421", "421", 4, 12, false},    {"422", "422", 3, 3, true},     {"423", "423", 3, 15, true},
    {"424", "424", 3, 3, true},      {"425", "425", 3, 15, true},    {"426", "426", 3, 3, true},
    {"427", "427", 1, 3, false},     {"4300", "4320", 1, 70, false}, {"4321", "4323", 1, 1, true},
    {"4324", "4325", 10, 10, true},  {"4326", "4326", 6, 6, true},   {"4330", "4333", 6, 7, false},
    {"7001", "7001", 13, 13, true},  {"7002", "7002", 1, 30, false}, {"7003", "7003", 10, 10, true},
    {"7004", "7004", 1, 4, true},    {"7005", "7005", 1, 12, false}, {"7006", "7006", 6, 6, true},
    {"7007", "7007", 6, 12, true},   {"7008", "7008", 1, 3, false},  {"7009", "7009", 1, 10, false},
    {"7010", "7010", 1, 2, false},   {"7011", "7011", 6, 10, true},  {"7020", "7022", 1, 20, false},
    {"7023", "7023", 1, 30, false},  {"7030", "7039", 4, 30, false}, {"7040", "7040", 4, 4, false},
    {"710", "717", 1, 20, false},    {"7230", "7239", 3, 30, false}, {"7240", "7240", 1, 20, false},
    {"7250", "7259", 1, 90, false},  {"8001", "8001", 14, 14, true}, {"8002", "8002", 1, 20, false},
    {"8003", "8003", 14, 30, false}, {"8004", "8004", 1, 30, false}, {"8005", "8005", 6, 6, true},
    {"8006", "8006", 18, 18, true},  {"8007", "8007", 1, 34, false}, {"8008", "8008", 8, 12, true},
    {"8009", "8009", 1, 50, false},  {"8010", "8010", 1, 30, false}, {"8011", "8011", 1, 12, true},
    {"8012", "8012", 1, 20, false},  {"8013", "8014", 1, 25, false}, {"8017", "8018", 18, 18, true},
    {"8019", "8019", 1, 10, true},   {"8020", "8020", 1, 25, false}, {"8026", "8026", 18, 18, true},
    {"8030", "8030", 1, 90, false},  {"8110", "8110", 1, 70, false}, {"8111", "8111", 4, 4, true},
    {"8112", "8112", 1, 70, false},  {"8200", "8200", 1, 70, false}, {"90", "90", 1, 30, false},
    {"91", "99", 1, 90, false},
};

const Rule* rule_of(std::string_view identifier) {
  for (const Rule& rule : rules) {
    if (rule.first.size() == identifier.size() && rule.first <= identifier &&
        identifier <= rule.last) {
      return &rule;
    }
  }
  return nullptr;
}

const Rule* rule_at(std::string_view text, std::string_view& identifier) {
  for (std::size_t length = 2; length <= 4 && length <= text.size(); ++length) {
    identifier = text.substr(0, length);
    if (!is_digits(identifier)) return nullptr;
    if (const Rule* rule = rule_of(identifier)) return rule;
  }
  return nullptr;
}

std::string shown(std::string_view text) {
  std::string printable(text.substr(0, 20));
  std::replace(printable.begin(), printable.end(), group_separator, '|');
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

void complain(std::vector<ScanComplaint>& complaints, ScanFault fault, std::string message) {
  complaints.push_back({fault, std::move(message)});
}

// Net measures of the article itself (310n to 316n, and the customary units); gross weights of a
// case (33nn) are no quantity that is sold.
struct MeasureUnit {
  std::string_view identifier;  // without the digit of decimals
  std::string_view unit;
};
constexpr MeasureUnit measure_units[] = {
    {"310", "kg"},  {"311", "m"},   {"314", "m2"},    {"315", "l"},
    {"316", "m3"},  {"320", "lb"},  {"321", "in"},    {"322", "ft"},
    {"323", "yd"},  {"350", "in2"}, {"351", "ft2"},   {"352", "yd2"},
    {"356", "ozt"}, {"357", "oz"},  {"360", "us qt"}, {"361", "us gal"},
};

struct NumericCurrency {
  std::string_view number;
  std::string_view code;
};
// ISO 4217 numbers of currencies whose shops print DataBar prices; another one is told by number.
constexpr NumericCurrency numeric_currencies[] = {
    {"036", "AUD"}, {"124", "CAD"}, {"156", "CNY"}, {"203", "CZK"}, {"208", "DKK"}, {"344", "HKD"},
    {"348", "HUF"}, {"352", "ISK"}, {"356", "INR"}, {"376", "ILS"}, {"392", "JPY"}, {"410", "KRW"},
    {"484", "MXN"}, {"554", "NZD"}, {"578", "NOK"}, {"702", "SGD"}, {"710", "ZAR"}, {"752", "SEK"},
    {"756", "CHF"}, {"764", "THB"}, {"784", "AED"}, {"826", "GBP"}, {"840", "USD"}, {"901", "TWD"},
    {"941", "RSD"}, {"946", "RON"}, {"949", "TRY"}, {"975", "BGN"}, {"978", "EUR"}, {"980", "UAH"},
    {"985", "PLN"}, {"986", "BRL"},
};

std::string currency_of(std::string_view number) {
  for (const NumericCurrency& known : numeric_currencies) {
    if (known.number == number) return std::string(known.code);
  }
  return std::string(number);
}

// Digits with the decimals that the identifier's last digit tells; nothing beyond what is recorded.
std::optional<Decimal> implied_decimal(std::string_view digits, char decimals) {
  const auto scale = static_cast<std::uint32_t>(decimals - '0');
  if (!is_digits(digits) || digits.size() > decimal_digits_max || scale > decimal_scale_max) {
    return std::nullopt;
  }
  Decimal value{0, scale};
  for (const char digit : digits) value.value = value.value * 10 + (digit - '0');
  return value;
}

// GS1's characters are printable ASCII; what a link's percent signs hide may be anything.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

class Application {
 public:
  Application(std::uint32_t today, Scan& scan) : today_(today), scan_(scan) {}

  void apply(const Element& element) {
    const std::string& identifier = element.identifier;
    const std::string& data = element.data;
    if (identifier == "01" || identifier == "02" || identifier == "8006") {
      add_gtin(data.substr(0, 14));
    } else if (identifier == "10") {
      scan_.lot = data;
    } else if (identifier == "21") {
      scan_.serial = data;
    } else if (identifier == "17" || identifier == "7003") {
      set_date(identifier, data, scan_.expiry);
    } else if (identifier == "15") {
      set_date(identifier, data, scan_.best_before);
    } else if (identifier == "30" || identifier == "37") {
      if (const auto pieces = implied_decimal(data, '0'); pieces && pieces->value > 0) {
        scan_.pieces = *pieces;
      }
    } else if (identifier.size() == 4) {
      apply_decimal(identifier, data);
    }
  }

 private:
  void add_gtin(const std::string& gtin) {
    if (gtin.size() != 14 || !is_digits(gtin)) return;
    const std::string plain = plain_gtin(gtin);
    for (const ScanCandidate& known : scan_.candidates) {
      if (known.key == plain) return;
    }
    scan_.candidates.push_back({plain, plain, false, false, false});
  }

  void set_date(const std::string& identifier, const std::string& data, std::uint32_t& date) {
    date = data.size() < 6 ? 0 : gs1_date(data.substr(0, 6), today_);
    if (date != 0) return;
    complain(scan_.complaints, ScanFault::bad_date,
             "The date (" + identifier + ") of the symbol, \"" + shown(data) + "\", is no day.");
  }

  void apply_decimal(const std::string& identifier, const std::string& data) {
    const std::string_view kind = std::string_view(identifier).substr(0, 3);
    for (const MeasureUnit& known : measure_units) {
      if (known.identifier != kind || scan_.measure) continue;
      const auto quantity = implied_decimal(data, identifier[3]);
      if (quantity && quantity->value > 0) scan_.measure = {*quantity, std::string(known.unit)};
    }
    if (kind == "392") {
      if (const auto price = implied_decimal(data, identifier[3])) scan_.price = {*price, {}};
    }
    if (kind == "393" && data.size() > 3) {
      const auto price = implied_decimal(data.substr(3), identifier[3]);
      if (price) scan_.price = {*price, currency_of(data.substr(0, 3))};
    }
  }

  std::uint32_t today_;
  Scan& scan_;
};

}  // namespace

bool is_identifier(std::string_view text) {
  return rule_of(text) != nullptr;
}

void check_element(const Element& element, std::vector<ScanComplaint>& complaints) {
  const Rule* rule = rule_of(element.identifier);
  if (!rule) return;
  const std::string& data = element.data;
  const std::string place = "(" + element.identifier + ")";
  if (data.size() < rule->shortest || data.size() > rule->longest ||
      (rule->digits && !is_digits(data)) || !is_printable(data)) {
    complain(complaints, ScanFault::bad_element,
             "The symbol's part " + place + " is \"" + shown(data) + "\", which is not " +
                 (rule->shortest == rule->longest
                      ? std::to_string(rule->longest)
                      : std::to_string(rule->shortest) + " to " + std::to_string(rule->longest)) +
                 (rule->digits ? " digits." : " characters."));
    return;
  }
  const bool is_gtin = element.identifier == "01" || element.identifier == "02" ||
                       element.identifier == "03" || element.identifier == "8006";
  if (is_gtin && !has_right_check_digit(std::string_view(data).substr(0, 14))) {
    complain(complaints, ScanFault::check_digit,
             "The number " + place + " " + shown(data) + " has a wrong check digit. Scan again.");
  }
}

std::vector<Element> read_element_string(std::string_view text,
                                         std::vector<ScanComplaint>& complaints) {
  std::vector<Element> elements;
  while (!text.empty()) {
    if (text.front() == group_separator) {
      text.remove_prefix(1);
      continue;
    }
    std::string_view identifier;
    const Rule* rule = rule_at(text, identifier);
    if (!rule) {
      complain(complaints, ScanFault::unknown_identifier,
               "The symbol's part \"" + shown(text) +
                   "\" begins with no application identifier of GS1; from there on it is not "
                   "read.");
      return elements;
    }
    text.remove_prefix(identifier.size());
    // Of fixed length are those that need no FNC1 and, as many printers leave it out, all others.
    const bool is_fixed = rule->shortest == rule->longest;
    std::size_t end = std::min(text.find(group_separator), text.size());
    if (is_fixed) end = std::min(end, rule->longest);
    elements.push_back({std::string(identifier), std::string(text.substr(0, end))});
    check_element(elements.back(), complaints);
    text.remove_prefix(end);
  }
  return elements;
}

bool looks_bracketed(std::string_view text) {
  const std::size_t end = text.find(')');
  return text.size() > 4 && text.front() == '(' && end != std::string_view::npos && end >= 3 &&
         end <= 5 && is_digits(text.substr(1, end - 1));
}

std::vector<Element> read_bracketed_elements(std::string_view text,
                                             std::vector<ScanComplaint>& complaints) {
  std::vector<Element> elements;
  while (looks_bracketed(text)) {
    const std::size_t close = text.find(')');
    const std::string_view identifier = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    // Brackets may stand within data: only those around an identifier end it.
    std::size_t end = text.find('(');
    while (end != std::string_view::npos) {
      const std::string_view rest = text.substr(end);
      const std::size_t rest_close = rest.find(')');
      if (looks_bracketed(rest) && is_identifier(rest.substr(1, rest_close - 1))) break;
      end = text.find('(', end + 1);
    }
    end = std::min(end, text.size());
    std::string_view data = text.substr(0, end);
    while (!data.empty() && (data.back() == ' ' || data.back() == group_separator)) {
      data.remove_suffix(1);
    }
    while (!data.empty() && data.front() == ' ') data.remove_prefix(1);
    text.remove_prefix(end);
    if (!is_identifier(identifier)) {
      complain(complaints, ScanFault::unknown_identifier,
               "(" + std::string(identifier) + ") is no application identifier of GS1.");
      continue;
    }
    elements.push_back({std::string(identifier), std::string(data)});
    check_element(elements.back(), complaints);
  }
  return elements;
}

void apply_elements(const std::vector<Element>& elements, std::uint32_t today, Scan& scan) {
  Application application(today, scan);
  for (const Element& element : elements) {
    const Rule* rule = rule_of(element.identifier);
    const bool is_sound = rule && element.data.size() >= rule->shortest &&
                          element.data.size() <= rule->longest && is_printable(element.data);
    if (is_sound) application.apply(element);
  }
}

std::uint32_t gs1_date(std::string_view yymmdd, std::uint32_t today) {
  if (yymmdd.size() != 6 || !is_digits(yymmdd)) return 0;
  const auto number = [&](std::size_t at) {
    return static_cast<std::uint32_t>((yymmdd[at] - '0') * 10 + (yymmdd[at + 1] - '0'));
  };
  const std::uint32_t this_year = today == 0 ? 2000 : today / 10000;
  const auto ahead =
      static_cast<std::int32_t>(number(0)) - static_cast<std::int32_t>(this_year % 100);
  std::uint32_t century = this_year / 100;
  if (ahead >= 51) --century;
  if (ahead <= -50) ++century;
  const std::uint32_t year = century * 100 + number(0);
  const std::uint32_t month = number(2);
  std::uint32_t day = number(4);
  if (month < 1 || month > 12) return 0;
  const std::chrono::year_month_day_last last{
      std::chrono::year{static_cast<int>(year)} /
      std::chrono::month_day_last{std::chrono::month{month}}};
  const auto days = static_cast<std::uint32_t>(static_cast<unsigned>(last.day()));
  if (day == 0) day = days;
  return day > days ? 0 : year * 10000 + month * 100 + day;
}

std::string plain_gtin(std::string_view gtin) {
  const bool has_zero = gtin.size() == 14 && gtin.front() == '0';
  return std::string(has_zero ? gtin.substr(1) : gtin);
}

}  // namespace titan::retail
