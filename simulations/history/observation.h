// What an observer of a store sees: the one language in which both executors tell the checkers,
// the report and the trace what happened.
//
// Plain data. The simulator makes observations as things happen; the lab makes them of the real
// processes' API, events, databases and cloud. What a real run cannot observe is simply absent
// (each type says so), and a checker that needs it says that it did not judge.
// describe() gives the one line that logs, reports and the trace hash share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "crdt/stock.h"
#include "election/types.h"
#include "mesh/entry/entry.h"

namespace titan::simulations {

// The place of a terminal in the scenario's list.
using TerminalIndex = std::uint32_t;
// In the place of a terminal whose store database is told of: the one that all of them share.
inline constexpr TerminalIndex shared_database = ~TerminalIndex{0};

// An entry as far as checkers need it.
struct EntryFacts {
  mesh::EntryId id;
  Hash hash;
  DeviceId device;
  mesh::Kind kind = mesh::Kind::unknown;
  std::string idempotency_key;
  Hash request_hash;
  Hash claim;
  std::vector<crdt::StockEffect> stock_effects;
  std::optional<mesh::Receipt> receipt;
  std::uint64_t bytes = 0;
};

// The first of a run.
struct RunBegan {
  std::string executor;  // "simulator", "lab"
  std::vector<std::string> terminals;
  // Whether EntryStored comes at the moment of durability, and DiskReplaced is told; otherwise
  // what is on the disks is known only from the end.
  bool sees_disks = true;
};

// ---- processes ----------------------------------------------------------------------------------
struct ProcessStarted {
  TerminalIndex terminal = 0;
  ProcessId process;
  DeviceId device;
  bool is_clone = false;  // resumed from a snapshot beside its original
};
struct ProcessEnded {
  TerminalIndex terminal = 0;
  ProcessId process;
  bool was_polite = false;
};
// The disk is not what it was: restored, cloned, lost. Holds what is on it now.
struct DiskReplaced {
  TerminalIndex terminal = 0;
  std::string how;
  std::vector<std::pair<mesh::EntryId, Hash>> held;
  // What the private store database on it holds, as the terminal's own did until now.
  std::vector<std::pair<mesh::EntryId, Hash>> held_by_database;
};

// ---- tills --------------------------------------------------------------------------------------
struct RequestSent {
  TerminalIndex terminal = 0;
  std::string key;
  mesh::Kind kind = mesh::Kind::sale;
  Hash request_hash;
  Hash claim;                                    // of all requests with one claim one counts
  std::vector<crdt::StockEffect> stock_effects;  // what it must come to
};
struct RequestAnswered {
  TerminalIndex terminal = 0;
  std::string key;
  enum class Outcome { recorded, repeated, refused, unknown } outcome = Outcome::recorded;
  std::string error;
  std::optional<mesh::EntryId> entry;  // recorded and repeated
  std::optional<Hash> hash;
  std::optional<mesh::Receipt> receipt;
};
// A till shows a product's stock on its screen, at the end of a run also the final one.
struct StockRead {
  TerminalIndex terminal = 0;
  std::string product;
  std::int64_t on_hand = 0;
  bool is_final = false;
};

// ---- entries, by terminal -----------------------------------------------------------------------
// Durable on the terminal's disk. The lab learns it from the journal listing at the end.
struct EntryStored {
  TerminalIndex terminal = 0;
  std::shared_ptr<const EntryFacts> entry;
};
// What is on a terminal's disk at the end of the run, read from the disk itself.
struct JournalListed {
  TerminalIndex terminal = 0;
  std::vector<std::pair<mesh::EntryId, Hash>> held;
};
// What a terminal says of itself after an input that changed it.
struct StateReported {
  TerminalIndex terminal = 0;
  std::string vector_root;
  std::uint64_t stock_digest = 0;
  std::uint64_t entries = 0;
  std::uint64_t pending_uploads = 0;
  std::uint64_t queued_entries = 0;  // for the disk
  std::uint64_t queued_bytes = 0;    // for the network
};
struct AlarmRaised {
  TerminalIndex terminal = 0;
  std::string code;
  std::string message;
};

// ---- membership and election --------------------------------------------------------------------
struct MemberReported {
  TerminalIndex terminal = 0;
  ProcessId about;
  std::string state;  // "alive", "suspect", "dead", "left"
};
// Whom a terminal follows from now on.
struct LeaderReported {
  TerminalIndex terminal = 0;
  std::optional<election::Token> leader;
  bool is_self = false;
};
// A vote left a terminal. Simulator only.
struct VoteGranted {
  TerminalIndex terminal = 0;
  std::uint64_t term = 0;
  ProcessId candidate;
};

// ---- cloud and store database -------------------------------------------------------------------
struct LeaseGranted {
  TerminalIndex terminal = 0;  // to whom
  election::Token token;
};
struct LeaseReleased {
  election::Token token;
};
// Head office reset the store's lease: its row is empty in the new epoch. Simulator only.
struct LeaseReset {
  std::uint64_t epoch = 0;
};
struct CloudAcknowledged {  // to the leader: durable from here on
  mesh::EntryId id;
  Hash hash;
  election::Token token;  // of the uplink; none: not known to this executor
};
struct CloudHolds {  // projected
  std::shared_ptr<const EntryFacts> entry;
};
struct WatermarkSigned {
  std::uint64_t sequence = 0;
  std::uint64_t entries = 0;
};
struct DatabaseHolds {         // a store database, written under `token`
  TerminalIndex terminal = 0;  // whose, or shared_database
  std::shared_ptr<const EntryFacts> entry;
  election::Token token;
};
// A leader opens a store database.
struct DatabaseOpened {
  TerminalIndex terminal = 0;  // whose, or shared_database
  std::uint64_t entries = 0;   // 0: it is empty, what it held earlier is gone
};

// ---- the run itself -----------------------------------------------------------------------------
// For each terminal those that it exchanges frames with both ways, as far as the network and the
// processes let it. One that runs and hears is in its own list; one that does not run, is stalled
// or deaf has an empty list and is in no other. The cloud counts as one more, the last. A fault
// that comes and goes (flap) begins and ends each time. Before the first list all reach all.
using Reachability = std::vector<std::vector<TerminalIndex>>;
struct FaultBegan {
  std::uint32_t number = 0;  // in the scenario's list
  std::string what;
  Reachability reaches;
};
struct FaultEnded {
  std::uint32_t number = 0;
  Reachability reaches;
};
// A terminal whose first start comes later in the scenario runs now.
struct SwitchedOn {
  TerminalIndex terminal = 0;
  Reachability reaches;
};
// From here on nothing breaks and everything must converge.
struct AllHealed {
  std::uint64_t entries_missing = 0;  // summed over terminals; simulator only
};
struct RunEnded {};
// A rare path was taken.
struct Reached {
  std::string probe;
};
// The cloud renewed the lease of the uplink under this token.
struct LeaseKept {
  election::Token token;
};
// Traffic so far, of all terminals together.
struct TrafficCounted {
  std::uint64_t bytes = 0;          // all frames
  std::uint64_t entry_bytes = 0;    // of them entries
  std::uint64_t missing_bytes = 0;  // entries that a terminal lacked when they were sent to it
};

using Observation =
    std::variant<RunBegan, ProcessStarted, ProcessEnded, DiskReplaced, RequestSent, RequestAnswered,
                 StockRead, EntryStored, JournalListed, StateReported, AlarmRaised, MemberReported,
                 LeaderReported, VoteGranted, LeaseGranted, LeaseReleased, LeaseReset,
                 CloudAcknowledged, CloudHolds, WatermarkSigned, DatabaseHolds, DatabaseOpened,
                 FaultBegan, FaultEnded, SwitchedOn, AllHealed, RunEnded, Reached, TrafficCounted,
                 LeaseKept>;

struct Observed {
  MonoTime at;
  Observation what;
};

std::string describe(const Observation& observation);

// Whoever wants to know: checkers, the report, the trace, a file.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_observed(const Observed& observed) = 0;
};

}  // namespace titan::simulations
