// A whole store in virtual time: builds it from a scenario, breaks it as the scenario says, heals
// it, and lets it come to rest. What happens goes to the recorder. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulations/model/cloud.h"
#include "simulations/model/customers.h"
#include "simulations/model/lan.h"
#include "simulations/model/mdns.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/terminal.h"

namespace titan::simulations {

struct WorldSettings {
  std::uint32_t check_every = 1;  // inputs of a node between two checks of its invariants
  std::vector<DaySale> day;
};

class World {
 public:
  World(const Scenario& scenario, Recorder& recorder, Schedule& schedule, WorldSettings settings);
  ~World();

  void begin();
  // Ends every fault; from here on nothing breaks.
  void heal();
  // Nobody lacks anything, all agree on one leader, the cloud and the store database have it all.
  bool is_at_rest() const;
  // One line per terminal: for the person who wants to know why it is not.
  std::string describe() const;
  void observe_end();
  std::uint64_t entries_missing() const;
  std::uint64_t requests() const { return customers_->requests(); }
  std::uint64_t recorded() const { return customers_->recorded(); }

 private:
  // A fault under way, and how to end it.
  using Places = std::vector<std::uint32_t>;
  struct Active {
    Places targets;
    std::vector<std::function<void()>> undo;
    bool is_on = false;  // a flapping one: cut at present
  };

  void make_terminal(const TerminalSpec& spec, std::uint32_t place);
  void weigh(std::uint32_t to, BytesView frame);
  Terminal* terminal_at(const std::string& address);
  Terminal& terminal(std::uint32_t place) { return *terminals_[place]; }
  std::uint32_t cloud_place() const { return lan_->cloud(); }

  // faults.cpp
  void schedule_faults();
  void take_images(std::uint32_t number);
  void begin_fault(std::uint32_t number);
  void end_fault(std::uint32_t number);
  void apply(const Fault& fault, std::uint32_t number, Active& active);
  void apply_to_network(const Fault& fault, std::uint32_t number, Active& active);
  void apply_to_processes(const Fault& fault, Active& active);
  void apply_to_disks(const Fault& fault, std::uint32_t number, Active& active);
  void apply_to_clocks(const Fault& fault, Active& active);
  void apply_to_cloud(const Fault& fault, Active& active);
  void apply_to_database(const Fault& fault, Active& active);
  void apply_to_members(const Fault& fault, Active& active);
  void cut_groups(const Fault& fault, Active& active);
  void flap(std::uint32_t number, const Places& targets, Duration period);
  void reset_connections(const Places& targets, const Places& others);
  void cut(std::uint32_t from, std::uint32_t to, Active& active);
  Places resolve(const std::vector<Target>& targets);
  Places everybody_but(const Places& places) const;
  // Its connections lead nowhere from now on; empty: it has no address.
  void set_address(std::uint32_t place, const std::string& address);
  void change_address(std::uint32_t place, bool stays_without, Active& active);
  // None: there is nothing to copy.
  Terminal* copy_process(std::uint32_t original);
  Reachability reachability() const;
  Duration left() const;

  const Scenario& scenario_;
  Recorder& recorder_;
  Schedule& schedule_;
  Random random_;
  std::uint32_t clones_max_ = 0;  // places kept for copies of processes
  std::uint32_t clones_ = 0;      // of them used; none is used again
  mesh::WireCodec codec_;
  std::unique_ptr<Lan> lan_;
  std::unique_ptr<Surroundings> surroundings_;
  std::unique_ptr<Cloud> cloud_;
  std::unique_ptr<Mdns> mdns_;
  std::unique_ptr<Customers> customers_;
  std::vector<std::unique_ptr<Terminal>> terminals_;  // by place, clones behind the others
  std::map<std::string, std::uint32_t> place_of_address_;
  std::vector<std::weak_ptr<Tcp>> connections_;  // all that may still stand, the cloud's too
  std::vector<int> deaf_;                        // by place: how many faults make it deaf
  std::uint32_t addresses_changed_ = 0;          // so far: no fresh address is given twice
  std::map<std::uint32_t, Active> active_;       // by number of the fault
  std::map<std::uint32_t, std::map<std::uint32_t, DataFolder>> images_;  // fault -> place
  bool healed_ = false;  // from then on no fault begins
};

}  // namespace titan::simulations
