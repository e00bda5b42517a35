#include "simulations/scenario/toml_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "simulations/scenario/words.h"

namespace titan::simulations {

namespace {

constexpr const char* duration_hint = "must be a time like \"10s\", \"200ms\" or \"1m30s\"";
constexpr const char* ratio_hint = "must be a share like \"2%\" or \"1/3\", or a number";
constexpr const char* targets_hint =
    "must be a terminal's name, \"leader\", \"follower\" or \"any\", or a list of these";
constexpr double ratio_float_max = 1e9;

}  // namespace

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

void TomlReader::stands_at(const std::string& path, const toml::node& node) {
  lines_[path] = node.source().begin.line;
}

void TomlReader::complain(const toml::source_region& where, const std::string& path,
                          const std::string& what) {
  complaints_.emplace_back(where.begin.line, path + ": " + what);
}

void TomlReader::complain(const std::string& path, const std::string& what) {
  std::string part = path;
  while (!part.empty() && !lines_.contains(part)) {
    const auto end = part.find_last_of(".[");
    part = end == std::string::npos ? "" : part.substr(0, end);
  }
  complaints_.emplace_back(part.empty() ? 1 : lines_.at(part), path + ": " + what);
}

std::string TomlReader::complaints() const {
  auto sorted = complaints_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [line, what] : sorted) {
    text += (text.empty() ? "" : "\n") + file_ + ":" + std::to_string(line) + ": " + what;
  }
  return text;
}

void TomlReader::refuse_unknown(const toml::table& table, const std::string& path,
                                const std::vector<std::string_view>& known) {
  for (const auto& [key, node] : table) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
    std::string what = "unknown key" + did_you_mean(key.str(), known);
    if (what == "unknown key") {
      what += "; known are";
      for (const auto& name : known) what += (name == known[0] ? " " : ", ") + std::string(name);
    }
    complain(key.source(), join(path, key.str()), what);
  }
}

const toml::node* TomlReader::find(const toml::table& table, const std::string& path,
                                   const char* key) {
  const toml::node* node = table.get(key);
  if (node) stands_at(join(path, key), *node);
  return node;
}

const toml::table* TomlReader::table(const toml::table& parent, const std::string& path,
                                     const char* key) {
  const toml::node* node = find(parent, path, key);
  if (!node) return nullptr;
  if (!node->is_table()) complain(node->source(), join(path, key), "must be a table");
  return node->as_table();
}

std::vector<const toml::table*> TomlReader::tables(const toml::table& parent, const char* key) {
  std::vector<const toml::table*> found;
  const toml::node* node = find(parent, "", key);
  if (!node) return found;
  const toml::array* list = node->as_array();
  if (!list) complain(node->source(), key, "write [[" + std::string(key) + "]] for each one");
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const std::string path = std::string(key) + "[" + std::to_string(i) + "]";
    const toml::table* item = (*list)[i].as_table();
    if (!item) {
      complain((*list)[i].source(), path, "must be a table");
      continue;
    }
    stands_at(path, *item);
    found.push_back(item);
  }
  return found;
}

void TomlReader::text(const toml::table& table, const std::string& path, const char* key,
                      std::string& value) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  if (const auto read = node->value_exact<std::string>()) {
    value = *read;
  } else {
    complain(node->source(), join(path, key), "must be text in quotation marks");
  }
}

std::size_t TomlReader::word(const toml::table& table, const std::string& path, const char* key,
                             const std::vector<std::string_view>& words, std::size_t otherwise) {
  std::string read(words[otherwise]);
  text(table, path, key, read);
  const auto found = std::find(words.begin(), words.end(), read);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string known;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) known += i + 1 == words.size() ? " or " : ", ";
    known += "\"" + std::string(words[i]) + "\"";
  }
  complain(join(path, key), "must be " + known);
  return otherwise;
}

void TomlReader::flag(const toml::table& table, const std::string& path, const char* key,
                      bool& value) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  if (const auto read = node->value_exact<bool>()) {
    value = *read;
  } else {
    complain(node->source(), join(path, key), "must be true or false");
  }
}

std::optional<std::uint32_t> TomlReader::integer(const toml::table& table, const std::string& path,
                                                 const char* key) {
  const toml::node* node = find(table, path, key);
  if (!node) return std::nullopt;
  const auto read = node->value_exact<std::int64_t>();
  if (!read || *read < 0 || *read > std::numeric_limits<std::uint32_t>::max()) {
    complain(node->source(), join(path, key), "must be a whole number from 0 to 4294967295");
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*read);
}

void TomlReader::signed_number(const toml::table& table, const std::string& path, const char* key,
                               std::int64_t& value) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  if (const auto read = node->value_exact<std::int64_t>()) {
    value = *read;
  } else {
    complain(node->source(), join(path, key), "must be a whole number");
  }
}

std::optional<Duration> TomlReader::duration_of(const toml::node& node, const std::string& path) {
  const auto text = node.value_exact<std::string>();
  const auto read = text ? parse_duration(*text) : std::nullopt;
  if (!read) complain(node.source(), path, duration_hint);
  return read;
}

void TomlReader::duration(const toml::table& table, const std::string& path, const char* key,
                          Duration& value) {
  std::optional<Duration> read;
  duration(table, path, key, read);
  if (read) value = *read;
}

void TomlReader::duration(const toml::table& table, const std::string& path, const char* key,
                          std::optional<Duration>& value) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  if (const auto read = duration_of(*node, join(path, key))) value = read;
}

void TomlReader::range(const toml::table& table, const std::string& path, const char* key,
                       Duration& lowest, Duration& highest) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  const std::string place = join(path, key);
  const toml::array* list = node->as_array();
  if (!list) {
    if (const auto read = duration_of(*node, place)) lowest = highest = *read;
    return;
  }
  if (list->size() != 2) {
    complain(node->source(), place, "must be one time, or two: the lowest and the highest");
    return;
  }
  const auto first = duration_of((*list)[0], place);
  const auto second = duration_of((*list)[1], place);
  if (first) lowest = *first;
  if (second) highest = *second;
}

void TomlReader::ratio(const toml::table& table, const std::string& path, const char* key,
                       Ratio& value) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  std::optional<Ratio> read;
  if (const auto text = node->value_exact<std::string>()) read = parse_ratio(*text);
  if (const auto whole = node->value_exact<std::int64_t>(); whole && *whole >= 0) {
    read = Ratio{static_cast<std::uint64_t>(*whole), 1};
  }
  if (const auto real = node->value_exact<double>();
      real && *real >= 0 && *real < ratio_float_max) {
    constexpr std::uint64_t scale = 1'000'000;
    const auto scaled = static_cast<std::uint64_t>(std::llround(*real * scale));
    const auto divisor = std::gcd(scaled, scale);
    read = Ratio{scaled / divisor, scale / divisor};
  }
  if (read) {
    value = *read;
  } else {
    complain(node->source(), join(path, key), ratio_hint);
  }
}

std::optional<std::vector<std::string>> TomlReader::texts_of(const toml::node& node,
                                                             const std::string& path) {
  if (const auto single = node.value_exact<std::string>()) return std::vector{*single};
  const toml::array* list = node.as_array();
  if (!list) return std::nullopt;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto item = (*list)[i].value_exact<std::string>();
    if (!item) return std::nullopt;
    stands_at(path + "[" + std::to_string(i) + "]", (*list)[i]);
    values.push_back(*item);
  }
  return values;
}

void TomlReader::texts(const toml::table& table, const std::string& path, const char* key,
                       std::vector<std::string>& values) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  if (auto read = texts_of(*node, join(path, key))) {
    values = std::move(*read);
  } else {
    complain(node->source(), join(path, key), "must be a list of texts in quotation marks");
  }
}

void TomlReader::targets(const toml::table& table, const std::string& path, const char* key,
                         std::vector<Target>& values) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  const auto read = texts_of(*node, join(path, key));
  if (!read) return complain(node->source(), join(path, key), targets_hint);
  for (const auto& name : *read) values.push_back(parse_target(name));
}

void TomlReader::target_groups(const toml::table& table, const std::string& path, const char* key,
                               std::vector<std::vector<Target>>& values) {
  const toml::node* node = find(table, path, key);
  if (!node) return;
  const std::string place = join(path, key);
  const toml::array* list = node->as_array();
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const std::string group = place + "[" + std::to_string(i) + "]";
    const toml::node& item = (*list)[i];
    const auto read = item.is_array() ? texts_of(item, group) : std::nullopt;
    if (!read) {
      complain(item.source(), group, "must be a list of terminals' names");
      continue;
    }
    stands_at(group, item);
    auto& targets_of_group = values.emplace_back();
    for (const auto& name : *read) targets_of_group.push_back(parse_target(name));
  }
  if (!list) {
    complain(node->source(), place, "must be a list of lists, like [[\"till-1\"], [\"till-2\"]]");
  }
}

}  // namespace titan::simulations
