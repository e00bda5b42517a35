// The Node: one terminal's part in the mesh, as a deterministic state machine.
//
// Sans-IO and single-threaded: the host feeds typed inputs, each with `Now`, and after each input
// takes the effects and carries them out in order. Nothing that claims durability (a receipt, a
// vote, a vector, direct mail) is among the effects before the host has reported the StoreRequest
// it rests on with on_stored().
//
// It drives SWIM membership, direct mail, anti-entropy and the election, relays frames between
// pairs that cannot reach each other, and keeps the stock sums. check_invariants() runs after each
// input.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/crypto.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "election/election.h"
#include "mesh/anti_entropy.h"
#include "mesh/codec.h"
#include "mesh/entry.h"
#include "mesh/journal.h"
#include "mesh/membership.h"
#include "mesh/messages.h"
#include "mesh/stored_state.h"

namespace titan::mesh {

struct NodeConfig {
  std::string tenant;
  std::string store;
  std::string terminal;
  std::vector<std::string> addresses;  // where peers reach this process
  bool may_lead = true;
  std::uint32_t priority = 0;
  PublicKey cloud_key;  // none: no cloud is known
  MembershipConfig membership;
  AntiEntropyConfig anti_entropy;
  election::Config election;
};

// ---- effects ---------------------------------------------------------------------------------

struct Send {
  ProcessId to;
  Bytes frame;
};
// Read entries for a peer or for the uplink; answered with on_read().
struct ReadRequest {
  std::uint64_t id = 0;
  JournalId journal;
  crdt::IntervalSet numbers;
  std::vector<Hash> hashes;
  std::uint64_t bytes_max = 0;
  bool newest_first = false;
  bool hash_list_only = false;
};
// The answer to append(): durable now, or the commit failed and the outcome is unknown.
struct AppendReply {
  std::uint64_t ticket = 0;
  Result<std::shared_ptr<const Entry>> entry;
  bool repeated = false;  // the idempotency key had been used for the same request
};

// Events for screens, logs and metrics.
struct EntrySeen {  // new here, checked; it may not be on this disk yet
  std::shared_ptr<const Entry> entry;
  bool own = false;
  bool claim_won = true;
};
struct StockChanged {
  std::vector<crdt::StockChange> changes;
  EntryId cause;
};
struct EntriesStored {
  std::vector<std::shared_ptr<const Entry>> entries;
};
struct MemberChanged {
  MemberUpdate update;
  std::optional<MemberState> before;
};
struct LeaderChanged {
  std::optional<election::Token> leader;
  std::string terminal;  // of the leader, if known
  bool is_self = false;
};
struct WatermarkMoved {
  std::uint64_t sequence = 0;
  std::uint64_t pending_entries = 0;
};
struct Alarm {
  std::string code;  // "divergence", "journal_copied", "bad_signature", "clock_skew" ...
  std::string message;
};
struct Note {  // a log line
  std::string message;
};
using Event = std::variant<EntrySeen, StockChanged, EntriesStored, MemberChanged, LeaderChanged,
                           WatermarkMoved, Alarm, Note>;

using Effect = std::variant<Send, StoreRequest, ReadRequest, AppendReply, Event>;

// ---- what the status page and the API ask -----------------------------------------------------

struct MemberView {
  MemberInfo member;
  MemberState state = MemberState::alive;
  bool linked = false;                 // this terminal has its own connection to it
  std::optional<Duration> round_trip;  // of the last direct probe
  std::optional<std::int64_t> clock_skew_ms;
};

class Node {
 public:
  Node(NodeConfig config, KeyPair device_key, ProcessId process, StoredState state,
       const Codec& codec, Random random, Now now);

  // -- inputs from the network
  void on_link_up(Now now, const MemberInfo& peer);  // hello accepted; frames can be sent to it
  void on_link_down(Now now, const ProcessId& peer);
  void on_frame(Now now, const ProcessId& from, BytesView frame);
  // -- inputs from the disk
  void on_stored(Now now, std::uint64_t request_id);
  // The request and all later ones failed. The node answers every waiting append with
  // unknown_outcome and wants restart_storage() with what the reopened disk really holds.
  void on_store_failed(Now now, std::uint64_t request_id, const Error& error);
  void restart_storage(Now now, StoredState state);
  void on_read(Now now, std::uint64_t read_id, std::vector<Bytes> entries,
               std::vector<std::pair<std::uint64_t, Hash>> hash_list);
  // -- inputs from the host
  void on_tick(Now now);
  // The answer comes as AppendReply with the returned ticket, once durable.
  std::uint64_t append(Now now, EntryDraft draft);
  // Entries that came from the cloud (feed, or entries this store lost).
  void on_cloud_entries(Now now, const std::vector<Bytes>& entries,
                        const std::vector<PublicKey>& device_keys);
  void on_watermark(Now now, const Watermark& watermark);
  void on_cloud_state(Now now, election::CloudState state);
  void on_lease_refused(Now now, election::Token holder, bool holder_gone);
  void leave(Now now);

  MonoTime next_deadline() const;
  std::vector<Effect> take_effects();

  // -- queries
  const ProcessId& process() const;
  const DeviceId& device() const;
  const crdt::VersionVector& vector() const;  // what is stored
  std::uint64_t stock_digest() const;         // at vector()
  const crdt::Stock& shown_stock() const;     // also entries that are about to be stored
  std::vector<MemberView> members() const;    // self included
  std::optional<election::Token> leader() const;
  bool is_leader() const;
  std::optional<MemberInfo> leader_member() const;
  // How many terminals, this one included, hold the entry as far as we know.
  std::uint32_t copies(const EntryId& id) const;
  bool in_cloud(const EntryId& id) const;  // at or below the watermark
  std::uint64_t pending_uploads() const;   // entries stored here above the watermark
  const std::optional<WatermarkVector>& watermark() const;
  std::optional<PublicKey> device_key_of(const DeviceId& device) const;
  void check_invariants() const;

  // private parts: see node.cpp's sections
 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace titan::mesh
