// What every part of the simulated store shares: time, wires, the scenario, and the ear of whoever
// observes. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/crypto.h"
#include "base/random.h"
#include "mesh/entry/entry.h"
#include "simulations/engine/schedule.h"
#include "simulations/engine/trace.h"
#include "simulations/history/observation.h"
#include "simulations/model/lan.h"
#include "simulations/model/store_database.h"
#include "simulations/scenario/scenario.h"

namespace titan::simulations {

class Links;
class Cloud;

inline constexpr const char* tenant_name = "acme";
inline constexpr const char* store_name = "london-1";
inline constexpr const char* access_key = "simulated";
// 2026-11-22 08:00 UTC: when every run begins.
inline constexpr std::int64_t wall_start_ms = 1'795'334'400'000;
inline constexpr std::uint32_t business_date = 20261122;  // of every record, however long a run is

// Makes observations and hands them to all who want them.
class Recorder {
 public:
  explicit Recorder(Schedule& schedule) : schedule_(schedule) {}

  void add(Observer& observer) { observers_.push_back(&observer); }
  void set_trace(Trace* trace) { trace_ = trace; }
  void observe(Observation what) {
    const Observed observed{schedule_.now(), std::move(what)};
    for (Observer* observer : observers_) observer->on_observed(observed);
  }
  void frame(std::uint32_t from, std::uint32_t to, BytesView bytes) {
    traffic_.bytes += bytes.size();
    if (trace_ != nullptr) trace_->on_frame(schedule_.now(), from, to, bytes);
  }
  // A rare path was taken; told once a run. The names are those of probe_table(), with underscores.
  void reach(const char* probe) {
    if (reached_.insert(probe).second) observe(Reached{probe});
  }
  const std::set<std::string>& reached() const { return reached_; }
  // One object per entry, whoever tells of it.
  std::shared_ptr<const EntryFacts> facts(const mesh::Entry& entry);
  TrafficCounted& traffic() { return traffic_; }

 private:
  Schedule& schedule_;
  std::vector<Observer*> observers_;
  Trace* trace_ = nullptr;
  std::set<std::string> reached_;
  std::map<Hash, std::shared_ptr<const EntryFacts>> facts_;
  TrafficCounted traffic_;
};

struct Surroundings {
  const Scenario& scenario;
  Schedule& schedule;
  Lan& lan;
  Recorder& recorder;
  Random& random;  // seeds of processes and devices
  PublicKey cloud_key;
  Cloud* cloud = nullptr;  // none: a store without a cloud
  StoreDatabase::Health database_health;
  StoreDatabaseFiles shared_database;  // of stores whose terminals share one
  std::uint32_t check_every = 1;       // inputs of a node between two checks of its invariants
  // The process that listens at an address, if one does; and where the address leads.
  std::function<Links*(const std::string& address)> listener;
  std::function<std::uint32_t(const std::string& address)> place_of;
  std::function<void(const std::shared_ptr<class Tcp>&)> connection_made;
  // None: nobody weighs what is sent.
  std::function<void(std::uint32_t to, BytesView frame)> on_frame_sent;
};

}  // namespace titan::simulations
