// Reads a terminal's configuration from its files and says everything that is wrong with them at
// once, each with its file and line.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "pos-node/config/config.h"
#include "pos-node/config/config_keys.h"

namespace titan::pos {
namespace {

constexpr std::size_t config_bytes_max = 1024 * 1024;
// Lines that are no TOML; what stands behind so many is not worth reading.
constexpr int broken_lines_max = 20;

struct Source {
  std::string name;  // of the file, in messages
  std::string text;
  bool is_store_file = false;
};

struct Place {
  const Source* source;
  std::uint32_t line = 0;  // 0: the file as a whole
};

class Reader {
 public:
  // `own`: the terminal's file. `store`: the store's, if there is one.
  Reader(const Source& own, const Source* store) : own_(own), store_(store) {}

  Result<Config> read() {
    // The store's file first: where a terminal may differ, its own value goes before.
    if (store_) read_file(*store_);
    read_file(own_);
    check_required();
    check_together();
    if (complaints_.empty()) return config_;
    return make_error(ErrorCode::invalid, in_order());
  }

 private:
  struct Said {
    Place place;
    std::string text;
  };

  void complain(Place place, std::string text) { complaints_.push_back({place, std::move(text)}); }

  std::string in_order() {
    std::stable_sort(complaints_.begin(), complaints_.end(), [](const Said& a, const Said& b) {
      if (a.place.source != b.place.source) return b.place.source->is_store_file;
      return a.place.line < b.place.line;
    });
    std::string all;
    for (const Said& said : complaints_) {
      all += (all.empty() ? "" : "\n") + said.place.source->name;
      if (said.place.line > 0) all += ":" + std::to_string(said.place.line);
      all += ": " + said.text;
    }
    return all;
  }

  // A line that is no TOML is told and left out, so that what is wrong in the others is told, too.
  toml::table parse(const Source& source) {
    std::string text = source.text;
    for (int broken = 0; broken < broken_lines_max; ++broken) {
      try {
        return toml::parse(text, source.name);
      } catch (const toml::parse_error& error) {
        const std::uint32_t line = error.source().begin.line;
        complain({&source, line}, "column " + std::to_string(error.source().begin.column) + ": " +
                                      std::string(error.description()));
        if (!strike_out(text, line)) break;
      } catch (const MalformedToml&) {
        complain({&source}, "this is no TOML; write it anew from the sample");
        break;
      }
    }
    is_readable_ = false;
    return {};
  }

  bool strike_out(std::string& text, std::uint32_t line) {
    std::size_t begin = 0;
    for (std::uint32_t at = 1; at < line; ++at) {
      begin = text.find('\n', begin);
      if (begin == std::string::npos) return false;
      ++begin;
    }
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (begin == end || text[begin] == '#') return false;  // struck out already: no way on
    const std::string name = text.substr(begin, text.find_first_of(" \t=", begin) - begin);
    struck_.insert(name);
    if (name.starts_with("[")) is_readable_ = false;  // the keys below belong elsewhere
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(begin),
              text.begin() + static_cast<std::ptrdiff_t>(end), '#');
    return true;
  }

  void read_file(const Source& source) {
    const toml::table root = parse(source);
    for (const auto& [key, node] : root) {
      const std::string section(key.str());
      const Place place{&source, node.source().begin.line};
      const toml::table* table = node.as_table();
      if (!is_section(section)) {
        complain(place,
                 "unknown section or key \"" + section + "\"; known are " + known_sections());
      } else if (!table) {
        complain(place, "\"" + section + "\" must be a section, written [" + section + "]");
      } else {
        sections_[{&source, section}] = place;
        for (const auto& [name, value] : *table) {
          read_key(source, section, std::string(name.str()), value);
        }
      }
    }
  }

  void read_key(const Source& source, const std::string& section, const std::string& name,
                const toml::node& value) {
    const Place place{&source, value.source().begin.line};
    const Key* key = find_key(section, name);
    if (!key) {
      complain(place, "unknown key " + section + "." + name + "; known under [" + section +
                          "] are " + known_names(section));
      return;
    }
    if (const Complaint misplaced = is_misplaced(*key, source)) return complain(place, *misplaced);
    found_.insert(key);
    const Complaint complaint = key->read(config_, value);
    if (complaint) complain(place, key->full_name() + " " + *complaint);
  }

  Complaint is_misplaced(const Key& key, const Source& source) const {
    if (source.is_store_file && key.home == Home::till) {
      return key.full_name() + " is one terminal's own; write it into " + own_.name;
    }
    if (!source.is_store_file && store_ && key.home == Home::store) {
      return key.full_name() + " is the same on every terminal of the store; it belongs into " +
             store_->name + " alone";
    }
    return std::nullopt;
  }

  void check_required() {
    if (!is_readable_) return;
    for (const Key& key : all_keys()) {
      if (!key.required || found_.contains(&key) || struck_.contains(key.name)) continue;
      const Source* home = store_ && key.home == Home::store ? store_ : &own_;
      complain(place_of(home, key.section),
               key.full_name() + " is missing; add it under [" + std::string(key.section) + "]");
    }
  }

  Place place_of(const Source* source, const std::string& section) const {
    const auto at = sections_.find({source, section});
    return at == sections_.end() ? Place{source} : at->second;
  }
  // Of a section that is the store's.
  Place place_of(const std::string& section) const {
    return place_of(store_ ? store_ : &own_, section);
  }

  void check_together() {
    if (const auto rule = cash_rule_of(config_); !rule) {
      complain(place_of("store"), rule.error().field + ": " + rule.error().message);
    }
    if (config_.cloud_url.empty() || !is_readable_) return;
    if (config_.cloud_access_key.empty()) {
      complain(place_of("cloud"),
               "cloud.access_key is needed with cloud.url; head office hands it out");
    }
    if (config_.cloud_public_key.empty()) {
      complain(place_of("cloud"),
               "cloud.public_key is needed with cloud.url; the cloud tells it under "
               "GET /v1/key");
    }
  }

  const Source& own_;
  const Source* const store_;
  Config config_;
  std::vector<Said> complaints_;
  std::set<const Key*> found_;
  std::set<std::string> struck_;  // names at the beginning of lines that are no TOML
  std::map<std::pair<const Source*, std::string>, Place> sections_;  // where each one begins
  bool is_readable_ = true;  // nothing of the files is left out but lines of `struck_`
};

Result<Source> read_source(const std::string& path) {
  auto text = read_config_file(path);
  if (!text) return text.error();
  return Source{path, std::move(*text)};
}

// What [store] file says, if that much can be read. A file that is no TOML is told by the Reader.
std::string store_file_of(const Source& own) {
  try {
    const toml::table root = toml::parse(own.text, own.name);
    return root["store"]["file"].value_or(std::string());
  } catch (const toml::parse_error&) {
  } catch (const MalformedToml&) {
  }
  // Found in a file with a broken line, too, so that all is told at once.
  std::string section;
  std::size_t begin = 0;
  while (begin < own.text.size()) {
    const std::size_t end = std::min(own.text.find('\n', begin), own.text.size());
    const std::string line = own.text.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with("[")) section = line;
    if (!section.starts_with("[store]") || !line.starts_with("file")) continue;
    const std::size_t open = line.find('"');
    const std::size_t close = line.rfind('"');
    if (open != close) return line.substr(open + 1, close - open - 1);
  }
  return {};
}

}  // namespace

Result<std::string> read_config_file(const std::string& path) {
  std::error_code none;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, none)) {
    return make_error(ErrorCode::io, path + ": cannot be read; check the path and its rights");
  }
  std::string text(config_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return make_error(ErrorCode::io, path + ": cannot be read to its end");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > config_bytes_max) {
    return make_error(ErrorCode::invalid, path + ": is over 1 MiB; that is no configuration");
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return make_error(ErrorCode::invalid,
                      path + ": is UTF-16, as some Windows editors write it; save it as UTF-8");
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return make_error(ErrorCode::invalid,
                      path + ": is empty; was it copied whole before the stick was pulled?");
  }
  return text;
}

Result<Config> parse_config(std::string_view text, const std::string& name) {
  const Source own{name, std::string(text)};
  return Reader(own, nullptr).read();
}

Result<Config> parse_config(std::string_view own_text, const std::string& own_name,
                            std::string_view store_text, const std::string& store_name) {
  const Source own{own_name, std::string(own_text)};
  const Source store{store_name, std::string(store_text), true};
  return Reader(own, &store).read();
}

Result<Config> load_config(const std::string& path) {
  auto own = read_source(path);
  if (!own) return own.error();
  std::optional<Source> store;
  if (const std::string named = store_file_of(*own); !named.empty()) {
    // Beside the terminal's own file, wherever the program was called.
    auto read = read_source(std::filesystem::path(path).parent_path() / named);
    if (read) {
      store.emplace(std::move(*read));
      store->is_store_file = true;
    } else {
      return make_error(read.error().code,
                        read.error().message + " ([store] file in " + path + ")");
    }
  }
  auto config = Reader(*own, store ? &*store : nullptr).read();
  if (config) config->file = path;
  return config;
}

std::vector<ConfigChange> config_changes(const Config& running, const Config& now) {
  std::vector<ConfigChange> changes;
  for (const Key& key : all_keys()) {
    if (!key.equal(running, now)) changes.push_back({key.full_name(), !key.reloads});
  }
  return changes;
}

void take_reloadable(const Config& now, Config& running) {
  for (const Key& key : all_keys()) {
    if (key.reloads) key.take(running, now);
  }
}

}  // namespace titan::pos
