#include "simulations/scenario/random_scenario.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "simulations/scenario/tables.h"

namespace titan::simulations {

namespace {

constexpr Duration lasts_usual = seconds(60);
constexpr Duration first_fault_at = seconds(3);
constexpr Duration last_fault_before_end = seconds(5);
constexpr Duration fault_lasts_min = milliseconds(50);
constexpr Duration fault_lasts_max = seconds(20);
constexpr std::uint64_t faults_max = 8;

// What the store may rightly tell after such a fault.
std::vector<std::string> alarms_after(FaultKind kind) {
  switch (kind) {
    case FaultKind::clone:
      return {"device_twice", "journal_copied", "journal_forked", "key_reused", "duplicate"};
    case FaultKind::clone_disk:
      return {"device_twice", "key_reused", "duplicate"};
    case FaultKind::restore_disk:
    case FaultKind::lose_journal:
      return {"key_reused", "duplicate"};
    case FaultKind::damage_disk:
      return {"database_damaged", "key_reused", "duplicate"};
    case FaultKind::lose_disk:  // with its key: it comes back as another terminal
      return {"request_at_two_tills"};
    case FaultKind::skew:
    case FaultKind::drift:
    case FaultKind::dead_clock:
      return {"clock_ahead", "clock_back", "clock_implausible", "clock_skew"};
    case FaultKind::stolen_journal:
      return {"foreign_journal"};
    default:
      return {};
  }
}

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {
    scenario_.seed = seed;
    scenario_.name = "seed-" + std::to_string(seed);
    scenario_.purpose = "A random store with random faults.";
    scenario_.lasts = lasts_usual;
  }

  Scenario make() {
    make_switches();
    make_terminals();
    make_store();
    make_workload();
    const auto faults = 1 + random_.below(faults_max);
    for (std::uint64_t i = 0; i < faults; ++i) make_fault();
    std::sort(scenario_.faults.begin(), scenario_.faults.end(),
              [](const Fault& a, const Fault& b) { return a.at < b.at; });
    if (filters_multicast()) leave_one_changed();
    make_bounds();
    return std::move(scenario_);
  }

 private:
  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  Duration between(Duration low, Duration high) {
    const auto steps = static_cast<std::uint64_t>((high - low) / milliseconds(1)) + 1;
    return low + milliseconds(1) * static_cast<std::int64_t>(random_.below(steps));
  }

  void make_switches() {
    if (!one_in(3)) return;
    const auto count = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      SwitchSpec item;
      item.name = "switch-" + std::to_string(i + 1);
      if (i != 0) item.uplink = "switch-" + std::to_string(1 + random_.below(i));
      item.quality.loss = {random_.below(3), 100};
      if (one_in(3)) {
        item.quality.delay_min = milliseconds(1);
        item.quality.delay_max = between(milliseconds(2), milliseconds(30));
      }
      if (one_in(4)) item.quality.duplication = {1 + random_.below(50), 100};
      if (one_in(4)) item.quality.reordering = {1 + random_.below(50), 100};
      item.passes_multicast = !one_in(4);
      scenario_.topology.switches.push_back(std::move(item));
    }
  }

  std::uint64_t terminals() {
    if (one_in(12)) return 1;
    return one_in(10) ? 8 + random_.below(7) : 2 + random_.below(6);
  }

  void make_terminals() {
    auto& topology = scenario_.topology;
    const auto count = terminals();
    // Half the stores are of one make, the others of all sorts.
    const bool is_mixed = one_in(2);
    const auto& table = hardware_table();
    const std::size_t make = one_in(2) ? 0 : random_.below(table.size());
    for (std::uint64_t i = 0; i < count; ++i) {
      TerminalSpec terminal;
      terminal.name = "till-" + std::to_string(i + 1);
      apply(table[is_mixed ? random_.below(table.size()) : make], terminal);
      if (i == 0) terminal.may_lead = true;  // somebody must be able to
      if (one_in(4)) terminal.priority = static_cast<std::uint32_t>(random_.below(3));
      terminal.is_next_version = one_in(6);
      if (one_in(6)) terminal.dead_addresses = 1 + static_cast<std::uint32_t>(random_.below(3));
      if (one_in(8)) terminal.starts_at = between(seconds(1), seconds(20));
      if (!topology.switches.empty()) {
        terminal.switch_name = topology.switches[random_.below(topology.switches.size())].name;
      }
      if (terminal.line) topology.timing = Timing::wireless;
      topology.terminals.push_back(std::move(terminal));
    }
    if (one_in(10)) topology.timing = Timing::wireless;
  }

  void make_store() {
    auto& topology = scenario_.topology;
    topology.cloud = one_in(8) ? CloudPresence::none : CloudPresence::reachable;
    topology.gateways = 1 + static_cast<std::uint32_t>(random_.below(3));
    topology.has_seeds = !one_in(4);
    topology.has_shared_database = one_in(4);
    topology.has_mdns = !topology.has_seeds || !one_in(3);
    // Without seeds mDNS must pass everywhere, or some could never be found.
    if (!topology.has_seeds) {
      for (auto& item : topology.switches) item.passes_multicast = true;
    }
    if (!topology.switches.empty() && one_in(2)) {
      topology.cloud_switch = topology.switches[random_.below(topology.switches.size())].name;
    }
  }

  void make_workload() {
    auto& workload = scenario_.workload;
    workload.products = one_in(3) ? 1 + static_cast<std::uint32_t>(random_.below(3)) : 50;
    workload.sales_per_second = {1 + random_.below(20), 1 + random_.below(4)};
    workload.choice = static_cast<Choice>(random_.below(3));
    workload.lines_max = 1 + static_cast<std::uint32_t>(random_.below(6));
    workload.refunds = {random_.below(10), 100};
    workload.voids = {random_.below(8), 100};
    workload.deliveries = {random_.below(5), 100};
    workload.repeats = {random_.below(20), 100};
    if (one_in(3)) workload.reused_keys = {1 + random_.below(10), 100};
    workload.movements = {random_.below(10), 100};
    workload.overrides = {random_.below(4), 100};
  }

  // Faults that start or stop a process, or take its disk: one at a time for each terminal.
  static bool is_of_process(FaultKind kind) {
    switch (kind) {
      case FaultKind::crash:
      case FaultKind::leave:
      case FaultKind::stall:
      case FaultKind::clone:
      case FaultKind::restore_disk:
      case FaultKind::clone_disk:
      case FaultKind::damage_disk:
      case FaultKind::lose_disk:
      case FaultKind::lose_journal:
      case FaultKind::dead_clock:
        return true;
      default:
        return false;
    }
  }

  void make_fault() {
    const auto& table = fault_table();
    const FaultRow& row = table[random_.below(table.size())];
    const auto& topology = scenario_.topology;
    if (row.area == FaultArea::cloud && topology.cloud == CloudPresence::none) return;
    if (row.kind == FaultKind::switch_reboot && topology.switches.empty()) return;
    // Who has lost mDNS finds nobody new without seeds, and that is no bug.
    if (row.kind == FaultKind::no_multicast && !topology.has_seeds) return;
    Fault fault;
    fault.kind = row.kind;
    fault.at = between(first_fault_at, scenario_.lasts - last_fault_before_end);
    if (row.may_last) {
      const Duration longest = std::min(fault_lasts_max, scenario_.lasts - fault.at);
      fault.lasts = between(fault_lasts_min, one_in(3) ? longest : longest / 4);
    }
    for (const auto& field : row.fields) fill(fault, field);
    if (row.kind == FaultKind::change_address) name_the_changed(fault);
    if (is_complete(fault, row)) scenario_.faults.push_back(std::move(fault));
  }

  void fill(Fault& fault, const FaultField& field) {
    if (field.key == "targets") fill_targets(fault);
    if (field.key == "others" && (field.is_required || one_in(2))) fill_others(fault);
    if (field.key == "groups") fill_groups(fault);
    if (field.key == "place") fault.place = any_switch();
    if (field.key == "period") fault.period = between(milliseconds(200), seconds(3));
    if (field.key == "age") fault.age = between(milliseconds(100), fault.at);
    if (field.key == "parts_per_million") {
      fault.parts_per_million = static_cast<std::int64_t>(random_.below(2'000)) + 1;
    }
    if (field.key == "pages") fault.pages = 1 + static_cast<std::uint32_t>(random_.below(12));
    if (field.key == "delay") fill_delay(fault);
    if (field.key == "quality") {
      auto& quality = fault.quality.emplace();
      quality.delay_min = milliseconds(1);
      // A lost frame comes again after several times the delay: the wired timings have 400 ms.
      const bool is_wired = scenario_.topology.timing == Timing::wired;
      quality.delay_max = between(milliseconds(5), milliseconds(is_wired ? 60 : 200));
      quality.loss = {random_.below(15), 100};
      quality.bytes_per_second = 50'000 << random_.below(8);
    }
  }

  void fill_delay(Fault& fault) {
    fault.delay = between(milliseconds(5), milliseconds(200));
    if (fault.kind == FaultKind::skew) {
      fault.delay = between(seconds(1), std::chrono::hours(2)) * (one_in(2) ? -1 : 1);
    } else if (fault.kind == FaultKind::cloud_slow) {
      fault.delay = between(milliseconds(50), seconds(3));
    }
  }

  std::string any_terminal() {
    const auto& terminals = scenario_.topology.terminals;
    return terminals[random_.below(terminals.size())].name;
  }
  std::string any_switch() {
    const auto& switches = scenario_.topology.switches;
    return switches[random_.below(switches.size())].name;
  }
  static void add(std::vector<Target>& targets, Target target) {
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
      targets.push_back(std::move(target));
    }
  }

  // Processes are named, so that no two faults stop the same one; others may also go by their role.
  void fill_targets(Fault& fault) {
    if (is_of_process(fault.kind)) {
      const auto count = fault.kind != FaultKind::clone_disk && one_in(5)
                             ? 1 + random_.below(scenario_.topology.terminals.size())
                             : 1;
      for (std::uint64_t i = 0; i < count; ++i) {
        std::string name = any_terminal();
        if (struck_.insert(name).second) {
          fault.targets.push_back({Target::Role::named, std::move(name)});
        }
      }
      return;
    }
    if (one_in(3)) {
      fault.targets.push_back({Target::Role::leader, ""});
      return;
    }
    const auto count = one_in(3) ? 2 : 1;
    for (int i = 0; i < count; ++i) add(fault.targets, {Target::Role::named, any_terminal()});
  }

  // Where multicast may be filtered, tills that all have another address at once can never meet:
  // one whose address is in everybody's configuration keeps it.
  void name_the_changed(Fault& fault) {
    for (Target& target : fault.targets) {
      if (target.role != Target::Role::named) target = {Target::Role::named, any_terminal()};
    }
    if (scenario_.topology.has_seeds) {
      std::erase(fault.targets, Target{Target::Role::named, "till-1"});
    }
    if (one_in(3)) fault.lasts.reset();
  }

  bool filters_multicast() const {
    const auto& topology = scenario_.topology;
    return !topology.has_mdns ||
           std::any_of(topology.switches.begin(), topology.switches.end(),
                       [](const auto& each) { return !each.passes_multicast; }) ||
           has_fault(scenario_, FaultKind::no_multicast);
  }

  // Two that have other addresses and are cut off from everybody else cannot meet there either.
  void leave_one_changed() {
    std::optional<Target> changed;
    std::erase_if(scenario_.faults, [&](Fault& fault) {
      if (fault.kind != FaultKind::change_address) return false;
      if (!changed && !fault.targets.empty()) changed = fault.targets.front();
      std::erase_if(fault.targets, [&](const Target& target) { return !(target == *changed); });
      return fault.targets.empty();
    });
  }

  void fill_others(Fault& fault) {
    for (int i = 0; i < 2; ++i) {
      const Target target{Target::Role::named, any_terminal()};
      const bool is_taken =
          std::find(fault.targets.begin(), fault.targets.end(), target) != fault.targets.end();
      if (is_taken) continue;
      if (fault.kind == FaultKind::clone_disk && !struck_.insert(target.name).second) continue;
      add(fault.others, target);
    }
  }

  void fill_groups(Fault& fault) {
    fault.groups.resize(1 + random_.below(2));
    for (const auto& terminal : scenario_.topology.terminals) {
      const auto group = random_.below(fault.groups.size() + 1);  // the last: named by none
      if (group < fault.groups.size()) {
        fault.groups[group].push_back({Target::Role::named, terminal.name});
      }
    }
    if (scenario_.topology.cloud != CloudPresence::none && one_in(2)) {
      fault.groups.front().push_back({Target::Role::named, "cloud"});
    }
    std::erase_if(fault.groups, [](const auto& group) { return group.empty(); });
  }

  static bool is_complete(const Fault& fault, const FaultRow& row) {
    for (const auto& field : row.fields) {
      if (!field.is_required) continue;
      if (field.key == "targets" && fault.targets.empty()) return false;
      if (field.key == "others" && fault.others.empty()) return false;
      if (field.key == "groups" && fault.groups.empty()) return false;
    }
    return true;
  }

  // Wide: what is looked for here is what never comes right. Tills that never met may need mDNS,
  // which tells of a service published during a cut only 10 s after it.
  void make_bounds() {
    auto& bounds = scenario_.bounds;
    bounds.converge_within = seconds(30);
    bounds.leader_within =
        scenario_.topology.timing == Timing::wireless ? seconds(30) : seconds(15);
    std::set<std::string> alarms;
    for (const auto& fault : scenario_.faults) {
      for (auto& code : alarms_after(fault.kind)) alarms.insert(std::move(code));
    }
    bounds.alarms_allowed.assign(alarms.begin(), alarms.end());
  }

  Random random_;
  Scenario scenario_;
  std::set<std::string> struck_;
};

}  // namespace

Scenario random_scenario(std::uint64_t seed) {
  return Maker(seed).make();
}

}  // namespace titan::simulations
