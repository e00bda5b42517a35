// What breaks the simulated store, and how it is mended again.
#include <algorithm>
#include <utility>

#include "simulations/model/hostile.h"
#include "simulations/model/world.h"

namespace titan::simulations {
namespace {

// A terminal whose disk was replaced, where the scenario does not say when it starts again.
constexpr Duration restart_after = seconds(1);

std::string what_happens(const Fault& fault, const std::vector<std::unique_ptr<Terminal>>& all,
                         const std::vector<std::uint32_t>& targets) {
  std::string text(row_of(fault.kind).name);
  for (const std::uint32_t place : targets) {
    text += " " + (place < all.size() && all[place] ? all[place]->name() : std::string("cloud"));
  }
  if (!fault.place.empty()) text += " " + fault.place;
  for (const auto& group : fault.groups) {
    text += text.back() == 't' ? " " : " | ";
    for (const Target& target : group) text += target.name + " ";
  }
  return text;
}

// Of a range that no place begins with.
std::string fresh_address(std::uint32_t number) {
  return "10.79." + std::to_string(number / 200) + "." + std::to_string(number % 200 + 1) + ":7411";
}

bool replaces_disk(FaultKind kind) {
  return kind == FaultKind::restore_disk || kind == FaultKind::clone_disk ||
         kind == FaultKind::lose_disk || kind == FaultKind::lose_journal ||
         kind == FaultKind::dead_clock;
}

}  // namespace

Duration World::left() const {
  return std::max(Duration(0), scenario_.lasts - schedule_.now().since_start);
}

void World::schedule_faults() {
  for (std::uint32_t number = 0; number < scenario_.faults.size(); ++number) {
    const Fault& fault = scenario_.faults[number];
    if (fault.at > scenario_.lasts) continue;
    schedule_.at({fault.at}, [this, number] {
      if (!healed_) begin_fault(number);
    });
    if (fault.kind == FaultKind::restore_disk) {
      schedule_.at({std::max(Duration(0), fault.at - fault.age)},
                   [this, number] { take_images(number); });
    }
  }
}

// Whom the fault will hit is known only then: everybody's disk is remembered.
void World::take_images(std::uint32_t number) {
  for (const auto& each : terminals_) {
    if (!each || !each->disk().folder().store) continue;
    if (auto image = each->disk().folder().copy()) {
      images_[number].emplace(each->place(), std::move(*image));
    }
  }
}

World::Places World::resolve(const std::vector<Target>& targets) {
  Places places;
  std::optional<std::uint32_t> leader;
  Places up;
  const auto terminals = static_cast<std::uint32_t>(scenario_.topology.terminals.size());
  for (std::uint32_t place = 0; place < terminals; ++place) {
    if (!terminals_[place]->is_up()) continue;
    up.push_back(place);
    if (terminals_[place]->node().is_leader() && !leader) leader = place;
  }
  const auto is_new = [&](std::uint32_t place) {
    return std::find(places.begin(), places.end(), place) == places.end();
  };
  for (const Target& target : targets) {
    if (target.role == Target::Role::named) {
      if (target.name == "cloud") {
        places.push_back(cloud_place());
        continue;
      }
      for (std::uint32_t place = 0; place < terminals; ++place) {
        if (terminals_[place]->name() == target.name && is_new(place)) places.push_back(place);
      }
      continue;
    }
    Places possible;
    for (const std::uint32_t place : up) {
      const bool is_leader = leader && place == *leader;
      const bool fits =
          target.role == Target::Role::any || (target.role == Target::Role::leader) == is_leader;
      if (fits && is_new(place)) possible.push_back(place);
    }
    if (!possible.empty()) places.push_back(possible[random_.below(possible.size())]);
  }
  return places;
}

World::Places World::everybody_but(const Places& places) const {
  Places others;
  for (std::uint32_t place = 0; place < lan_->places(); ++place) {
    if (std::find(places.begin(), places.end(), place) == places.end()) others.push_back(place);
  }
  return others;
}

void World::begin_fault(std::uint32_t number) {
  const Fault& fault = scenario_.faults[number];
  Active& active = active_[number];
  apply(fault, number, active);
  const bool flaps = fault.kind == FaultKind::flap;
  if (!flaps) {
    recorder_.observe(
        FaultBegan{number, what_happens(fault, terminals_, active.targets), reachability()});
  }
  // Without an end of its own it lasts until all is healed; what is over at once has no end.
  const Duration restarts = fault.lasts.value_or(restart_after);
  if (fault.lasts || replaces_disk(fault.kind)) {
    schedule_.in(std::min(restarts, left()), [this, number] { end_fault(number); });
  }
}

void World::end_fault(std::uint32_t number) {
  auto active = active_.extract(number);
  if (active.empty()) return;
  for (auto undo = active.mapped().undo.rbegin(); undo != active.mapped().undo.rend(); ++undo) {
    (*undo)();
  }
  if (scenario_.faults[number].kind == FaultKind::flap && !active.mapped().is_on) return;
  recorder_.observe(FaultEnded{number, reachability()});
}

void World::heal() {
  healed_ = true;
  customers_->stop();
  for (std::uint32_t number = 0; number < scenario_.faults.size(); ++number) {
    const auto found = active_.find(number);
    if (found == active_.end()) continue;
    const FaultKind kind = scenario_.faults[number].kind;
    // Whoever is not started again by its own fault stays away to the end; a copy that is not
    // ended stays beside its original.
    const bool stays_away =
        !scenario_.faults[number].lasts && (kind == FaultKind::crash || kind == FaultKind::leave);
    if (stays_away) found->second.undo.clear();
    end_fault(number);
  }
}

void World::apply(const Fault& fault, std::uint32_t number, Active& active) {
  switch (area_of(fault.kind)) {
    case FaultArea::network:
      return apply_to_network(fault, number, active);
    case FaultArea::processes:
      return apply_to_processes(fault, active);
    case FaultArea::disks:
      return apply_to_disks(fault, number, active);
    case FaultArea::clocks:
      return apply_to_clocks(fault, active);
    case FaultArea::cloud:
      return apply_to_cloud(fault, active);
    case FaultArea::store_database:
      return apply_to_database(fault, active);
    case FaultArea::members:
      return apply_to_members(fault, active);
  }
}

// ---- network -----------------------------------------------------------------------------------

void World::cut(std::uint32_t from, std::uint32_t to, Active& active) {
  lan_->cut(from, to, +1);
  active.undo.push_back([this, from, to] { lan_->cut(from, to, -1); });
}

// A cloud that no group names stays in everybody's reach.
void World::cut_groups(const Fault& fault, Active& active) {
  std::vector<std::size_t> group_of(lan_->places(), fault.groups.size());
  bool names_cloud = false;
  for (std::size_t group = 0; group < fault.groups.size(); ++group) {
    for (const std::uint32_t place : resolve(fault.groups[group])) {
      group_of[place] = group;
      names_cloud = names_cloud || place == cloud_place();
    }
  }
  for (std::uint32_t a = 0; a < lan_->places(); ++a) {
    for (std::uint32_t b = 0; b < lan_->places(); ++b) {
      if (!names_cloud && (a == cloud_place() || b == cloud_place())) continue;
      if (group_of[a] != group_of[b]) cut(a, b, active);
    }
  }
}

void World::flap(std::uint32_t number, const Places& targets, Duration period) {
  const auto found = active_.find(number);
  if (found == active_.end() || healed_) return;
  Active& active = found->second;
  active.is_on = !active.is_on;
  if (active.is_on) {
    for (const std::uint32_t target : targets) {
      for (const std::uint32_t other : everybody_but({target})) {
        cut(target, other, active);
        cut(other, target, active);
      }
    }
    recorder_.observe(FaultBegan{
        number, what_happens(scenario_.faults[number], terminals_, targets), reachability()});
  } else {
    for (auto& undo : std::exchange(active.undo, {})) undo();
    recorder_.observe(FaultEnded{number, reachability()});
  }
  schedule_.in(std::max(Duration(1000), period),
               [this, number, targets, period] { flap(number, targets, period); });
}

void World::reset_connections(const Places& targets, const Places& others) {
  const auto holds = [](const Places& places, std::uint32_t place) {
    return std::find(places.begin(), places.end(), place) != places.end();
  };
  for (const auto& weak : std::vector(connections_)) {
    const auto tcp = weak.lock();
    if (!tcp) continue;
    const std::uint32_t a = tcp->place_of(0);
    const std::uint32_t b = tcp->place_of(1);
    if ((holds(targets, a) && holds(others, b)) || (holds(targets, b) && holds(others, a))) {
      tcp->reset();
    }
  }
}

void World::apply_to_network(const Fault& fault, std::uint32_t number, Active& active) {
  active.targets = resolve(fault.targets);
  const Places& targets = active.targets;
  const Places others = fault.others.empty() ? everybody_but({}) : resolve(fault.others);
  const auto frozen = [&](std::uint32_t from, std::uint32_t to) {
    lan_->freeze(from, to, +1);
    active.undo.push_back([this, from, to] { lan_->freeze(from, to, -1); });
  };
  switch (fault.kind) {
    case FaultKind::cut:
      return cut_groups(fault, active);
    case FaultKind::cut_one_way:
      for (const std::uint32_t from : targets) {
        for (const std::uint32_t to : others) cut(from, to, active);
      }
      return;
    case FaultKind::deaf:
      for (const std::uint32_t to : targets) {
        ++deaf_[to];
        active.undo.push_back([this, to] { --deaf_[to]; });
        for (const std::uint32_t from : everybody_but({to})) frozen(from, to);
      }
      return;
    case FaultKind::reset:
      return reset_connections(targets, others);
    case FaultKind::freeze:
      for (const std::uint32_t a : targets) {
        for (const std::uint32_t b : others) {
          if (a == b) continue;
          frozen(a, b);
          frozen(b, a);
        }
      }
      return;
    case FaultKind::degrade:
      for (const std::uint32_t place : targets) {
        lan_->degrade(place, fault.quality.value_or(LinkQuality{}));
        active.undo.push_back([this, place] { lan_->restore(place); });
      }
      return;
    case FaultKind::flap:
      schedule_.in(Duration(0), [this, number, targets, period = fault.period] {
        flap(number, targets, period);
      });
      return;
    case FaultKind::star:
      for (const std::uint32_t a : everybody_but(targets)) {
        for (const std::uint32_t b : everybody_but(targets)) {
          if (a != b && a != cloud_place() && b != cloud_place()) cut(a, b, active);
        }
      }
      return;
    case FaultKind::switch_reboot:
      lan_->switch_down(fault.place, +1);
      active.undo.push_back([this, place = fault.place] { lan_->switch_down(place, -1); });
      return;
    case FaultKind::no_multicast:
      lan_->filter_multicast(+1);
      active.undo.push_back([this] { lan_->filter_multicast(-1); });
      return;
    case FaultKind::change_address:
      for (const std::uint32_t place : targets) {
        change_address(place, fault.lasts.has_value(), active);
      }
      return;
    default:
      return;
  }
}

void World::set_address(std::uint32_t place, const std::string& address) {
  Terminal& hit = terminal(place);
  place_of_address_.erase(hit.address());
  if (!address.empty()) place_of_address_[address] = place;
  hit.set_address(address);
  for (const auto& weak : std::vector(connections_)) {
    const auto tcp = weak.lock();
    if (tcp && (tcp->place_of(0) == place || tcp->place_of(1) == place)) tcp->strand();
  }
  mdns_->on_address_changed(hit);
}

void World::change_address(std::uint32_t place, bool stays_without, Active& active) {
  if (!stays_without) return set_address(place, fresh_address(addresses_changed_++));
  set_address(place, "");
  active.undo.push_back([this, place] { set_address(place, fresh_address(addresses_changed_++)); });
  for (const std::uint32_t other : everybody_but({place})) {
    cut(place, other, active);
    cut(other, place, active);
  }
}

// ---- processes ---------------------------------------------------------------------------------

void World::apply_to_processes(const Fault& fault, Active& active) {
  active.targets = resolve(fault.targets);
  for (const std::uint32_t place : active.targets) {
    Terminal& hit = terminal(place);
    switch (fault.kind) {
      case FaultKind::crash:
        hit.crash();
        active.undo.push_back([&hit] { hit.start(); });
        break;
      case FaultKind::leave:
        hit.leave();
        active.undo.push_back([&hit] {
          hit.finish_leaving();
          hit.start();
        });
        break;
      case FaultKind::stall:
        hit.stall(std::min(fault.lasts.value_or(left()), left()));
        break;
      case FaultKind::clone:
        if (Terminal* copied = copy_process(place)) {
          active.undo.push_back([copied] { copied->crash(); });
        }
        break;
      default:
        break;
    }
  }
}

Terminal* World::copy_process(std::uint32_t original) {
  if (!terminals_[original]->is_up() || clones_ >= clones_max_) return nullptr;
  auto image = terminals_[original]->disk().folder().copy();
  if (!image) return nullptr;
  const auto terminals = static_cast<std::uint32_t>(scenario_.topology.terminals.size());
  const std::uint32_t place = terminals + clones_++;
  lan_->hang_beside(place, original);
  make_terminal(scenario_.topology.terminals[original], place);
  terminal(place).resume_copy_of(terminal(original), std::move(*image));
  return &terminal(place);
}

// ---- disks -------------------------------------------------------------------------------------

void World::apply_to_disks(const Fault& fault, std::uint32_t number, Active& active) {
  active.targets = resolve(fault.targets);
  const Places hit = fault.kind == FaultKind::clone_disk ? resolve(fault.others) : active.targets;
  for (const std::uint32_t place : hit) {
    Terminal& at = terminal(place);
    switch (fault.kind) {
      case FaultKind::slow_disk:
        at.disk().set_commit_time(fault.delay);
        active.undo.push_back([&at] { at.disk().set_commit_time(std::nullopt); });
        break;
      case FaultKind::disk_full:
        at.disk().set_full(true);
        active.undo.push_back([&at] { at.disk().set_full(false); });
        break;
      case FaultKind::failed_commit:
      case FaultKind::doubtful_commit:
        at.disk().fail_next_commit(fault.kind == FaultKind::doubtful_commit);
        break;
      case FaultKind::restore_disk: {
        at.crash();
        auto image = images_[number].extract(place);
        if (!image.empty()) at.replace_disk(std::move(image.mapped()), "restored");
        active.undo.push_back([&at] { at.start(); });
        break;
      }
      case FaultKind::clone_disk:
        if (active.targets.empty() || active.targets.front() == place) break;
        at.crash();
        if (auto image = terminal(active.targets.front()).disk().folder().copy()) {
          at.replace_disk(std::move(*image), "cloned");
        }
        active.undo.push_back([&at] { at.start(); });
        break;
      case FaultKind::damage_disk:
        at.disk().damage(fault.pages);
        active.undo.push_back([&at] { at.restart_if_damaged(); });
        break;
      case FaultKind::lose_disk:
        at.crash();
        at.replace_disk(at.new_folder(), "lost");
        active.undo.push_back([&at] { at.start(); });
        break;
      case FaultKind::lose_journal:
        at.crash();
        at.lose_journal();
        active.undo.push_back([&at] { at.start(); });
        break;
      default:
        break;
    }
  }
}

// ---- clocks ------------------------------------------------------------------------------------

void World::apply_to_clocks(const Fault& fault, Active& active) {
  active.targets = resolve(fault.targets);
  for (const std::uint32_t place : active.targets) {
    Terminal& at = terminal(place);
    switch (fault.kind) {
      case FaultKind::skew:
        at.clock().skew += fault.delay;
        active.undo.push_back([&at, delay = fault.delay] { at.clock().skew -= delay; });
        break;
      case FaultKind::drift:
        at.clock().parts_per_million = fault.parts_per_million;
        active.undo.push_back([&at] { at.clock().parts_per_million = 0; });
        break;
      case FaultKind::dead_clock:
        at.crash();
        at.clock().is_dead = true;
        active.undo.push_back([&at] { at.start(); });
        break;
      default:
        break;
    }
  }
}

// ---- cloud -------------------------------------------------------------------------------------

void World::apply_to_cloud(const Fault& fault, Active& active) {
  if (!cloud_) return;
  switch (fault.kind) {
    case FaultKind::cloud_away:
      for (const std::uint32_t place : everybody_but({cloud_place()})) {
        lan_->freeze(place, cloud_place(), +1);
        lan_->freeze(cloud_place(), place, +1);
      }
      active.undo.push_back([this] {
        for (const std::uint32_t place : everybody_but({cloud_place()})) {
          lan_->freeze(place, cloud_place(), -1);
          lan_->freeze(cloud_place(), place, -1);
        }
      });
      break;
    case FaultKind::cloud_refuses:
      cloud_->set_refuses(true);
      active.undo.push_back([this] { cloud_->set_refuses(false); });
      break;
    case FaultKind::cloud_slow:
      cloud_->set_slow(fault.delay);
      active.undo.push_back([this] { cloud_->set_slow({}); });
      break;
    case FaultKind::cloud_restart:
      // Down for as long as the fault lasts.
      cloud_->set_refuses(true);
      schedule_.in(std::min(fault.lasts.value_or(restart_after), left()),
                   [this] { cloud_->set_refuses(false); });
      break;
    case FaultKind::cloud_answer_lost:
      cloud_->lose_next_answer();
      break;
    case FaultKind::lease_reset:
      cloud_->reset_lease();
      break;
    case FaultKind::gateway_stall:
      cloud_->stall_gateway(std::min(fault.lasts.value_or(left()), left()));
      break;
    default:
      break;
  }
}

// ---- store database ----------------------------------------------------------------------------

void World::apply_to_database(const Fault& fault, Active& active) {
  StoreDatabase::Health& health = surroundings_->database_health;
  switch (fault.kind) {
    case FaultKind::database_away:
      health.away = true;
      active.undo.push_back([&health] { health.away = false; });
      break;
    case FaultKind::database_slow:
      health.slow = fault.delay;
      active.undo.push_back([&health] { health.slow = {}; });
      break;
    case FaultKind::database_killed:
      health.kill_next_commit = true;
      // In turn: the commit is lost; only its answer is.
      health.killed_commit_is_there = health.kills++ % 2 == 1;
      break;
    default:
      break;
  }
}

// ---- hostile or broken members -----------------------------------------------------------------

void World::apply_to_members(const Fault& fault, Active& active) {
  active.targets = resolve(fault.targets);
  const Places others = resolve(fault.others);
  for (const std::uint32_t place : active.targets) {
    Terminal& liar = terminal(place);
    if (!liar.is_up()) continue;
    if (fault.kind == FaultKind::absurd_term) {
      tell_absurd_term(*surroundings_, liar);
      continue;
    }
    for (const std::uint32_t other : others) {
      if (other == place) continue;
      if (fault.kind == FaultKind::stolen_journal) {
        tell_stolen_journals(*surroundings_, liar, terminal(other).device());
      } else if (terminal(other).is_up()) {
        tell_false_leave(*surroundings_, liar, terminal(other).node().self());
      }
    }
  }
}

}  // namespace titan::simulations
