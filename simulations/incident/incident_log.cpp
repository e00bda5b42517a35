#include "simulations/incident/incident_log.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "base/utf8.h"

namespace titan::simulations {
namespace {

using Told = LogFact::Told;

constexpr std::size_t time_length = std::string_view("2026-11-22 18:52:21.530").size();
constexpr std::size_t log_bytes_max = 512 * 1024 * 1024;

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  if (at + count > text.size()) return std::nullopt;
  const char* end = text.data() + at + count;
  const auto [read_to, error] = std::from_chars(text.data() + at, end, value);
  if (error != std::errc() || read_to != end || value < 0) return std::nullopt;
  return value;
}

bool take(std::string_view& text, std::string_view beginning) {
  if (!text.starts_with(beginning)) return false;
  text.remove_prefix(beginning.size());
  return true;
}

// What stands before `mark`, and leaves what stands behind it.
std::optional<std::string> take_until(std::string_view& text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string before(text.substr(0, at));
  text.remove_prefix(at + mark.size());
  return before;
}

std::uint64_t leading_number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "till-2 (4f7d6aa8) is suspect"
bool read_member(std::string_view text, LogFact& fact) {
  const auto terminal = take_until(text, " (");
  const auto process = terminal ? take_until(text, ") is ") : std::nullopt;
  if (!process) return false;
  constexpr std::string_view states[] = {"alive", "suspect", "dead", "left"};
  if (std::find(std::begin(states), std::end(states), text) == std::end(states)) return false;
  fact.told = Told::member;
  fact.terminal = *terminal;
  fact.process = *process;
  fact.word = text;
  return true;
}

// "till-1 of store london-1 (acme), device ba1d06..."
bool read_start(std::string_view text, LogFact& fact, TerminalLog& log) {
  const auto terminal = take_until(text, " of store ");
  const auto store = terminal ? take_until(text, "), device ") : std::nullopt;
  if (!store || text.empty()) return false;
  fact.told = Told::started;
  log.terminal = *terminal;
  log.store = *store + ")";
  log.device = text;
  return true;
}

bool read_fact(std::string_view text, LogFact& fact, TerminalLog& log) {
  fact.text = text;
  if (read_start(text, fact, log)) return true;
  if (take(text, "journal open: ")) {
    fact.told = Told::journal_open;
    fact.number = leading_number(text);
  } else if (take(text, "this terminal stood still for ")) {
    fact.told = Told::stood_still;
    fact.number = leading_number(text);
  } else if (text == "no leader is heard") {
    fact.told = Told::leader;
  } else if (const std::size_t at = text.find(" leads the store, term "); at != text.npos) {
    fact.told = Told::leader;
    fact.terminal = text.substr(0, at);
  } else if (take(text, "uplink: ")) {
    constexpr std::string_view states[] = {"off", "not_leader", "connecting",
                                           "up",  "refused",    "failed"};
    fact.told = Told::uplink;
    fact.word = text.substr(0, text.find(' '));
    return std::find(std::begin(states), std::end(states), fact.word) != std::end(states);
  } else if (text.starts_with("a write to the disk failed")) {
    fact.told = Told::write_failed;
  } else if (text == "storage is open again") {
    fact.told = Told::reopened;
  } else if (text.starts_with("asked to stop")) {
    fact.told = Told::leaving;
  } else if (take(text, "alarm ")) {
    const auto code = take_until(text, ":");
    if (!code) return false;
    fact.told = Told::alarm;
    fact.word = *code;
  } else {
    return read_member(text, fact);
  }
  return true;
}

std::string stem_of(const std::string& name) {
  const std::size_t slash = name.find_last_of('/');
  const std::string file = slash == std::string::npos ? name : name.substr(slash + 1);
  return file.substr(0, file.find('.'));
}

}  // namespace

std::optional<std::int64_t> parse_log_time(std::string_view text) {
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  if (!year || !month || !day || !hour || !minute || text[4] != '-' || text[7] != '-' ||
      (text[10] != ' ' && text[10] != 'T') || text[13] != ':') {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59) return std::nullopt;
  const auto second = text.size() > 16 ? digits(text, 17, 2) : 0;
  const auto millisecond = text.size() > 19 ? digits(text, 20, 3) : 0;
  if (!second || !millisecond || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60'000 + *second * 1000 + *millisecond;
}

std::string log_time_text(std::int64_t at_ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(at_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto of_day = static_cast<long>((at - day).count());
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02ld:%02ld:%02ld.%03ld",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), of_day / 3'600'000, of_day / 60'000 % 60,
                of_day / 1000 % 60, of_day % 1000);
  return text;
}

Result<TerminalLog> parse_log(std::string_view text, const std::string& name) {
  if (text.size() > log_bytes_max) {
    return make_error(ErrorCode::too_large,
                      name + ": more than 512 MiB; cut out the hour of the incident");
  }
  if (!is_utf8(text)) return make_error(ErrorCode::invalid, name + ": the file is not UTF-8 text");
  TerminalLog log;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    LogFact fact;
    if (line.size() < time_length + 3) continue;
    const auto at = parse_log_time(line.substr(0, time_length));
    if (!at) continue;
    fact.at_ms = *at;
    line.remove_prefix(time_length + 1);
    if (!take_until(line, " ")) continue;  // the level
    if (read_fact(line, fact, log)) log.facts.push_back(std::move(fact));
  }
  if (log.facts.empty()) {
    return make_error(ErrorCode::invalid,
                      name +
                          ": no line of it is one that titan-pos writes; give the file that "
                          "[log] file names in a terminal's configuration");
  }
  if (log.terminal.empty()) log.terminal = stem_of(name);
  std::stable_sort(log.facts.begin(), log.facts.end(),
                   [](const LogFact& a, const LogFact& b) { return a.at_ms < b.at_ms; });
  return log;
}

}  // namespace titan::simulations
