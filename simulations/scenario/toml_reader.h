// What reading a scenario file needs of TOML: typed values with a complaint that names file, line
// and key, and where each part of the scenario stood, for complaints that come later.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/toml/toml.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

class TomlReader {
 public:
  explicit TomlReader(std::string file) : file_(std::move(file)) {}

  // `path` of the table is empty for the file itself.
  void refuse_unknown(const toml::table& table, const std::string& path,
                      const std::vector<std::string_view>& known);
  const toml::table* table(const toml::table& parent, const std::string& path, const char* key);
  // [[key]]; null if there is none.
  std::vector<const toml::table*> tables(const toml::table& parent, const char* key);

  void text(const toml::table& table, const std::string& path, const char* key, std::string& value);
  // One of `words`, by its place; `otherwise` where the file has none of them.
  std::size_t word(const toml::table& table, const std::string& path, const char* key,
                   const std::vector<std::string_view>& words, std::size_t otherwise);
  void flag(const toml::table& table, const std::string& path, const char* key, bool& value);
  template <class Number>
  void number(const toml::table& table, const std::string& path, const char* key, Number& value) {
    if (const auto read = integer(table, path, key)) value = static_cast<Number>(*read);
  }
  // May be negative, unlike the others.
  void signed_number(const toml::table& table, const std::string& path, const char* key,
                     std::int64_t& value);
  void duration(const toml::table& table, const std::string& path, const char* key,
                Duration& value);
  void duration(const toml::table& table, const std::string& path, const char* key,
                std::optional<Duration>& value);
  // "5ms", or ["1ms", "9ms"].
  void range(const toml::table& table, const std::string& path, const char* key, Duration& lowest,
             Duration& highest);
  void ratio(const toml::table& table, const std::string& path, const char* key, Ratio& value);
  void texts(const toml::table& table, const std::string& path, const char* key,
             std::vector<std::string>& values);
  // "leader", or ["till-1", "follower"].
  void targets(const toml::table& table, const std::string& path, const char* key,
               std::vector<Target>& values);
  void target_groups(const toml::table& table, const std::string& path, const char* key,
                     std::vector<std::vector<Target>>& values);

  void stands_at(const std::string& path, const toml::node& node);
  void complain(const toml::source_region& where, const std::string& path, const std::string& what);
  // At the line of the part, or of the nearest part around it.
  void complain(const std::string& path, const std::string& what);

  bool is_clean() const { return complaints_.empty(); }
  std::string complaints() const;

 private:
  const toml::node* find(const toml::table& table, const std::string& path, const char* key);
  std::optional<std::uint32_t> integer(const toml::table& table, const std::string& path,
                                       const char* key);
  std::optional<Duration> duration_of(const toml::node& node, const std::string& path);
  std::optional<std::vector<std::string>> texts_of(const toml::node& node, const std::string& path);

  const std::string file_;
  std::map<std::string, std::uint32_t> lines_;  // path -> line
  std::vector<std::pair<std::uint32_t, std::string>> complaints_;
};

// "fault[2]" and "targets" give "fault[2].targets".
std::string join(const std::string& path, std::string_view key);

}  // namespace titan::simulations
