// A scenario: a store's topology, what is sold in it, what breaks and when, and what must hold.
//
// Plain data. It comes from a file (scenario_file.h), from a seed (random_scenario.h) or from
// another scenario by leaving things out (shrink.h), and goes to one of two executors: the
// simulator, in virtual time, or real processes in network namespaces. Times are since the start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"

namespace titan::simulations {

// ---- topology -----------------------------------------------------------------------------------

// What one direction of a connection does to frames. Delay is drawn evenly between its bounds.
struct LinkQuality {
  Duration delay_min = Duration(100);
  Duration delay_max = Duration(900);
  Ratio loss{0, 100};         // of segments; TCP repeats them, so a loss is a delay
  Ratio duplication{0, 100};  // of datagrams (mDNS); a connection never duplicates
  Ratio reordering{0, 100};   // likewise
  std::uint64_t bytes_per_second = 12'500'000;  // 100 Mbit/s
};

// A switch or an access point: terminals hang on one, switches on each other, without cycles.
struct SwitchSpec {
  std::string name;
  std::string uplink;  // the switch it hangs on; empty for the root
  LinkQuality quality;
  bool passes_multicast = true;
};

struct TerminalSpec {
  std::string name;         // "till-1" ...
  std::string switch_name;  // empty: the first switch
  Duration commit_min = Duration(130);
  Duration commit_max = Duration(300);
  bool may_lead = true;
  std::uint32_t priority = 0;
  bool is_next_version = false;  // speaks N+1: one more field, one more message
  Duration starts_at{};          // switched on later than the store
  // It tells others so many more addresses, of cards at which nobody can reach it: a VPN, a cable
  // that was pulled out, the inside of a virtual machine.
  std::uint32_t dead_addresses = 0;
  // Its own line to the switch, which comes on top of what the switches on the way do; none: a
  // cable that adds nothing.
  std::optional<LinkQuality> line;
};

enum class Timing { wired, wireless };  // the timing profile that the whole store uses

enum class CloudPresence { none, reachable };

struct Topology {
  std::vector<TerminalSpec> terminals;
  std::vector<SwitchSpec> switches;
  Timing timing = Timing::wired;
  CloudPresence cloud = CloudPresence::reachable;
  std::string cloud_switch;  // where the line to the cloud hangs; empty: the root
  std::uint32_t gateways = 1;
  bool has_shared_database = false;  // one PostgreSQL for all; else each till has a private one
  bool has_mdns = true;
  bool has_seeds = true;  // every terminal has the others' addresses in its configuration
};

// ---- what is sold -------------------------------------------------------------------------------

enum class Choice {
  uniform,       // every product alike
  skewed,        // few products make most sales
  same_product,  // all terminals sell one product
};

struct Workload {
  std::uint32_t products = 50;
  Ratio sales_per_second{5, 1};  // of the whole store
  Choice choice = Choice::skewed;
  std::uint32_t lines_max = 5;
  Ratio refunds{2, 100};
  Ratio voids{1, 100};
  Ratio deliveries{2, 100};
  Ratio movements{2, 100};       // adjustments, and transfers, which two tills may both book
  Ratio overrides{1, 100};       // prices that a manager sets at a till
  Ratio repeats{3, 100};         // requests that the till screen sends again with the same key
  Ratio reused_keys{0, 100};     // requests that come with the key of an earlier, other basket
  std::string day_file;          // a trading day in CSV; empty: drawn from the seed
  std::uint32_t day_speed = 60;  // how many seconds of the day pass in one
  Duration stops_at = Duration::max();
};

// ---- what breaks --------------------------------------------------------------------------------

// Which part of the store breaks: validation, executors and checkers tell faults apart by it.
enum class FaultArea { network, processes, disks, clocks, cloud, store_database, members };

// By area, in the order of fault_table().
enum class FaultKind {
  // network
  cut,             // groups: each reaches only itself; what no group names is one more group
  cut_one_way,     // nothing from `targets` reaches `others`; connections die on both ends
  deaf,            // `targets` send and hear nothing, their connections stay up
  reset,           // connections between `targets` and `others` are reset once
  freeze,          // connections between them pass nothing and are not closed; later all arrives
  degrade,         // `quality` on every link of `targets`
  flap,            // `targets` are cut off and back every `period`
  star,            // all reach `targets`, nobody anybody else
  switch_reboot,   // nothing passes the switch named `place`
  no_multicast,    // mDNS is filtered everywhere
  change_address,  // `targets` have none for as long as it lasts, then another one
  // processes
  crash,  // kill -9; back after `lasts` with the disk as it was committed
  leave,  // polite stop; back after `lasts`
  stall,  // the process does not run, its sockets stay open
  clone,  // a snapshot of the running process is resumed beside it
  // disks
  slow_disk,        // each commit takes `delay`
  disk_full,        // every commit fails, certainly not stored
  failed_commit,    // the next commit fails, and is not there
  doubtful_commit,  // the next commit fails, and is there after a restart
  restore_disk,     // crash, and start with the disk as it was `age` ago
  clone_disk,       // crash of `others`, which start with the disk of `targets`
  damage_disk,      // `pages` of the journal's file are overwritten with rubbish
  lose_disk,        // crash, and start with an empty disk and a new device key
  lose_journal,     // crash, and start without the journal's file; key and store database are there
  // clocks
  skew,        // the wall clock is off by `delay`
  drift,       // the wall clock runs `parts_per_million` too fast
  dead_clock,  // crash, and start in 1970
  // cloud
  cloud_away,         // connections hang
  cloud_refuses,      // connections are refused
  cloud_slow,         // every answer takes `delay`
  cloud_restart,      // connections are reset, nothing committed is lost
  cloud_answer_lost,  // the next batch is committed, its acknowledgement is not sent
  lease_reset,        // head office resets the store's lease: a new cloud epoch
  gateway_stall,      // one gateway holds what it has received and goes on later
  // store database
  database_away,
  database_slow,
  database_killed,  // during the next commit
  // hostile or broken members
  false_leave,     // `targets` tell everybody that `others` have left, in their name too
  stolen_journal,  // `targets` write under the names of the others' journals, and mail it to
                   // everybody
  absurd_term,  // `targets` tell everybody, the cloud too, of a term that nobody can have reached
};

// A terminal by name, or by what it is at the moment of the fault.
struct Target {
  enum class Role { named, leader, follower, any };
  Role role = Role::named;
  std::string name;  // of a terminal, or "cloud"; for `follower` and `any` empty: drawn by seed

  bool operator==(const Target&) const = default;
};

struct Fault {
  FaultKind kind = FaultKind::cut;
  Duration at{};
  std::optional<Duration> lasts;  // none: to the end, or until started again
  std::vector<Target> targets;
  std::vector<Target> others;
  std::vector<std::vector<Target>> groups;
  std::string place;
  Duration delay{};
  Duration period{};
  Duration age{};
  std::int64_t parts_per_million = 0;
  std::uint32_t pages = 0;
  std::optional<LinkQuality> quality;
};

// One row of the table that parser, writer, random scenarios and documents share.
struct FaultField {
  std::string_view key;  // "targets", "others", "groups", "place", "delay" ...
  bool is_required = true;
};
struct FaultRow {
  FaultKind kind;
  std::string_view name;  // as in the file
  std::string_view what;  // a sentence
  std::vector<FaultField> fields;
  bool may_last = true;
  bool runs_in_lab = true;  // real processes can show it
  FaultArea area = FaultArea::network;
};
const std::vector<FaultRow>& fault_table();
const FaultRow& row_of(FaultKind kind);
inline FaultArea area_of(FaultKind kind) {
  return row_of(kind).area;
}

// ---- what must hold -----------------------------------------------------------------------------

struct Bounds {
  // After the last fault has ended: equal vectors and digests everywhere (M5). None: the design's,
  // from the number of entries missing at that moment.
  std::optional<Duration> converge_within;
  // One leader that all agree on (M3). None: 5 s wired, 30 s wireless.
  std::optional<Duration> leader_within;
  std::optional<std::uint32_t> takeovers_max;  // none: not judged
  std::uint64_t queue_entries_max = 25'000;
  // Bytes sent for entries, as a multiple of the entries that were missing; none: not judged.
  std::optional<Ratio> bytes_per_missing_byte;
  std::vector<std::string> alarms_allowed;  // codes; any other alarm is a failure
};

// A bug planted in the host or the codec, which a checker must find. Never in the core.
enum class PlantedBug {
  none,
  forgotten_promise,  // a vote is sent, its promise never reaches the disk
  acknowledge_before_commit,
  lost_commit,               // the disk reports durable what a crash then loses
  merge_by_sum,              // a repeated entry counts again
  relay_drops_entry,         // now and then an entry is never handed to one terminal
  stale_leader_writes,       // the store database takes a lower token
  two_uplinks,               // the cloud grants the lease without comparing tokens
  acknowledge_before_kafka,  // the cloud acknowledges what it then loses
  continued_journal,         // a process goes on in the journal it found on its disk
  reserialised_entry,        // a terminal relays entries in its own encoding
  ignored_veto,              // vetoes are not delivered
  repeated_process_id,       // a restarted process keeps its id
  reused_receipt_number,     // the receipt counter is not read from the disk
  key_forgotten,             // idempotency keys of earlier lives are not loaded
  deaf_ears,                 // a follower never learns that its leader changed
  stale_addresses,           // own addresses are told as they were at the start
  hearsay_is_leave,          // what a member says of another counts as the other's own goodbye
  unbounded_terms,           // the cloud's lease row takes any higher term
  database_keeps_to_itself,  // what only the store database holds is not given back
  forgotten_twins,           // the disk does not tell that it holds an entry of the request already
  unclaimed_requests,        // one terminal's entries do not claim their requests
  void_of_one_entry,         // a void claims the entry that it names, not the request
  folds_badly,               // the cloud's fold tells of units that nothing moved
  kept_folded_row,           // a fold keeps the stock of a product that nothing moves any more
  renews_lost_lease,         // the cloud renews the lease of an uplink that has lost it
  beside_forgotten,          // what was written beside a damaged file is not taken into the new one
  told_again,                // screens are told again of the last sale when the disk is opened anew
};
std::string_view name_of(PlantedBug bug);
std::optional<PlantedBug> planted_bug(std::string_view name);

struct Scenario {
  std::string name;
  std::string purpose;                        // a sentence for the report
  std::optional<std::uint32_t> field_report;  // the row it answers
  std::uint64_t seed = 1;
  Duration lasts = seconds(60);  // faults and selling; then all is healed and must converge
  Topology topology;
  Workload workload;
  std::vector<Fault> faults;
  std::vector<std::string> probes;  // rare paths that must have been taken
  Bounds bounds;
  PlantedBug planted_bug = PlantedBug::none;
  std::string caught_by;  // the checker that must find the planted bug
};

bool has_fault(const Scenario& scenario, FaultKind kind);

// Every complaint, each with the path of the part it is about ("fault[2].targets[0]").
struct Complaint {
  std::string path;
  std::string message;
};
std::vector<Complaint> validate(const Scenario& scenario);

}  // namespace titan::simulations
