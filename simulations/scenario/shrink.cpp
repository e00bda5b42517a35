#include "simulations/scenario/shrink.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "simulations/scenario/tables.h"

namespace titan::simulations {

namespace {

constexpr Duration lasts_min = seconds(2);

// Every mention of the terminal goes too; a fault that is left without somebody goes with it.
Scenario without_terminal(const Scenario& scenario, std::size_t index) {
  Scenario smaller = scenario;
  const std::string name = smaller.topology.terminals[index].name;
  smaller.topology.terminals.erase(smaller.topology.terminals.begin() +
                                   static_cast<std::ptrdiff_t>(index));
  const auto is_it = [&name](const Target& target) {
    return target.role == Target::Role::named && target.name == name;
  };
  std::erase_if(smaller.faults, [&](Fault& fault) {
    const bool had_others = !fault.others.empty();
    std::erase_if(fault.targets, is_it);
    std::erase_if(fault.others, is_it);
    for (auto& group : fault.groups) std::erase_if(group, is_it);
    std::erase_if(fault.groups, [](const auto& group) { return group.empty(); });
    for (const auto& field : row_of(fault.kind).fields) {
      if (field.key == "targets" && fault.targets.empty()) return true;
      if (field.key == "groups" && fault.groups.empty()) return true;
      if (field.key == "others" && had_others && fault.others.empty()) return true;
    }
    return false;
  });
  return smaller;
}

// What may be left out of a scenario beside faults and terminals. Each gives false when there is
// nothing of the kind to leave out.
using Simplification = bool (*)(Scenario&);

bool without_switches(Scenario& s) {
  if (s.topology.switches.empty()) return false;
  s.topology.switches.clear();
  s.topology.cloud_switch.clear();
  for (auto& terminal : s.topology.terminals) terminal.switch_name.clear();
  std::erase_if(s.faults, [](const Fault& fault) { return !fault.place.empty(); });
  return true;
}

bool with_usual_terminals(Scenario& s) {
  bool is_special = false;
  for (auto& terminal : s.topology.terminals) {
    const auto* row = hardware_of(terminal);
    is_special = is_special || row != &hardware_table().front() || terminal.is_next_version ||
                 terminal.dead_addresses != 0 || terminal.starts_at != Duration(0);
    apply(hardware_table().front(), terminal);
    terminal.is_next_version = false;
    terminal.dead_addresses = 0;
    terminal.starts_at = Duration(0);
  }
  return is_special;
}

bool without_cloud(Scenario& s) {
  if (s.topology.cloud == CloudPresence::none) return false;
  s.topology.cloud = CloudPresence::none;
  s.topology.cloud_switch.clear();
  return true;
}

bool without_shared_database(Scenario& s) {
  return std::exchange(s.topology.has_shared_database, false);
}

bool with_one_gateway(Scenario& s) {
  return std::exchange(s.topology.gateways, 1u) != 1;
}

bool with_one_line_each(Scenario& s) {
  return std::exchange(s.workload.lines_max, 1u) != 1;
}

bool with_one_product(Scenario& s) {
  return std::exchange(s.workload.products, 1u) != 1;
}

// Down to one sale in ten seconds.
bool with_half_the_sales(Scenario& s) {
  auto& rate = s.workload.sales_per_second;
  if (rate.numerator == 0 || rate.numerator * 10 <= rate.denominator) return false;
  rate.denominator *= 2;
  return true;
}

constexpr Simplification simplifications[] = {without_switches, with_usual_terminals, without_cloud,
                                              without_shared_database, with_one_gateway};
constexpr Simplification simplifications_of_sales[] = {with_one_line_each, with_one_product,
                                                       with_half_the_sales};

class Shrinker {
 public:
  Shrinker(Scenario scenario, const std::function<bool(const Scenario&)>& still_fails,
           ShrinkLimits limits)
      : best_(std::move(scenario)), still_fails_(still_fails), limits_(limits) {}

  Shrunk run() {
    bool was_better = true;
    while (was_better && has_tries()) {
      was_better = drop_faults();
      was_better = drop_terminals() || was_better;
      was_better = simplify() || was_better;
      was_better = shorten() || was_better;
    }
    return {std::move(best_), tries_, !was_better};
  }

 private:
  bool has_tries() const { return tries_ < limits_.tries_max; }

  bool accept(Scenario candidate) {
    if (!has_tries() || !validate(candidate).empty()) return false;
    ++tries_;
    if (!still_fails_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  // Halves of the list first, then quarters ... then single ones (Zeller's ddmin).
  bool drop_faults() {
    bool was_better = false;
    for (std::size_t chunk = std::max<std::size_t>(best_.faults.size() / 2, 1);; chunk /= 2) {
      for (std::size_t begin = 0; begin < best_.faults.size() && has_tries();) {
        Scenario candidate = best_;
        const auto first = candidate.faults.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto count = std::min(chunk, candidate.faults.size() - begin);
        candidate.faults.erase(first, first + static_cast<std::ptrdiff_t>(count));
        if (accept(std::move(candidate))) {
          was_better = true;
        } else {
          begin += chunk;
        }
      }
      if (chunk <= 1) return was_better;
    }
  }

  bool drop_terminals() {
    bool was_better = false;
    for (std::size_t i = best_.topology.terminals.size(); i-- > 0 && has_tries();) {
      if (best_.topology.terminals.size() == 1) break;
      was_better = accept(without_terminal(best_, i)) || was_better;
    }
    return was_better;
  }

  template <class Change>
  bool change(Change apply_to) {
    Scenario candidate = best_;
    if (!apply_to(candidate)) return false;
    return accept(std::move(candidate));
  }

  bool simplify() {
    bool was_better = false;
    for (const auto simplification : simplifications) {
      was_better = change(simplification) || was_better;
    }
    for (auto share : {&Workload::refunds, &Workload::voids, &Workload::deliveries,
                       &Workload::repeats, &Workload::reused_keys}) {
      was_better = change([share](Scenario& s) {
                     if ((s.workload.*share).numerator == 0) return false;
                     s.workload.*share = Ratio{0, 100};
                     return true;
                   }) ||
                   was_better;
    }
    for (const auto simplification : simplifications_of_sales) {
      was_better = change(simplification) || was_better;
    }
    return was_better;
  }

  bool shorten() {
    return change([](Scenario& s) {
      Duration needed = lasts_min;
      for (const auto& fault : s.faults) {
        needed = std::max(needed, fault.at + fault.lasts.value_or(seconds(1)));
      }
      for (const auto& terminal : s.topology.terminals) {
        needed = std::max(needed, terminal.starts_at + seconds(1));
      }
      needed = std::max(needed, s.lasts / 2);
      if (needed >= s.lasts) return false;
      s.lasts = needed;
      return true;
    });
  }

  Scenario best_;
  const std::function<bool(const Scenario&)>& still_fails_;
  const ShrinkLimits limits_;
  std::uint32_t tries_ = 0;
};

}  // namespace

Shrunk shrink(const Scenario& scenario, const std::function<bool(const Scenario&)>& still_fails,
              ShrinkLimits limits) {
  return Shrinker(scenario, still_fails, limits).run();
}

}  // namespace titan::simulations
