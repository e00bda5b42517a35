// One terminal: a data folder, and a process on it while one runs.
//
// The process is the product's Node with its parts hosted as pos-node/hosts/mesh_host.cpp hosts
// them, on modelled disk, network and cloud. It can be started, killed, stalled, asked to leave;
// its disk can be replaced while it is down; a running process can be copied beside itself.
// Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "discovery/own_addresses.h"
#include "mesh/node/node.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "simulations/model/codecs.h"
#include "simulations/model/disk.h"
#include "simulations/model/gate.h"
#include "simulations/model/links.h"
#include "simulations/model/store_database.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/uplink_end.h"

namespace titan::simulations {

// How far a terminal's wall clock is off.
struct ClockError {
  Duration skew{};
  std::int64_t parts_per_million = 0;
  bool is_dead = false;  // 1970
};

std::uint64_t short_hash(const Hash& hash);

class Terminal {
 public:
  using Answer = std::function<void(const std::string& key, const Result<mesh::Appended>& result)>;

  Terminal(Surroundings& surroundings, TerminalSpec spec, std::uint32_t place, std::string address,
           Answer on_answer);
  ~Terminal();

  // -- the process
  void start();
  void crash();
  void leave();
  void finish_leaving();  // at once
  void stall(Duration length);
  // Becomes a copy of `original`'s running process, disk and all.
  void resume_copy_of(Terminal& original, DataFolder image);
  bool is_up() const { return process_ != nullptr; }
  bool is_stalled() const;
  // Its card has another address now, or none; the process hears of it a little later.
  void set_address(const std::string& address);

  // -- the disk, while no process runs
  Disk& disk() { return *disk_; }
  DataFolder new_folder();
  // The journal's file is gone; device key and private store database are still there.
  void lose_journal();
  void replace_disk(DataFolder folder, const std::string& how);

  // -- till screens
  // A process runs and listens.
  bool takes_requests() const;
  void append(mesh::EntryDraft draft);
  bool speaks_next_version() const { return spec_.is_next_version; }
  ClockError& clock() { return clock_; }
  Now now() const;
  void observe_final_stock();  // and what is on the disk
  // As at a start with a damaged disk, if it is damaged and nobody has met that yet.
  void restart_if_damaged();

  // A copy of a process can only be made of one whose inputs were kept from its start.
  void keep_inputs() { keeps_inputs_ = true; }

  // -- questions
  std::uint32_t place() const { return place_; }
  // "10.77.0.1:7411"; empty while its card has none.
  const std::string& address() const { return address_; }
  // Of all its cards, as its Avahi daemon sees them.
  std::vector<std::string> addresses() const;
  const std::string& name() const { return spec_.name; }
  DeviceId device() const { return disk_->folder().identity.device; }
  // Its disk was restored, cloned or lost so often.
  std::uint64_t disks_replaced() const { return disks_replaced_; }
  const mesh::Node& node() const { return *process_->node; }
  Links* links() { return process_ ? process_->links.get() : nullptr; }
  bool database_is_complete() const;
  bool database_is_to_be_asked() const;  // it may hold what the journals lack

  std::function<void(const Terminal&)> on_started;
  std::function<void(const Terminal&, bool polite)> on_ended;
  std::vector<std::string> seeds;

 private:
  struct Process {
    std::shared_ptr<Gate> gate;  // closed with it: what is still meant for it comes to nothing
    ProcessId id;
    std::unique_ptr<mesh::Node> node;
    std::unique_ptr<Links> links;
    std::optional<discovery::OwnAddresses> own;
    std::unique_ptr<UplinkEnd> uplink;  // none: a store without a cloud
    std::unique_ptr<StoreDatabase> database;
    // Taken from the node and not carried out yet, in order; those of an input that comes while
    // others are carried out stand behind them.
    std::deque<mesh::Effect> effects;
    bool carrying_out = false;
    std::map<std::uint64_t, std::string> appends;      // ticket -> key: not answered yet
    std::map<std::uint64_t, mesh::ReadRequest> reads;  // by id: under way
    std::map<std::uint64_t, mesh::KeyLookUp> look_ups;
    MonoTime armed_for = MonoTime::never();  // the earliest tick that was asked for
    // Of the last tick, and how many ticks in turn had it: one that stays is never met.
    MonoTime last_deadline;
    std::uint32_t same_deadline = 0;
    std::uint64_t inputs = 0;  // so far
    bool leaving = false;      // it was asked to, and has not said goodbye yet
    // What was last told.
    crdt::ContentSum root;
    std::uint64_t pending = 0;
    std::unordered_set<std::uint64_t> shown;  // what screens were told of, by its hash
    std::optional<mesh::EntrySeen> last_shown;
    // For a copy: how the node came to be what it is.
    std::uint64_t seed = 0;
    mesh::NodeConfig config;
    Now began;
    std::shared_ptr<const mesh::StoredState> began_with;
    std::vector<std::function<void(mesh::Node&)>> inputs_kept;
  };

  Disk::Callbacks disk_callbacks();
  std::unique_ptr<mesh::SqliteStore> empty_store(const mesh::StoreIdentity& identity) const;
  const mesh::Codec& make_codec();
  discovery::OwnAddresses own_addresses() const;
  void follow_cards();
  mesh::NodeConfig node_config() const;
  void make_process(ProcessId id, std::uint64_t seed);
  // terminal_connections.cpp
  void make_links();
  void make_database();
  void make_uplink();
  void plant_in(mesh::StoredState& state) const;
  template <class Act>
  void input(Act act);
  void carry_out();
  void carry_out(mesh::Effect& effect);
  void watch_vote(const mesh::Send& send);
  void believe_goodbyes(BytesView frame);
  void on_event(mesh::Event& event);
  void watch_screens(const mesh::EntrySeen& seen);
  void watch_screens(const mesh::EntriesStored& stored);
  void on_duplicate();
  void read(const mesh::ReadRequest& request);
  void look_up(const mesh::KeyLookUp& look_up);
  void tell_state();
  std::uint32_t database_place() const;
  bool has_shared_database() const;
  std::vector<std::pair<mesh::EntryId, Hash>> entries_on_disk();
  std::vector<std::pair<mesh::EntryId, Hash>> entries_in_private_database() const;
  std::optional<std::vector<Bytes>> read_entries(const mesh::EntryQuery& query);
  std::optional<std::vector<std::pair<std::uint64_t, Hash>>> read_hashes(const JournalId& journal);
  void on_fold_compared(const mesh::FoldVerdict& verdict);
  void note_durable(const std::vector<mesh::StoreRequest>& batch);
  void note_replaced();
  void on_opened(const std::shared_ptr<const mesh::StoredState>& state);
  void look_for_damage(const Error& error);
  void check_file_slowly(std::int64_t from);
  Status recover(DataFolder& folder);
  void arm();
  void watch_turns(MonoTime deadline);
  void end(bool polite);

  Surroundings& surroundings_;
  const TerminalSpec spec_;
  const std::uint32_t place_;
  std::string address_;  // empty: the card has none
  const Answer on_answer_;
  mesh::WireCodec plain_codec_;
  NextVersionCodec next_codec_;
  std::unique_ptr<FaultyCodec> faulty_codec_;
  const mesh::Codec& codec_;  // one of these: what this terminal speaks
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<Process> process_;  // none: it is down
  ClockError clock_;
  bool keeps_inputs_ = false;
  std::uint64_t disks_replaced_ = 0;
  std::unordered_set<std::uint64_t> durable_;  // what this disk holds, by its hash
  std::optional<std::uint64_t> first_seed_;  // planted: what a process of an earlier life drew from
  std::optional<ProcessId> first_process_;
};

template <class Act>
void Terminal::input(Act act) {
  act(*process_->node);
  ++process_->inputs;
  if (keeps_inputs_) process_->inputs_kept.emplace_back(std::move(act));
  carry_out();
}

}  // namespace titan::simulations
