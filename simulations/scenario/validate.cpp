#include <algorithm>
#include <map>
#include <set>

#include "simulations/scenario/scenario.h"
#include "simulations/scenario/tables.h"
#include "simulations/scenario/words.h"

namespace titan::simulations {

namespace {

constexpr std::size_t terminals_max = 100;
constexpr std::size_t switches_max = 50;
constexpr std::size_t faults_max = 10'000;
constexpr std::size_t name_length_max = 63;
constexpr std::uint32_t gateways_max = 16;
constexpr std::uint32_t dead_addresses_max = 8;
constexpr std::uint32_t products_max = 50'000;
constexpr std::uint32_t lines_limit = 100;
constexpr std::uint64_t sales_per_second_max = 10'000;
constexpr Duration lasts_max = std::chrono::hours(24 * 31);
constexpr std::int64_t drift_max = 100'000;

class Validator {
 public:
  explicit Validator(const Scenario& scenario) : scenario_(scenario) {}

  std::vector<Complaint> run() {
    check_head();
    check_switches();
    check_terminals();
    check_store();
    check_workload();
    for (std::size_t i = 0; i < scenario_.faults.size(); ++i) check_fault(i);
    check_bounds();
    return std::move(complaints_);
  }

 private:
  void complain(std::string path, std::string message) {
    complaints_.push_back({std::move(path), std::move(message)});
  }

  bool check_name(const std::string& path, const std::string& name, const char* what) {
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_';
    };
    const bool is_good = !name.empty() && name.size() <= name_length_max &&
                         std::all_of(name.begin(), name.end(), allowed);
    if (!is_good) {
      complain(path, std::string(what) + " must be 1 to 63 letters, digits, '-' or '_'");
    }
    return is_good;
  }

  void check_head() {
    check_name("name", scenario_.name, "the scenario's name");
    if (scenario_.purpose.empty()) complain("purpose", "say in a sentence what is to be shown");
    if (scenario_.lasts <= Duration(0)) complain("lasts", "must be longer than nothing");
    if (scenario_.lasts > lasts_max) complain("lasts", "must be 31 days or less");
    for (std::size_t i = 0; i < scenario_.probes.size(); ++i) {
      if (is_probe(scenario_.probes[i])) continue;
      complain("probes[" + std::to_string(i) + "]",
               "there is no probe '" + scenario_.probes[i] + "'" +
                   suggestion(scenario_.probes[i], probe_table()));
    }
    const bool has_bug = scenario_.planted_bug != PlantedBug::none;
    if (has_bug && scenario_.caught_by.empty()) {
      complain("planted_bug", "name in caught_by the checker that must find it");
    }
    if (!has_bug && !scenario_.caught_by.empty()) {
      complain("caught_by", "goes with a planted_bug, and there is none");
    }
    if (!scenario_.caught_by.empty() && !is_checker(scenario_.caught_by)) {
      complain("caught_by", "there is no checker '" + scenario_.caught_by + "'" +
                                suggestion(scenario_.caught_by, checker_table()));
    }
  }

  static std::string suggestion(const std::string& wrong, const std::vector<NameRow>& table) {
    std::vector<std::string_view> names;
    for (const auto& row : table) names.push_back(row.name);
    return did_you_mean(wrong, names);
  }

  void check_share(const std::string& path, const Ratio& ratio) {
    if (ratio.denominator == 0 || ratio.numerator > ratio.denominator) {
      complain(path, "must be a share between 0% and 100%");
    }
  }

  void check_quality(const std::string& path, const LinkQuality& quality) {
    if (quality.delay_min < Duration(0)) complain(path + ".delay", "must not be negative");
    if (quality.delay_max < quality.delay_min) {
      complain(path + ".delay", "the lower bound is above the upper one");
    }
    check_share(path + ".loss", quality.loss);
    check_share(path + ".duplication", quality.duplication);
    check_share(path + ".reordering", quality.reordering);
    if (quality.loss.denominator != 0 && quality.loss.numerator == quality.loss.denominator) {
      complain(path + ".loss", "with 100% nothing ever arrives; say it with a cut");
    }
    if (quality.bytes_per_second == 0) {
      complain(path + ".bytes_per_second", "must be 1 or more; say it with a cut");
    }
  }

  void check_switches() {
    const auto& switches = scenario_.topology.switches;
    if (switches.size() > switches_max) complain("switch", "more than 50 switches");
    std::map<std::string, std::string> uplinks;
    std::size_t roots = 0;
    for (std::size_t i = 0; i < switches.size(); ++i) {
      const std::string path = "switch[" + std::to_string(i) + "]";
      check_name(path + ".name", switches[i].name, "a switch's name");
      if (!uplinks.emplace(switches[i].name, switches[i].uplink).second) {
        complain(path + ".name", "there are two switches '" + switches[i].name + "'");
      }
      if (switches[i].uplink.empty() && ++roots == 2) {
        complain(path, "two switches without an uplink: their terminals could never meet; hang '" +
                           switches[i].name + "' on another one with uplink = \"…\"");
      }
      check_quality(path, switches[i].quality);
    }
    for (std::size_t i = 0; i < switches.size(); ++i) {
      const std::string path = "switch[" + std::to_string(i) + "].uplink";
      if (!switches[i].uplink.empty() && !uplinks.contains(switches[i].uplink)) {
        complain(path, "there is no switch '" + switches[i].uplink + "'");
        continue;
      }
      std::string way = switches[i].name;
      std::string at = switches[i].uplink;
      for (std::size_t steps = 0; !at.empty() && steps <= switches.size(); ++steps) {
        way += " -> " + at;
        if (at == switches[i].name) {
          complain(path, "the links run in a circle: " + way);
          break;
        }
        at = uplinks.contains(at) ? uplinks[at] : "";
      }
    }
  }

  bool has_switch(const std::string& name) const {
    const auto& switches = scenario_.topology.switches;
    return std::any_of(switches.begin(), switches.end(),
                       [&](const SwitchSpec& item) { return item.name == name; });
  }

  void check_terminals() {
    const auto& terminals = scenario_.topology.terminals;
    if (terminals.empty()) complain("store.terminals", "a store has at least one terminal");
    if (terminals.size() > terminals_max) {
      complain("store.terminals", "a store has at most 100 terminals");
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < terminals.size(); ++i) {
      const auto& terminal = terminals[i];
      const std::string path = "terminal[" + std::to_string(i) + "]";
      check_name(path + ".name", terminal.name, "a terminal's name");
      if (terminal.name == "cloud" || parse_target(terminal.name).role != Target::Role::named) {
        complain(path + ".name", "'" + terminal.name + "' has a meaning of its own in faults");
      }
      if (!names.insert(terminal.name).second) {
        complain(path + ".name", "there are two terminals '" + terminal.name + "'");
      }
      if (!terminal.switch_name.empty() && !has_switch(terminal.switch_name)) {
        complain(path + ".switch", "there is no switch '" + terminal.switch_name + "'");
      }
      if (terminal.commit_min < Duration(0)) complain(path + ".commit", "must not be negative");
      if (terminal.commit_max < terminal.commit_min) {
        complain(path + ".commit", "the lower bound is above the upper one");
      }
      if (terminal.starts_at < Duration(0)) complain(path + ".starts_at", "must not be negative");
      if (terminal.starts_at >= scenario_.lasts) {
        complain(path + ".starts_at",
                 "it would start only after the end at " + duration_text(scenario_.lasts));
      }
      if (terminal.dead_addresses > dead_addresses_max) {
        complain(path + ".dead_addresses", "must be 0 to 8");
      }
      if (terminal.line) check_quality(path + ".line", *terminal.line);
    }
  }

  void check_store() {
    const auto& topology = scenario_.topology;
    const auto& terminals = topology.terminals;
    if (!terminals.empty() && std::none_of(terminals.begin(), terminals.end(),
                                           [](const TerminalSpec& t) { return t.may_lead; })) {
      complain("store.terminals", "no terminal may lead, so this store never has a server");
    }
    if (terminals.size() > 1 && !topology.has_mdns && !topology.has_seeds) {
      complain("store.mdns", "with neither mDNS nor seeds no terminal ever finds another");
    }
    if (!topology.cloud_switch.empty() && !has_switch(topology.cloud_switch)) {
      complain("store.cloud_switch", "there is no switch '" + topology.cloud_switch + "'");
    }
    if (topology.gateways == 0 || topology.gateways > gateways_max) {
      complain("store.gateways", "must be 1 to 16");
    }
  }

  void check_workload() {
    const auto& workload = scenario_.workload;
    if (workload.products == 0 || workload.products > products_max) {
      complain("workload.products", "must be 1 to 50000");
    }
    const auto& rate = workload.sales_per_second;
    if (rate.denominator == 0 || rate.numerator > sales_per_second_max * rate.denominator) {
      complain("workload.sales_per_second", "must be 0 to 10000");
    }
    if (workload.lines_max == 0 || workload.lines_max > lines_limit) {
      complain("workload.lines_max", "must be 1 to 100");
    }
    check_share("workload.refunds", workload.refunds);
    check_share("workload.voids", workload.voids);
    check_share("workload.deliveries", workload.deliveries);
    check_share("workload.repeats", workload.repeats);
    check_share("workload.reused_keys", workload.reused_keys);
    if (workload.day_speed == 0) complain("workload.day_speed", "must be 1 or more");
    if (workload.stops_at < Duration(0)) {
      complain("workload.stops_at", "must not be negative");
    }
  }

  bool is_terminal(const std::string& name) const {
    const auto& terminals = scenario_.topology.terminals;
    return std::any_of(terminals.begin(), terminals.end(),
                       [&](const TerminalSpec& t) { return t.name == name; });
  }

  void check_target(const std::string& path, const Target& target, bool may_be_cloud) {
    if (target.role != Target::Role::named || is_terminal(target.name)) return;
    if (target.name == "cloud") {
      if (!may_be_cloud) complain(path, "this fault is one of terminals, not of the cloud");
      if (scenario_.topology.cloud == CloudPresence::none) complain(path, "there is no cloud");
      return;
    }
    std::vector<std::string_view> known = {"leader", "follower", "any", "cloud"};
    for (const auto& terminal : scenario_.topology.terminals) known.push_back(terminal.name);
    complain(path, "there is no terminal '" + target.name + "'" + did_you_mean(target.name, known));
  }

  void check_targets(const std::string& path, const std::vector<Target>& targets,
                     bool may_be_cloud) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const std::string place = path + "[" + std::to_string(i) + "]";
      check_target(place, targets[i], may_be_cloud);
      const bool is_again =
          targets[i].role == Target::Role::named &&
          std::count(targets.begin(), targets.begin() + static_cast<long>(i), targets[i]) != 0;
      if (is_again) complain(place, "'" + targets[i].name + "' is named twice");
    }
  }

  void check_groups(const std::string& path, const Fault& fault) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < fault.groups.size(); ++i) {
      const std::string group = path + "[" + std::to_string(i) + "]";
      if (fault.groups[i].empty()) complain(group, "an empty group");
      for (std::size_t j = 0; j < fault.groups[i].size(); ++j) {
        const auto& target = fault.groups[i][j];
        const std::string place = group + "[" + std::to_string(j) + "]";
        check_target(place, target, true);
        if (target.role == Target::Role::named && !seen.insert(target.name).second) {
          complain(place, "'" + target.name + "' is in two groups");
        }
      }
    }
  }

  static bool has_field(const Fault& fault, std::string_view key) {
    if (key == "targets") return !fault.targets.empty();
    if (key == "others") return !fault.others.empty();
    if (key == "groups") return !fault.groups.empty();
    if (key == "place") return !fault.place.empty();
    if (key == "delay") return fault.delay != Duration(0);
    if (key == "period") return fault.period != Duration(0);
    if (key == "age") return fault.age != Duration(0);
    if (key == "parts_per_million") return fault.parts_per_million != 0;
    if (key == "pages") return fault.pages != 0;
    return key == "quality" && fault.quality.has_value();
  }

  void check_fields(const std::string& path, const Fault& fault, const FaultRow& row) {
    for (const char* key : {"targets", "others", "groups", "place", "delay", "period", "age",
                            "parts_per_million", "pages", "quality"}) {
      const auto field =
          std::find_if(row.fields.begin(), row.fields.end(),
                       [key](const FaultField& candidate) { return candidate.key == key; });
      const bool is_there = has_field(fault, key);
      if (field == row.fields.end()) {
        if (is_there) {
          complain(path + "." + key,
                   "the fault '" + std::string(row.name) + "' has no '" + key + "'");
        }
      } else if (field->is_required && !is_there) {
        complain(path, "the fault '" + std::string(row.name) + "' needs '" + key + "'");
      }
    }
  }

  void check_fault(std::size_t index) {
    if (index == faults_max) return complain("fault", "more than 10000 faults");
    if (index > faults_max) return;
    const Fault& fault = scenario_.faults[index];
    const FaultRow& row = row_of(fault.kind);
    const std::string path = "fault[" + std::to_string(index) + "]";
    check_fault_times(path, fault, row);
    check_fields(path, fault, row);
    const bool may_be_cloud = fault.kind == FaultKind::cut_one_way ||
                              fault.kind == FaultKind::reset || fault.kind == FaultKind::freeze;
    check_targets(path + ".targets", fault.targets, may_be_cloud);
    check_targets(path + ".others", fault.others, may_be_cloud);
    check_groups(path + ".groups", fault);
    if (!fault.place.empty() && !has_switch(fault.place)) {
      complain(path + ".place", "there is no switch '" + fault.place + "'");
    }
    if (fault.delay < Duration(0) && fault.kind != FaultKind::skew) {
      complain(path + ".delay", "must not be negative");
    }
    if (fault.period < Duration(0)) complain(path + ".period", "must not be negative");
    if (fault.quality) check_quality(path + ".quality", *fault.quality);
    if (row.area == FaultArea::cloud && scenario_.topology.cloud == CloudPresence::none) {
      complain(path, "there is no cloud to break");
    }
    if (fault.kind == FaultKind::clone_disk && fault.targets.size() > 1) {
      complain(path + ".targets", "one disk is copied; name one terminal");
    }
    if (fault.parts_per_million > drift_max || fault.parts_per_million < -drift_max) {
      complain(path + ".parts_per_million", "must be -100000 to 100000");
    }
  }

  void check_fault_times(const std::string& path, const Fault& fault, const FaultRow& row) {
    if (fault.at < Duration(0)) complain(path + ".at", "must not be negative");
    if (fault.at >= scenario_.lasts) {
      complain(path + ".at", "comes only after the end at " + duration_text(scenario_.lasts));
    }
    if (fault.lasts && *fault.lasts <= Duration(0)) {
      complain(path + ".lasts", "must be longer than nothing");
    }
    if (fault.lasts && !row.may_last) {
      complain(path + ".lasts", "the fault '" + std::string(row.name) + "' happens at once");
    }
    if (fault.age < Duration(0)) complain(path + ".age", "must not be negative");
    if (fault.age > fault.at && fault.at >= Duration(0)) {
      complain(path + ".age", "the disk did not exist that long ago");
    }
  }

  void check_bounds() {
    const auto& bounds = scenario_.bounds;
    if (bounds.converge_within && *bounds.converge_within <= Duration(0)) {
      complain("bounds.converge_within", "must be longer than nothing");
    }
    if (bounds.leader_within && *bounds.leader_within <= Duration(0)) {
      complain("bounds.leader_within", "must be longer than nothing");
    }
    if (bounds.bytes_per_missing_byte && bounds.bytes_per_missing_byte->denominator == 0) {
      complain("bounds.bytes_per_missing_byte", "must be a number like 1.2");
    }
    if (bounds.queue_entries_max == 0) complain("bounds.queue_entries_max", "must be 1 or more");
  }

  const Scenario& scenario_;
  std::vector<Complaint> complaints_;
};

}  // namespace

std::vector<Complaint> validate(const Scenario& scenario) {
  return Validator(scenario).run();
}

}  // namespace titan::simulations
