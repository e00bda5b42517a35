// The keys that a terminal's configuration may hold: what each one takes, whose matter it is, and
// whether a running terminal can take a new value. The one place for a rule about a key.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/toml/toml.h"
#include "pos-node/config/config.h"

namespace titan::pos {

// Which file a key belongs into, where a store has a file of its own (store.toml).
enum class Home {
  store,   // the same on every terminal: in the store's file only
  till,    // this terminal's own: in its file only
  either,  // the store's file may set it for all, and a terminal may differ
};

// Says what is wrong with a value, or nothing.
using Complaint = std::optional<std::string>;

struct Key {
  const char* section;
  const char* name;
  std::function<Complaint(Config&, const toml::node&)> read;
  std::function<std::string(const Config&)> show;  // as TOML; secrets are not shown
  std::function<bool(const Config&, const Config&)> equal;
  std::function<void(Config& to, const Config& from)> take;
  Home home = Home::till;
  bool required = false;
  bool reloads = false;  // a running terminal takes a new value without a restart

  std::string full_name() const { return std::string(section) + "." + name; }
};

// In the order in which a configuration is shown.
const std::vector<Key>& all_keys();
// Null: there is no such key.
const Key* find_key(const std::string& section, const std::string& name);
bool is_section(const std::string& name);
// "[store], [tax], ..." and "tenant, store, ...".
std::string known_sections();
std::string known_names(const std::string& section);

}  // namespace titan::pos
