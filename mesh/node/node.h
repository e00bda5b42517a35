// The Node: one terminal's part in the mesh, as a deterministic state machine.
//
// Sans-IO and single-threaded: the host feeds typed inputs, each with `Now`, and after each input
// takes the effects and carries them out in order. Nothing that claims durability (a receipt, a
// vote, a vector, direct mail) is among the effects before the host has reported the StoreRequest
// it rests on with on_stored().
//
// It drives SWIM membership, direct mail, anti-entropy and the election, relays frames between
// pairs that cannot reach each other, and keeps the stock sums. check_invariants() holds after each
// input.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/crypto.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "election/election.h"
#include "mesh/clock/clock_hold.h"
#include "mesh/clock/known_dates.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"
#include "mesh/journal/own_journal.h"
#include "mesh/journal/stored_state.h"
#include "mesh/membership/membership.h"
#include "mesh/messages.h"
#include "mesh/node/disk_machine.h"
#include "mesh/replication/anti_entropy.h"
#include "mesh/replication/copies.h"
#include "mesh/replication/entry_index.h"
#include "mesh/watermark/watermark_follower.h"

namespace titan::mesh {

struct NodeConfig {
  std::string tenant;
  std::string store;
  std::string terminal;
  std::vector<std::string> addresses;  // where peers reach this process
  bool may_lead = true;
  std::uint32_t priority = 0;
  PublicKey cloud_key;  // none: no cloud is known
  WallTime started;
  MembershipConfig membership;
  AntiEntropyConfig anti_entropy;
  election::Config election;
};

// ---- effects -----------------------------------------------------------------------------------

struct Send {
  ProcessId to;
  Bytes frame;
};
// Read entries for a peer; answered with on_read().
struct ReadRequest {
  std::uint64_t id = 0;
  JournalId journal;
  crdt::IntervalSet numbers;
  std::vector<Hash> hashes;
  std::uint64_t bytes_max = 0;
  bool newest_first = false;
  bool hash_list_only = false;  // the hashes of the numbers instead of entries
  bool state_only = false;      // of the numbers only products, settings and users
};

// Events, for screens, logs and metrics.
// New here, checked; it may not be on this disk yet. Told once in the life of a process, whatever
// becomes of the disk.
struct EntrySeen {
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
  std::string code;  // "divergence", "journal_copied", "bad_signature" ...
  std::string message;
};
// One request of this device was recorded twice after a rebuild. Where both entries claim it, the
// ledger counts one of them already; else the extra one is to be voided.
struct DuplicateFound {
  DuplicateRecord duplicate;
};
struct Note {  // a log line
  std::string message;
};
using Event = std::variant<EntrySeen, StockChanged, EntriesStored, MemberChanged, LeaderChanged,
                           WatermarkMoved, Alarm, DuplicateFound, LinkWanted, Note>;

// A DiskJob is answered by on_storage_opened() or on_storage_not_opened(); what was handed to the
// disk before it has come to nothing, unless it was met by damage alone: then it goes on
// (on_beside_open()).
using Effect =
    std::variant<Send, StoreRequest, ReadRequest, KeyLookUp, DiskJob, AppendReply, Event>;

// ---- what the status page and the API ask ------------------------------------------------------

struct MemberView {
  MemberInfo member;
  MemberState state = MemberState::alive;
  bool is_self = false;
  bool linked = false;                 // this terminal has its own connection to it
  std::optional<Duration> round_trip;  // of the last direct probe
  std::optional<std::int64_t> clock_skew_ms;
  MonoTime state_since;
};

class Node {
 public:
  // `codec` outlives the node. `state` is what the disk holds.
  Node(NodeConfig config, KeyPair device_key, ProcessId process, StoredState state,
       const Codec& codec, Random random, Now now);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // -- inputs from the network
  void on_link_up(Now now, const MemberInfo& peer);  // hello accepted; frames can be sent to it
  // Also for a dial that came to nothing while there was no link.
  void on_link_down(Now now, const ProcessId& peer, LinkEnd reason);
  void on_frame(Now now, const ProcessId& from, BytesView frame);
  // -- inputs from the disk
  // Several at once where one commit made them durable: their entries travel together. `repeats`:
  // for each of their entries whose request, or this device's whose key, the disk held one of
  // already.
  void on_stored(Now now, std::span<const std::uint64_t> request_ids,
                 const StoredRepeats& repeats = {});
  // A commit failed, with all that was handed to the disk behind it. Every waiting append is
  // answered unknown_outcome. What is done about it is the disk machine's matter: a DiskJob
  // follows.
  void on_store_failed(Now now, bool is_damaged);
  // Whoever reads the file met damage: it is mended before a sale meets it, too.
  void on_damage_met(Now now);
  // During a recovery: a file beside the damaged one takes entries. What is handed to the disk from
  // here on survives the recovery's end: what is not stored by then is stored in the new file.
  void on_beside_open(Now now);
  // The answers to a DiskJob: what the disk really holds, or that it cannot be opened.
  void on_storage_opened(Now now, StoredState state);
  void on_storage_not_opened(Now now, bool is_damaged);
  void on_read(Now now, std::uint64_t read_id, std::vector<Bytes> entries,
               std::vector<std::pair<std::uint64_t, Hash>> hash_list);
  void on_read_failed(Now now, std::uint64_t read_id);
  // What the disk holds under the key, as far as it was committed when the look-up began or later.
  void on_key_looked_up(Now now, std::uint64_t look_up_id,
                        const std::optional<IdempotencyRecord>& found);
  void on_key_look_up_failed(Now now, std::uint64_t look_up_id);
  // The disk holds no keys of these hashes any more. In the order in which it reports commits: what
  // is recorded under one of them later is reported later.
  void on_keys_dropped(Now now, std::span<const std::uint64_t> hashes);
  // -- inputs from the host
  void on_tick(Now now);
  // Answered by one AppendReply with the returned ticket, once durable.
  std::uint64_t append(Now now, const EntryDraft& draft);
  // Entries that came from the cloud (the feed, or what this store lost) or that a store database
  // gives back. They are checked as a peer's are.
  void on_cloud_entries(Now now, const std::vector<Bytes>& entries,
                        const std::vector<PublicKey>& device_keys);
  // By the leader's uplink, which checked it.
  void on_watermark(Now now, const HeldByCloud& held);
  void on_cloud_state(Now now, election::CloudState state);
  void on_lease_refused(Now now, const election::Token& holder, bool holder_gone);
  // Where peers reach this process changed.
  void on_addresses(Now now, std::vector<std::string> addresses);
  // The address at which the device was reached last; to be remembered.
  void on_last_good_address(Now now, const DeviceId& device, const std::string& address);
  void leave(Now now);

  // on_tick() is wanted no later than this.
  MonoTime next_deadline() const;
  std::vector<Effect> take_effects() { return std::exchange(effects_, {}); }

  // -- queries
  const ProcessId& process() const { return process_; }
  const DeviceId& device() const { return device_; }
  MemberInfo self() const;
  DiskState disk_state() const { return disk_.state(); }
  const crdt::VersionVector& vector() const { return index_.stored(); }  // what is stored
  std::vector<PublicKey> device_keys() const;                            // of every device heard of
  std::uint64_t stock_digest() const { return stored_stock_.digest(); }  // at vector()
  // Also of entries that are on their way to the disk.
  const crdt::Stock& shown_stock() const { return shown_stock_; }
  std::vector<MemberView> members() const;  // this terminal first
  std::optional<election::Token> leader() const { return leader_; }
  bool is_leader() const { return leader_ && leader_->process == process_; }
  election::Role role() const { return election_.role(); }
  bool has_left() const { return membership_.has_left(); }
  std::optional<MemberInfo> member_of(const ProcessId& process) const;
  // Who holds the entry as far as we know.
  Copies copies(const EntryId& id) const;
  // Whether the disk may hold what this device recorded under the key: a look-up shows. While a
  // damaged file is recovered the second knows of what is stored beside it.
  bool may_hold_key(const std::string& idempotency_key) const {
    return own_.may_hold(idempotency_key);
  }
  std::optional<IdempotencyRecord> recorded_beside(const std::string& idempotency_key) const {
    return own_.recorded_beside(idempotency_key);
  }
  bool in_cloud(const EntryId& id) const {
    return held_by_cloud().held.vector().contains(id.journal, id.number);
  }
  // Terminals that are here and not known to hold just what this one holds, by name.
  std::vector<std::string> terminals_behind() const;
  // Peers are known to hold entries that this terminal has not got yet: what it shows may change.
  bool is_catching_up() const { return anti_entropy_.is_catching_up(); }
  std::uint64_t pending_uploads() const;  // entries stored here above the watermark
  // What the cloud holds, by the highest watermark that is known here.
  const HeldByCloud& held_by_cloud() const { return watermark_.known(); }
  // Whether new entries bear the last one's time, because the clock shows less.
  bool is_holding_time(WallTime wall) const { return own_.last_time() && wall < *own_.last_time(); }
  std::optional<PublicKey> device_key_of(const DeviceId& id) const { return index_.key_of(id); }
  void check_invariants() const;

 private:
  // In ids of reads for comparing forks; ids without it are anti-entropy's.
  static constexpr std::uint64_t own_read_flag = std::uint64_t{1} << 63;

  // What waits for one StoreRequest to become durable.
  struct Storing {
    std::vector<std::shared_ptr<const Entry>> entries;
    std::optional<election::Promise> promise;
  };

  // node.cpp: the frame around every input
  void begin(Now now);
  void finish(Now now);
  void emit(Event event) { effects_.emplace_back(std::move(event)); }

  // node_traffic.cpp: frames in and out
  void on_message(Now now, const ProcessId& from, Message&& message);
  void on_relay(Now now, const ProcessId& from, Relay&& relay);
  // None if no peer would take it.
  std::optional<Bytes> frame_of(const Message& message);
  void send(const ProcessId& to, const Message& message);
  void send_to_all(const Message& message);
  void send_by_relay(const ProcessId& to, Bytes frame);
  void mail(const std::vector<std::shared_ptr<const Entry>>& entries);
  void send_haves(Now now);

  // node_disk.cpp: what is handed to the disk, and what is believed of it
  StoreRequest& store_request();
  void flush_store_request();
  void drop_unstored();
  void keep_unstored();
  void store_promise_again();

  // node_entries.cpp: entries, stock, what screens are told
  void receive_entries(const ProcessId& from, const std::vector<Bytes>& raw);
  bool is_wanted(const Entry& entry);
  void leave_journal_to_copy(const Entry& entry);
  void accept(const std::shared_ptr<const Entry>& entry);
  void keep_key(const DeviceId& device);
  void settle(Now now, const std::vector<std::shared_ptr<const Entry>>& stored,
              const StoredRepeats& repeats);
  void hand_to_disk(const std::shared_ptr<const Entry>& own_entry);
  void tell_duplicate(const DuplicateRecord& duplicate, const Envelope& envelope);
  void tell_reused_key(const Envelope& envelope);
  void show(const std::shared_ptr<const Entry>& entry, bool own);
  void show_late(const std::shared_ptr<const Entry>& entry, const crdt::Stock& shown_before);
  void remember_shown(const std::vector<std::shared_ptr<const Entry>>& entries);

  // node_clock.cpp: a wall clock that went back, was ahead, or is dead
  void look_at_clock(Now now);
  std::optional<EntryDraft> corrected(Now now, const EntryDraft& draft) const;

  // node_members.cpp: membership, and what is remembered of members
  void take_membership(Now now);
  void on_member_changed(Now now, MemberStateChanged& change);
  void remember(Now now, const MemberInfo& member);

  // node_leadership.cpp: the election
  void update_view(Now now);
  void take_election();
  void on_leader(std::optional<election::Token> leader);

  // node_comparison.cpp: anti-entropy
  void take_anti_entropy();
  void on_hash_list(const ProcessId& from, HashList&& theirs);

  // node_watermark.cpp: what the cloud holds
  void restore_watermark(const std::optional<StoredWatermark>& stored);
  void on_watermark_update(Now now, const ProcessId& from, const WatermarkUpdate& update);
  void on_watermark_request(Now now, const ProcessId& from, const WatermarkRequest& request);
  void on_watermark_slice(Now now, const ProcessId& from, const WatermarkSlice& slice);
  void note_watermark(WatermarkFollower::Outcome outcome, const Watermark& watermark);
  void announce_watermark(const ProcessId& to);
  void pass_over_watermark_source(Now now);
  void forget_stored_watermark();
  void pass_on_watermark(Now now);

  // fixed at the start
  const NodeConfig config_;
  const DeviceId device_;
  const ProcessId process_;
  const DeviceId cloud_;  // the writer of the feed; none: no cloud is known
  const Codec& codec_;
  const Hash tenant_store_;

  Random random_;    // before own_, which draws nonces of journals from it
  MemberInfo self_;  // process and device stay

  // What is held, and what it adds up to.
  EntryIndex index_;
  crdt::Stock stored_stock_;  // of exactly the entries in index_.stored()
  // With those of others that are on their way to the disk: equal to stored_stock_ when none is.
  crdt::Stock shown_stock_;
  OwnJournal own_;
  ClockHold clock_hold_;
  KnownDates dates_;  // of stored entries; never goes back
  std::optional<OthersClock> others_clock_;
  MonoTime others_clock_next_{};                     // not asked before
  std::set<DeviceId> keys_on_disk_;                  // stored, or handed to the disk
  std::map<DeviceId, RememberedMember> remembered_;  // never forgotten: one for each device met
  WatermarkFollower watermark_;
  bool watermark_due_ = false;  // to the disk, and as leader to the members
  MonoTime watermark_next_{};   // not before
  // As handed to the disk last, and told to the members while leading: differences begin there.
  // None: the disk may hold another.
  std::optional<crdt::RootedVector> watermark_told_;
  // Whose slices are awaited; another one is asked only once its time is over.
  struct WatermarkSource {
    ProcessId peer;
    MonoTime next_by;  // the next slice
    MonoTime all_by;   // the last one
  };
  std::optional<WatermarkSource> watermark_source_;
  // They led nowhere: not asked again before then. Of peers with links.
  std::map<ProcessId, MonoTime> watermark_passed_over_;
  // Slices sent to a peer since a window of time began.
  struct SlicesServed {
    MonoTime since;
    std::uint32_t slices = 0;
  };
  std::map<ProcessId, SlicesServed> slices_served_;  // of peers with links

  // The parts.
  Membership membership_;
  AntiEntropy anti_entropy_;  // holds index_
  election::Election election_;
  std::optional<election::Token> leader_;  // as told by LeaderChanged

  // Links and what travels on them.
  std::map<ProcessId, MemberInfo> links_;              // frames can be sent to exactly these
  std::set<std::string> too_large_;                    // kinds of messages of which that was told
  std::map<DeviceId, std::set<JournalId>> haves_due_;  // author -> its journals stored here
  MonoTime haves_at_ = MonoTime::never();              // never: none are due
  // Hash lists of peers that wait for our own to be read, by read id; at most fork_reads_max.
  std::map<std::uint64_t, std::pair<ProcessId, HashList>> fork_reads_;

  // The disk.
  DiskMachine disk_;
  bool dropped_ = false;  // a commit failed, and nobody has looked at the disk since
  std::map<std::uint64_t, Storing> storing_;  // handed to the disk, not answered; ids ascend
  // Gathered during an input and handed over at its end; kept longer only while the disk takes no
  // writes.
  std::optional<StoreRequest> request_;
  std::uint64_t next_request_ = 1;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t next_fork_read_ = 1;
  std::vector<std::shared_ptr<const Entry>> doubtful_;  // failed to commit, may be there yet
  // Entries of others that screens were told of and that failed to commit: they come again. At most
  // shown_unstored_max.
  std::set<Hash> shown_unstored_;

  std::optional<MonoTime> last_input_;
  bool view_stale_ = true;  // the election has not been told of the members as they are
  bool leaving_ = false;    // the election goes first, then membership says goodbye
  std::vector<Effect> effects_;
};

}  // namespace titan::mesh
