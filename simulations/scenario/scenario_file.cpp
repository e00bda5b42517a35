#include "simulations/scenario/scenario_file.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/utf8.h"
#include "simulations/scenario/tables.h"
#include "simulations/scenario/toml_reader.h"
#include "simulations/scenario/words.h"

namespace titan::simulations {

namespace {

constexpr std::uint32_t terminals_limit = 1'000;  // what is above a store's size is told later

class ScenarioReader {
 public:
  explicit ScenarioReader(const std::string& file) : reader_(file) {}

  Result<Scenario> read(const toml::table& root) {
    if (!read_format(root)) return failure();
    read_head(root);
    if (const auto* table = reader_.table(root, "", "store")) read_store(*table);
    read_switches(root);
    read_terminals(root);
    if (const auto* table = reader_.table(root, "", "workload")) read_workload(*table);
    const auto faults = reader_.tables(root, "fault");
    for (std::size_t i = 0; i < faults.size(); ++i) {
      read_fault(*faults[i], "fault[" + std::to_string(i) + "]");
    }
    if (const auto* table = reader_.table(root, "", "bounds")) read_bounds(*table);
    if (reader_.is_clean()) {
      for (const auto& complaint : validate(scenario_)) {
        reader_.complain(complaint.path, complaint.message);
      }
    }
    if (!reader_.is_clean()) return failure();
    return std::move(scenario_);
  }

 private:
  Error failure() const { return make_error(ErrorCode::invalid, reader_.complaints()); }

  bool read_format(const toml::table& root) {
    const toml::node* node = root.get("format");
    if (!node) {
      reader_.complain("format", "is missing: write format = 1 at the top of the file");
      return false;
    }
    const auto version = node->value_exact<std::int64_t>();
    if (version == scenario_format) return true;
    reader_.complain(node->source(), "format",
                     "this program reads scenarios of format 1 only; this one needs another "
                     "version of it");
    return false;
  }

  void read_head(const toml::table& root) {
    reader_.refuse_unknown(
        root, "",
        {"format", "name", "purpose", "field_report", "seed", "lasts", "probes", "planted_bug",
         "caught_by", "store", "switch", "terminal", "workload", "fault", "bounds"});
    reader_.text(root, "", "name", scenario_.name);
    reader_.text(root, "", "purpose", scenario_.purpose);
    if (root.contains("field_report")) {
      reader_.number(root, "", "field_report", scenario_.field_report.emplace());
    }
    read_seed(root);
    reader_.duration(root, "", "lasts", scenario_.lasts);
    reader_.texts(root, "", "probes", scenario_.probes);
    reader_.text(root, "", "caught_by", scenario_.caught_by);
    std::string bug = "none";
    reader_.text(root, "", "planted_bug", bug);
    if (const auto found = planted_bug(bug)) {
      scenario_.planted_bug = *found;
    } else {
      std::vector<std::string_view> known;
      for (const auto& row : planted_bug_table()) known.push_back(row.name);
      reader_.complain("planted_bug", "there is no bug '" + bug + "'" + did_you_mean(bug, known));
    }
  }

  // TOML's integers end at 2^63 - 1, seeds do not: the greater ones are text.
  void read_seed(const toml::table& root) {
    const toml::node* node = root.get("seed");
    if (!node) return;
    if (const auto text = node->value_exact<std::string>()) {
      std::istringstream in(*text);
      const bool has_digits = !text->empty() && std::all_of(text->begin(), text->end(), [](char c) {
        return c >= '0' && c <= '9';
      });
      if (has_digits && in >> scenario_.seed) return;
    } else if (const auto number = node->value_exact<std::int64_t>(); number && *number >= 0) {
      scenario_.seed = static_cast<std::uint64_t>(*number);
      return;
    }
    reader_.complain(node->source(), "seed", "must be a whole number from 0");
  }

  void read_store(const toml::table& table) {
    const std::string path = "store";
    reader_.refuse_unknown(table, path,
                           {"terminals", "hardware", "timing", "cloud", "cloud_switch", "gateways",
                            "store_database", "mdns", "seeds"});
    auto& topology = scenario_.topology;
    std::uint32_t count = 0;
    reader_.number(table, path, "terminals", count);
    reader_.text(table, path, "hardware", hardware_);
    if (!hardware(hardware_)) complain_hardware(path, hardware_);
    for (std::uint32_t i = 0; i < std::min(count, terminals_limit); ++i) {
      TerminalSpec terminal;
      terminal.name = "till-" + std::to_string(i + 1);
      if (const auto* row = hardware(hardware_)) apply(*row, terminal);
      topology.terminals.push_back(std::move(terminal));
    }
    const auto timing = reader_.word(table, path, "timing", {"wired", "wireless"}, 0);
    topology.timing = timing == 1 ? Timing::wireless : Timing::wired;
    const auto cloud = reader_.word(table, path, "cloud", {"reachable", "none"}, 0);
    topology.cloud = cloud == 1 ? CloudPresence::none : CloudPresence::reachable;
    reader_.text(table, path, "cloud_switch", topology.cloud_switch);
    reader_.number(table, path, "gateways", topology.gateways);
    topology.has_shared_database =
        reader_.word(table, path, "store_database", {"private", "shared"}, 0) == 1;
    reader_.flag(table, path, "mdns", topology.has_mdns);
    reader_.flag(table, path, "seeds", topology.has_seeds);
  }

  void complain_hardware(const std::string& path, const std::string& name) {
    std::vector<std::string_view> known;
    for (const auto& row : hardware_table()) known.push_back(row.name);
    std::string all;
    for (const auto& row : known) all += (all.empty() ? "" : ", ") + std::string(row);
    reader_.complain(join(path, "hardware"),
                     "there is no hardware '" + name + "'; there is " + all);
  }

  void read_quality(const toml::table& table, const std::string& path, LinkQuality& quality) {
    reader_.range(table, path, "delay", quality.delay_min, quality.delay_max);
    reader_.ratio(table, path, "loss", quality.loss);
    reader_.ratio(table, path, "duplication", quality.duplication);
    reader_.ratio(table, path, "reordering", quality.reordering);
    std::int64_t rate = static_cast<std::int64_t>(quality.bytes_per_second);
    reader_.signed_number(table, path, "bytes_per_second", rate);
    if (rate < 0) reader_.complain(join(path, "bytes_per_second"), "must not be negative");
    quality.bytes_per_second = static_cast<std::uint64_t>(std::max<std::int64_t>(rate, 0));
  }

  // A quality as a table of its own: line = { delay = "5ms", loss = "1%" }.
  void read_quality_table(const toml::table& parent, const std::string& path, const char* key,
                          std::optional<LinkQuality>& quality) {
    const auto* table = reader_.table(parent, path, key);
    if (!table) return;
    reader_.refuse_unknown(*table, join(path, key),
                           {"delay", "loss", "duplication", "reordering", "bytes_per_second"});
    read_quality(*table, join(path, key), quality.emplace());
  }

  void read_switches(const toml::table& root) {
    const auto list = reader_.tables(root, "switch");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string path = "switch[" + std::to_string(i) + "]";
      reader_.refuse_unknown(*list[i], path,
                             {"name", "uplink", "passes_multicast", "delay", "loss", "duplication",
                              "reordering", "bytes_per_second"});
      SwitchSpec item;
      reader_.text(*list[i], path, "name", item.name);
      reader_.text(*list[i], path, "uplink", item.uplink);
      reader_.flag(*list[i], path, "passes_multicast", item.passes_multicast);
      read_quality(*list[i], path, item.quality);
      scenario_.topology.switches.push_back(std::move(item));
    }
  }

  // A row about a terminal of the short form changes that one; any other adds a terminal.
  void read_terminals(const toml::table& root) {
    auto& terminals = scenario_.topology.terminals;
    const std::size_t short_form = terminals.size();
    const auto list = reader_.tables(root, "terminal");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string path = "terminal[" + std::to_string(i) + "]";
      std::string name;
      reader_.text(*list[i], path, "name", name);
      const auto end = terminals.begin() + static_cast<std::ptrdiff_t>(short_form);
      const auto found = std::find_if(terminals.begin(), end, [&name](const TerminalSpec& known) {
        return known.name == name;
      });
      if (found != end) {
        read_terminal(*list[i], path, *found);
        continue;
      }
      TerminalSpec terminal;
      terminal.name = name;
      if (const auto* row = hardware(hardware_)) apply(*row, terminal);
      read_terminal(*list[i], path, terminal);
      terminals.push_back(std::move(terminal));
    }
  }

  void read_terminal(const toml::table& table, const std::string& path, TerminalSpec& terminal) {
    reader_.refuse_unknown(table, path,
                           {"name", "switch", "hardware", "commit", "may_lead", "priority",
                            "next_version", "starts_at", "dead_addresses", "line"});
    if (table.contains("hardware")) {
      std::string name;
      reader_.text(table, path, "hardware", name);
      if (const auto* row = hardware(name)) {
        apply(*row, terminal);
      } else {
        complain_hardware(path, name);
      }
    }
    reader_.text(table, path, "switch", terminal.switch_name);
    reader_.range(table, path, "commit", terminal.commit_min, terminal.commit_max);
    reader_.flag(table, path, "may_lead", terminal.may_lead);
    reader_.number(table, path, "priority", terminal.priority);
    reader_.flag(table, path, "next_version", terminal.is_next_version);
    reader_.duration(table, path, "starts_at", terminal.starts_at);
    reader_.number(table, path, "dead_addresses", terminal.dead_addresses);
    read_quality_table(table, path, "line", terminal.line);
  }

  void read_workload(const toml::table& table) {
    const std::string path = "workload";
    reader_.refuse_unknown(
        table, path,
        {"products", "sales_per_second", "choice", "lines_max", "refunds", "voids", "deliveries",
         "movements", "overrides", "repeats", "reused_keys", "day_file", "day_speed", "stops_at"});
    auto& workload = scenario_.workload;
    reader_.number(table, path, "products", workload.products);
    reader_.ratio(table, path, "sales_per_second", workload.sales_per_second);
    constexpr Choice choices[] = {Choice::uniform, Choice::skewed, Choice::same_product};
    workload.choice =
        choices[reader_.word(table, path, "choice", {"uniform", "skewed", "same-product"}, 1)];
    reader_.number(table, path, "lines_max", workload.lines_max);
    reader_.ratio(table, path, "refunds", workload.refunds);
    reader_.ratio(table, path, "voids", workload.voids);
    reader_.ratio(table, path, "deliveries", workload.deliveries);
    reader_.ratio(table, path, "movements", workload.movements);
    reader_.ratio(table, path, "overrides", workload.overrides);
    reader_.ratio(table, path, "repeats", workload.repeats);
    reader_.ratio(table, path, "reused_keys", workload.reused_keys);
    reader_.text(table, path, "day_file", workload.day_file);
    reader_.number(table, path, "day_speed", workload.day_speed);
    reader_.duration(table, path, "stops_at", workload.stops_at);
  }

  void read_fault(const toml::table& table, const std::string& path) {
    std::string kind;
    reader_.text(table, path, "kind", kind);
    const auto& rows = fault_table();
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const FaultRow& known) { return known.name == kind; });
    if (row == rows.end()) {
      std::vector<std::string_view> known;
      for (const auto& known_row : rows) known.push_back(known_row.name);
      reader_.complain(join(path, "kind"), kind.empty() ? "is missing: what breaks"
                                                        : "there is no fault '" + kind + "'" +
                                                              did_you_mean(kind, known));
      return;
    }
    std::vector<std::string_view> keys = {"kind", "at", "lasts"};
    for (const auto& field : row->fields) keys.push_back(field.key);
    reader_.refuse_unknown(table, path, keys);
    Fault fault;
    fault.kind = row->kind;
    if (!table.contains("at")) reader_.complain(path, "'at' is missing: when it breaks");
    reader_.duration(table, path, "at", fault.at);
    reader_.duration(table, path, "lasts", fault.lasts);
    reader_.targets(table, path, "targets", fault.targets);
    reader_.targets(table, path, "others", fault.others);
    reader_.target_groups(table, path, "groups", fault.groups);
    reader_.text(table, path, "place", fault.place);
    reader_.duration(table, path, "delay", fault.delay);
    reader_.duration(table, path, "period", fault.period);
    reader_.duration(table, path, "age", fault.age);
    reader_.signed_number(table, path, "parts_per_million", fault.parts_per_million);
    reader_.number(table, path, "pages", fault.pages);
    read_quality_table(table, path, "quality", fault.quality);
    scenario_.faults.push_back(std::move(fault));
  }

  void read_bounds(const toml::table& table) {
    const std::string path = "bounds";
    reader_.refuse_unknown(table, path,
                           {"converge_within", "leader_within", "takeovers_max",
                            "queue_entries_max", "bytes_per_missing_byte", "alarms_allowed"});
    auto& bounds = scenario_.bounds;
    reader_.duration(table, path, "converge_within", bounds.converge_within);
    reader_.duration(table, path, "leader_within", bounds.leader_within);
    if (table.contains("takeovers_max")) {
      reader_.number(table, path, "takeovers_max", bounds.takeovers_max.emplace());
    }
    reader_.number(table, path, "queue_entries_max", bounds.queue_entries_max);
    if (table.contains("bytes_per_missing_byte")) {
      reader_.ratio(table, path, "bytes_per_missing_byte",
                    bounds.bytes_per_missing_byte.emplace(Ratio{1, 1}));
    }
    reader_.texts(table, path, "alarms_allowed", bounds.alarms_allowed);
  }

  TomlReader reader_;
  Scenario scenario_;
  std::string hardware_ = "wired-fast-disk";
};

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, const std::string& name) {
  if (text.size() > scenario_bytes_max) {
    return make_error(ErrorCode::too_large, name + ": a scenario file has at most 4 MiB");
  }
  if (!is_utf8(text)) {
    return make_error(ErrorCode::invalid, name + ": the file is not UTF-8 text");
  }
  toml::table root;
  try {
    root = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::invalid, name + ":" + std::to_string(error.source().begin.line) +
                                              ": " + std::string(error.description()));
  } catch (const MalformedToml&) {
    return make_error(ErrorCode::invalid, name +
                                              ":1: this is no TOML; what follows a broken line "
                                              "cannot be told");
  }
  return ScenarioReader(name).read(root);
}

Result<Scenario> read_scenario(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || in.bad()) {
    return make_error(ErrorCode::io, path + ": cannot be read; is there such a file?");
  }
  return parse_scenario(text.str(), path);
}

}  // namespace titan::simulations
