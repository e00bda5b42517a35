#include <boost/json.hpp>
#include <fstream>

#include "simulations/scenario/scenario_file.h"
#include "simulations/scenario/tables.h"
#include "simulations/scenario/words.h"

namespace titan::simulations {

namespace {

std::string in_quotes(std::string_view text) {
  static const char* digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += std::string("\\") + c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += std::string("\\u00") + digits[byte >> 4] + digits[byte & 15];
    } else {
      result += c;
    }
  }
  return result + "\"";
}

template <class List, class Text>
std::string listed(const List& list, Text text) {
  std::string result = "[";
  for (const auto& item : list) result += (result.size() > 1 ? ", " : "") + text(item);
  return result + "]";
}

std::string target_list(const std::vector<Target>& targets) {
  if (targets.size() == 1) return in_quotes(target_text(targets.front()));
  return listed(targets, [](const Target& target) { return in_quotes(target_text(target)); });
}

std::string text_list(const std::vector<std::string>& texts) {
  return listed(texts, [](const std::string& text) { return in_quotes(text); });
}

std::string duration_value(Duration duration) {
  return in_quotes(duration_text(duration));
}

std::string ratio_value(const Ratio& ratio) {
  return ratio.denominator == 1 ? ratio_text(ratio) : in_quotes(ratio_text(ratio));
}

std::string range_value(Duration lowest, Duration highest) {
  if (lowest == highest) return duration_value(lowest);
  return "[" + duration_value(lowest) + ", " + duration_value(highest) + "]";
}

const char* name_of(Choice choice) {
  if (choice == Choice::uniform) return "uniform";
  return choice == Choice::skewed ? "skewed" : "same-product";
}

class TomlWriter {
 public:
  std::string write(const Scenario& scenario) {
    head(scenario);
    store(scenario.topology);
    for (const auto& item : scenario.topology.switches) write_switch(item);
    terminals(scenario.topology);
    workload(scenario.workload);
    for (const auto& fault : scenario.faults) write_fault(fault);
    bounds(scenario.bounds);
    return std::move(text_);
  }

 private:
  void line(std::string_view key, const std::string& value) {
    text_ += std::string(key) + " = " + value + "\n";
  }
  void section(const std::string& title) { text_ += "\n" + title + "\n"; }

  void head(const Scenario& scenario) {
    line("format", std::to_string(scenario_format));
    line("name", in_quotes(scenario.name));
    line("purpose", in_quotes(scenario.purpose));
    if (scenario.field_report) line("field_report", std::to_string(*scenario.field_report));
    const auto seed = std::to_string(scenario.seed);
    line("seed", scenario.seed >> 63 ? in_quotes(seed) : seed);
    line("lasts", duration_value(scenario.lasts));
    if (!scenario.probes.empty()) line("probes", text_list(scenario.probes));
    if (scenario.planted_bug == PlantedBug::none) return;
    line("planted_bug", in_quotes(simulations::name_of(scenario.planted_bug)));
    line("caught_by", in_quotes(scenario.caught_by));
  }

  // Of how many terminals the short form can speak: till-1, till-2 ... at the front of the list.
  static std::size_t short_form(const Topology& topology) {
    std::size_t count = 0;
    while (count < topology.terminals.size() &&
           topology.terminals[count].name == "till-" + std::to_string(count + 1)) {
      ++count;
    }
    return count;
  }

  void store(const Topology& topology) {
    section("[store]");
    line("terminals", std::to_string(short_form(topology)));
    const auto* row =
        topology.terminals.empty() ? nullptr : hardware_of(topology.terminals.front());
    hardware_ = row ? row : &hardware_table().front();
    if (row != &hardware_table().front() && row) line("hardware", in_quotes(row->name));
    if (topology.timing == Timing::wireless) line("timing", in_quotes("wireless"));
    if (topology.cloud == CloudPresence::none) line("cloud", in_quotes("none"));
    if (!topology.cloud_switch.empty()) line("cloud_switch", in_quotes(topology.cloud_switch));
    if (topology.gateways != Topology{}.gateways) {
      line("gateways", std::to_string(topology.gateways));
    }
    if (topology.has_shared_database) line("store_database", in_quotes("shared"));
    if (!topology.has_mdns) line("mdns", "false");
    if (!topology.has_seeds) line("seeds", "false");
  }

  std::string quality_text(const LinkQuality& quality, const char* separator) {
    const LinkQuality usual;
    std::string text = "delay = " + range_value(quality.delay_min, quality.delay_max);
    const auto share = [&](const char* key, const Ratio& value, const Ratio& normal) {
      if (!same_ratio(value, normal)) {
        text += std::string(separator) + key + " = " + ratio_value(value);
      }
    };
    share("loss", quality.loss, usual.loss);
    share("duplication", quality.duplication, usual.duplication);
    share("reordering", quality.reordering, usual.reordering);
    if (quality.bytes_per_second != usual.bytes_per_second) {
      text +=
          std::string(separator) + "bytes_per_second = " + std::to_string(quality.bytes_per_second);
    }
    return text;
  }
  std::string quality_table(const LinkQuality& quality) {
    return "{ " + quality_text(quality, ", ") + " }";
  }

  void write_switch(const SwitchSpec& item) {
    section("[[switch]]");
    line("name", in_quotes(item.name));
    if (!item.uplink.empty()) line("uplink", in_quotes(item.uplink));
    if (!item.passes_multicast) line("passes_multicast", "false");
    text_ += quality_text(item.quality, "\n") + "\n";
  }

  void terminals(const Topology& topology) {
    const std::size_t in_short_form = short_form(topology);
    for (std::size_t i = 0; i < topology.terminals.size(); ++i) {
      const auto& terminal = topology.terminals[i];
      const auto* row = hardware_of(terminal);
      const bool is_special = !terminal.switch_name.empty() || terminal.is_next_version ||
                              terminal.starts_at != Duration(0) || terminal.dead_addresses != 0 ||
                              row != hardware_;
      if (i < in_short_form && !is_special) continue;
      section("[[terminal]]");
      line("name", in_quotes(terminal.name));
      if (!terminal.switch_name.empty()) line("switch", in_quotes(terminal.switch_name));
      if (row != hardware_) made_of(terminal, row);
      if (terminal.is_next_version) line("next_version", "true");
      if (terminal.starts_at != Duration(0)) line("starts_at", duration_value(terminal.starts_at));
      if (terminal.dead_addresses != 0) {
        line("dead_addresses", std::to_string(terminal.dead_addresses));
      }
    }
  }

  void made_of(const TerminalSpec& terminal, const HardwareRow* row) {
    if (row) return line("hardware", in_quotes(row->name));
    // Without a line of its own it must start from hardware that has none.
    line("hardware", in_quotes(hardware_table().front().name));
    line("commit", range_value(terminal.commit_min, terminal.commit_max));
    line("may_lead", terminal.may_lead ? "true" : "false");
    line("priority", std::to_string(terminal.priority));
    if (terminal.line) line("line", quality_table(*terminal.line));
  }

  void workload(const Workload& workload) {
    const Workload usual;
    section("[workload]");
    line("products", std::to_string(workload.products));
    line("sales_per_second", ratio_value(workload.sales_per_second));
    line("choice", in_quotes(name_of(workload.choice)));
    if (workload.lines_max != usual.lines_max) {
      line("lines_max", std::to_string(workload.lines_max));
    }
    const auto share = [&](const char* key, const Ratio& value, const Ratio& normal) {
      if (!same_ratio(value, normal)) line(key, ratio_value(value));
    };
    share("refunds", workload.refunds, usual.refunds);
    share("voids", workload.voids, usual.voids);
    share("deliveries", workload.deliveries, usual.deliveries);
    share("movements", workload.movements, usual.movements);
    share("overrides", workload.overrides, usual.overrides);
    share("repeats", workload.repeats, usual.repeats);
    share("reused_keys", workload.reused_keys, usual.reused_keys);
    if (!workload.day_file.empty()) line("day_file", in_quotes(workload.day_file));
    if (workload.day_speed != usual.day_speed) {
      line("day_speed", std::to_string(workload.day_speed));
    }
    if (workload.stops_at != usual.stops_at) line("stops_at", duration_value(workload.stops_at));
  }

  void write_fault(const Fault& fault) {
    section("[[fault]]");
    line("at", duration_value(fault.at));
    line("kind", in_quotes(row_of(fault.kind).name));
    if (!fault.targets.empty()) line("targets", target_list(fault.targets));
    if (!fault.others.empty()) line("others", target_list(fault.others));
    if (!fault.groups.empty()) {
      line("groups", listed(fault.groups, [](const std::vector<Target>& group) {
             return listed(group,
                           [](const Target& target) { return in_quotes(target_text(target)); });
           }));
    }
    if (!fault.place.empty()) line("place", in_quotes(fault.place));
    if (fault.delay != Duration(0)) line("delay", duration_value(fault.delay));
    if (fault.period != Duration(0)) line("period", duration_value(fault.period));
    if (fault.age != Duration(0)) line("age", duration_value(fault.age));
    if (fault.parts_per_million != 0) {
      line("parts_per_million", std::to_string(fault.parts_per_million));
    }
    if (fault.pages != 0) line("pages", std::to_string(fault.pages));
    if (fault.quality) line("quality", quality_table(*fault.quality));
    if (fault.lasts) line("lasts", duration_value(*fault.lasts));
  }

  void bounds(const Bounds& bounds) {
    const Bounds usual;
    const std::size_t before = text_.size();
    section("[bounds]");
    const std::size_t empty = text_.size();
    if (bounds.converge_within) line("converge_within", duration_value(*bounds.converge_within));
    if (bounds.leader_within) line("leader_within", duration_value(*bounds.leader_within));
    if (bounds.takeovers_max) {
      line("takeovers_max", std::to_string(*bounds.takeovers_max));
    }
    if (bounds.queue_entries_max != usual.queue_entries_max) {
      line("queue_entries_max", std::to_string(bounds.queue_entries_max));
    }
    if (bounds.bytes_per_missing_byte) {
      line("bytes_per_missing_byte", ratio_value(*bounds.bytes_per_missing_byte));
    }
    if (!bounds.alarms_allowed.empty()) line("alarms_allowed", text_list(bounds.alarms_allowed));
    if (text_.size() == empty) text_.resize(before);
  }

  std::string text_;
  const HardwareRow* hardware_ = nullptr;  // that the whole store is made of
};

// ---- JSON -------------------------------------------------------------------------------------

namespace json = boost::json;

json::value to_json(const Ratio& ratio) {
  return json::array{ratio.numerator, ratio.denominator};
}

json::object to_json(const LinkQuality& quality) {
  return {{"delay_min_us", quality.delay_min.count()},
          {"delay_max_us", quality.delay_max.count()},
          {"loss", to_json(quality.loss)},
          {"duplication", to_json(quality.duplication)},
          {"reordering", to_json(quality.reordering)},
          {"bytes_per_second", quality.bytes_per_second}};
}

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(to_json(*value)) : json::value();
}
json::value us_or_null(const std::optional<Duration>& value) {
  return value ? json::value(value->count()) : json::value();
}

json::array to_json(const std::vector<Target>& targets) {
  json::array list;
  for (const auto& target : targets) list.push_back(json::value(target_text(target)));
  return list;
}

json::array to_json(const std::vector<std::string>& texts) {
  json::array list;
  for (const auto& text : texts) list.push_back(json::value(text));
  return list;
}

json::object to_json(const TerminalSpec& terminal) {
  const auto* row = hardware_of(terminal);
  return {{"name", terminal.name},
          {"switch", terminal.switch_name},
          {"hardware", row ? json::value(row->name) : json::value()},
          {"commit_min_us", terminal.commit_min.count()},
          {"commit_max_us", terminal.commit_max.count()},
          {"may_lead", terminal.may_lead},
          {"priority", terminal.priority},
          {"next_version", terminal.is_next_version},
          {"starts_at_us", terminal.starts_at.count()},
          {"dead_addresses", terminal.dead_addresses},
          {"line", or_null(terminal.line)}};
}

json::object to_json(const Topology& topology) {
  json::array terminals;
  for (const auto& terminal : topology.terminals) terminals.push_back(to_json(terminal));
  json::array switches;
  for (const auto& item : topology.switches) {
    json::object object = to_json(item.quality);
    object["name"] = item.name;
    object["uplink"] = item.uplink;
    object["passes_multicast"] = item.passes_multicast;
    switches.push_back(std::move(object));
  }
  return {{"terminals", std::move(terminals)},
          {"switches", std::move(switches)},
          {"timing", topology.timing == Timing::wired ? "wired" : "wireless"},
          {"cloud", topology.cloud == CloudPresence::none ? "none" : "reachable"},
          {"cloud_switch", topology.cloud_switch},
          {"gateways", topology.gateways},
          {"store_database", topology.has_shared_database ? "shared" : "private"},
          {"mdns", topology.has_mdns},
          {"seeds", topology.has_seeds}};
}

json::object to_json(const Workload& workload) {
  const bool goes_on = workload.stops_at == Duration::max();
  return {{"products", workload.products},
          {"sales_per_second", to_json(workload.sales_per_second)},
          {"choice", name_of(workload.choice)},
          {"lines_max", workload.lines_max},
          {"refunds", to_json(workload.refunds)},
          {"voids", to_json(workload.voids)},
          {"deliveries", to_json(workload.deliveries)},
          {"movements", to_json(workload.movements)},
          {"overrides", to_json(workload.overrides)},
          {"repeats", to_json(workload.repeats)},
          {"reused_keys", to_json(workload.reused_keys)},
          {"day_file", workload.day_file},
          {"day_speed", workload.day_speed},
          {"stops_at_us", goes_on ? json::value() : json::value(workload.stops_at.count())}};
}

json::object to_json(const Fault& fault) {
  json::array groups;
  for (const auto& group : fault.groups) groups.push_back(to_json(group));
  const auto& row = row_of(fault.kind);
  return {{"kind", row.name},
          {"runs_in_lab", row.runs_in_lab},
          {"at_us", fault.at.count()},
          {"lasts_us", us_or_null(fault.lasts)},
          {"targets", to_json(fault.targets)},
          {"others", to_json(fault.others)},
          {"groups", std::move(groups)},
          {"place", fault.place},
          {"delay_us", fault.delay.count()},
          {"period_us", fault.period.count()},
          {"age_us", fault.age.count()},
          {"parts_per_million", fault.parts_per_million},
          {"pages", fault.pages},
          {"quality", or_null(fault.quality)}};
}

json::object to_json(const Bounds& bounds) {
  return {
      {"converge_within_us", us_or_null(bounds.converge_within)},
      {"leader_within_us", us_or_null(bounds.leader_within)},
      {"takeovers_max", bounds.takeovers_max ? json::value(*bounds.takeovers_max) : json::value()},
      {"queue_entries_max", bounds.queue_entries_max},
      {"bytes_per_missing_byte", or_null(bounds.bytes_per_missing_byte)},
      {"alarms_allowed", to_json(bounds.alarms_allowed)}};
}

}  // namespace

std::string scenario_toml(const Scenario& scenario) {
  return TomlWriter().write(scenario);
}

Status write_scenario(const Scenario& scenario, const std::string& path) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << scenario_toml(scenario);
  out.flush();
  if (out) return {};
  return make_error(ErrorCode::io, path + ": cannot be written; is there room, and the right to?");
}

std::string scenario_json(const Scenario& scenario) {
  json::array faults;
  for (const auto& fault : scenario.faults) faults.push_back(to_json(fault));
  const json::object object = {
      {"format", scenario_format},
      {"name", scenario.name},
      {"purpose", scenario.purpose},
      {"field_report", scenario.field_report ? json::value(*scenario.field_report) : json::value()},
      {"seed", scenario.seed},
      {"lasts_us", scenario.lasts.count()},
      {"topology", to_json(scenario.topology)},
      {"workload", to_json(scenario.workload)},
      {"faults", std::move(faults)},
      {"probes", to_json(scenario.probes)},
      {"bounds", to_json(scenario.bounds)},
      {"planted_bug", simulations::name_of(scenario.planted_bug)},
      {"caught_by", scenario.caught_by}};
  return json::serialize(object);
}

}  // namespace titan::simulations
