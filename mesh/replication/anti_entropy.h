// Anti-entropy: pairwise comparison of vectors and transfer of exactly what is missing (Demers et
// al. 1987, push-pull), which repairs whatever direct mail missed, also through third parties.
//
// A round costs one small message each way while nothing differs: the roots of the two vectors with
// the stock digests at them. If the roots differ, the device digests follow. A device that differs
// and has many journals is compared in ranges of their ids (range-based set reconciliation, Meyer
// 2023): digests of its parts, then of the parts of those that differ, until few journals are left;
// their items go in both directions, and each side asks for the numbers it lacks. So what travels
// is linear in what differs, however many journals there ever were. A number is asked of one peer
// at a time, so that a healed cut moves each missing entry once per terminal.
//
// Sans-IO, single-threaded. Entries travel in frames of entries_frame_bytes; a request is bounded
// by request_bytes_max, a peer has at most serves_per_peer_max of them being served.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "mesh/entry/entry.h"
#include "mesh/messages.h"
#include "mesh/replication/entry_index.h"

namespace titan::mesh {

// Of one hash list: a number can have more branches than two only if copies were copied.
inline constexpr std::size_t hash_list_entries_max = 20'000;

struct AntiEntropyConfig {
  // Between rounds while something differs or sells. Lower: faster repair, more idle traffic.
  Duration interval = milliseconds(250);
  // The interval doubles up to this while nothing differs. Higher: less traffic, slower discovery
  // of an entry that direct mail lost.
  Duration interval_max = milliseconds(2000);
  // A difference is asked for only after this: direct mail under way usually settles it.
  Duration settle = milliseconds(50);
  // A request without a frame for this long is given to another peer.
  Duration request_timeout = milliseconds(1000);
  std::uint64_t request_bytes_max = 1024 * 1024;
  std::uint64_t request_numbers_max = 4096;
  // A request names one journal; many small journals travel well because requests overlap.
  std::uint32_t requests_in_flight_max = 64;
  // Nothing more is asked for while so many entries wait for the own disk: a catch-up goes at its
  // pace, and the till's own sales are not far behind in the queue.
  std::uint64_t pending_entries_max = 5000;
  std::uint32_t requests_per_peer_max = 16;
  // A peer that asks for more at once is answered with an empty last frame.
  std::uint32_t serves_per_peer_max = 32;
  // A range with at most so many journals of ours is listed, a longer one is compared in so many
  // parts. More: fewer messages in a row; fewer: less of what both hold is listed.
  std::uint32_t journals_listed_at_once = 64;
  std::uint32_t range_parts = 16;
  // Of ranges in one message, some 80 bytes each; of intervals of numbers in one SyncItems, some 50
  // bytes with their journal, of which nearly every one has a single one. A journal with more than
  // a message holds is not listed. What goes beyond comes in later rounds, each of which begins
  // somewhere else.
  std::uint32_t ranges_per_message_max = 1024;
  std::uint32_t intervals_per_message_max = 2000;
  std::uint32_t intervals_per_round_max = 8000;
  // A forked journal's hashes travel in lists of so many numbers, 40 bytes a number. A list that
  // does not come within request_timeout is asked for again, so many times in all; then the next
  // vectors show the difference again.
  std::uint64_t hash_list_numbers_max = 4096;
  std::uint32_t hash_list_tries = 5;
  // More missing entries than this in all: what a till needs to sell with (products, settings,
  // users) is asked for before the rest, and of a journal that lacks as many the newest come first.
  std::uint64_t newest_first_above = 1000;

  static AntiEntropyConfig wired() { return {}; }
  static AntiEntropyConfig wireless();
  std::vector<std::string> validate() const;
};

class AntiEntropy {
 public:
  struct SendTo {
    ProcessId to;
    Message message;
  };
  // Read entries for a peer; the answer comes with on_read().
  struct Serve {
    std::uint64_t read_id = 0;
    EntryRequest request;
    bool hash_list_only = false;  // of request.numbers
  };
  // Equal vectors, different stock: one of the two computes wrongly.
  struct Diverged {
    ProcessId peer;
    std::uint64_t own_digest = 0;
    std::uint64_t peer_digest = 0;
  };
  // Equal numbers, different content: a copied process forked this journal. Told once a journal.
  struct ForkSuspected {
    ProcessId peer;
    JournalId journal;
  };
  // The peer knows a lower watermark than we do.
  struct WatermarkLacking {
    ProcessId peer;
  };
  using Effect = std::variant<SendTo, Serve, Diverged, ForkSuspected, WatermarkLacking>;

  AntiEntropy(AntiEntropyConfig config, EntryIndex& index, Random random);

  void on_peer_up(Now now, const ProcessId& peer, const DeviceId& device);
  void on_peer_down(Now now, const ProcessId& peer);
  void on_sync_root(Now now, const ProcessId& from, const SyncRoot& message);
  void on_sync_devices(Now now, const ProcessId& from, const SyncDevices& message);
  void on_sync_ranges(Now now, const ProcessId& from, const SyncRanges& message);
  void on_sync_items(Now now, const ProcessId& from, const SyncItems& message);
  void on_have(const ProcessId& from, const Have& message);
  void on_entry_request(const ProcessId& from, const EntryRequest& message);
  void on_hash_list_request(const ProcessId& from, const HashListRequest& message);
  // The frame's entries have been handed on by the caller; this keeps the book of requests.
  void on_entries(Now now, const ProcessId& from, const Entries& message);
  // Entries of this journal that the peer sent were refused: it is not asked for them again before
  // its next vector.
  void on_unusable(const ProcessId& from, const JournalId& journal);
  // The numbers to read of our own for a peer's hash list; none if nobody waits for it.
  std::optional<crdt::IntervalSet> numbers_to_compare(const ProcessId& from,
                                                      const HashList& theirs) const;
  // What a peer holds of a forked journal, with what we hold of it.
  void on_hash_lists(Now now, const ProcessId& from, const HashList& theirs,
                     const std::vector<std::pair<std::uint64_t, Hash>>& ours);
  void on_read(std::uint64_t read_id, std::vector<Bytes> entries,
               std::vector<std::pair<std::uint64_t, Hash>> hash_list);
  // The disk gave no answer. "Nothing" would be one: that we hold nothing of the journal.
  void on_read_failed(std::uint64_t read_id);
  // The vector moved: peers will want to know soon.
  void on_vector_moved(Now now);
  void on_tick(Now now);

  void set_stock_digest(std::uint64_t digest) { stock_digest_ = digest; }
  void set_watermark(WatermarkPlace place) { watermark_ = place; }
  // Journals of this device (the cloud's feed) are asked for before all others.
  void set_first_device(const DeviceId& device) { first_device_ = device; }

  MonoTime next_deadline() const;
  std::vector<Effect> take_effects();

  // Whether an entry was asked for by its hash (a branch of a forked journal); forgets it.
  bool take_wanted_branch(const Hash& hash);
  // The disk was read anew: what was on its way to it may not be there.
  void on_storage_restarted();
  // Devices other than this one that hold the entry, as far as their vectors have told us.
  std::vector<DeviceId> holders(const JournalId& journal, std::uint64_t number) const;
  // Whether the device was last heard to hold exactly what is stored here.
  bool is_level(const DeviceId& device) const;
  // Something is known to be missing here, and asked for or about to be.
  bool is_catching_up() const { return !requests_.empty() || held_back_ || lacks_any(); }
  std::uint32_t requests_in_flight() const { return static_cast<std::uint32_t>(requests_.size()); }
  void check_invariants() const;

 private:
  struct Peer {
    DeviceId device;
    std::uint32_t serving = 0;  // of served_; at most serves_per_peer_max
    std::uint32_t asked = 0;    // of requests_
  };
  struct Request {
    ProcessId peer;
    JournalId journal;
    crdt::IntervalSet numbers;  // none: branches were asked for, by their hashes
    MonoTime deadline;          // put off by each frame that comes
    bool state_only = false;
  };
  enum class What { state, everything };
  struct Served {
    ProcessId peer;
    std::uint64_t request = 0;  // the peer's id for it
    JournalId journal;
    bool hash_list_only = false;
    std::uint64_t first = 0;  // of a hash list
    std::uint64_t next = 0;   // where the list after it begins; 0: there is none
  };
  // A forked journal under comparison with a peer, list by list.
  struct Fork {
    ProcessId peer;
    std::uint64_t first = 1;  // of the list that is awaited; ascends
    std::uint32_t tries = 0;  // of this list; at most hash_list_tries
    MonoTime deadline;
  };

  using Lacking = std::map<DeviceId, std::set<JournalId>>;

  // What a device told us it holds.
  struct Known {
    crdt::VersionVector vector;
    // By device, none empty: all journals of which a number is lacking here, and some of which none
    // is any more, which are taken out when they are met again.
    Lacking lacking;
    // While much is lacking: those of them that may hold products, settings or users.
    Lacking lacking_state;
  };

  // anti_entropy.cpp: peers and time; anti_entropy_comparing.cpp: the comparison of vectors
  void send(const ProcessId& to, Message message);
  void start_round(const ProcessId& peer);
  void tell_differing(const ProcessId& to, std::vector<DeviceRange> ranges);
  void send_items(const ProcessId& to, std::vector<DeviceRange> ranges);
  DeviceItems list_of(const DeviceRange& range, const PublicKey& key,
                      std::size_t intervals_max) const;
  void begin_anywhere(std::vector<DeviceRange>& ranges);
  void learn_items(Now now, const ProcessId& from, const std::vector<DeviceItems>& devices);
  void learn_equal(const DeviceId& holder, const RangeDigest& theirs);
  void learn_item(Known& known, const DeviceId& device, const JournalItem& theirs);
  void forget_unlisted(Known& known, const DeviceId& device, const DeviceItems& listed) const;

  // anti_entropy_asking.cpp: what is asked of whom
  void ask_for_missing(Now now);
  void ask_peers(Now now, const std::vector<ProcessId>& order, bool first_device, What what);
  // What becomes of a list of journals at one of them.
  enum class Look { stop, keep, drop };
  Look ask_peer(Now now, const ProcessId& peer, const JournalId& journal, crdt::IntervalSet lacking,
                What what);
  template <class Visit>
  void each_lacking(const Known& known, std::set<JournalId>& journals, Visit&& visit);
  bool lacks_any() const;
  bool lacks_much();
  bool waits_for_state();
  void end_request(Now now, std::uint64_t id);
  void forget_item(const DeviceId& holder, const JournalId& journal);

  // anti_entropy_forks.cpp: journals that exist in two versions; anti_entropy_serving.cpp: reads
  // for peers
  void compare_forks(Now now, const ProcessId& from, const JournalItem& theirs);
  void ask_for_hash_list(Now now, const JournalId& journal);
  void ask_for_late_hash_lists(Now now);
  void send_hash_list(const Served& served, std::vector<std::pair<std::uint64_t, Hash>> list);

  AntiEntropyConfig config_;
  EntryIndex& index_;
  Random random_;

  std::map<ProcessId, Peer> peers_;  // those with a link; requests, reads and forks are of these
  // What each device told us it holds; kept while it is away, for `copies` of a sale. Its next
  // process starts from nothing: its disk may be another.
  std::map<DeviceId, Known> known_;
  std::map<DeviceId, ProcessId> known_from_;   // whose word it is
  std::map<std::uint64_t, Request> requests_;  // waiting for their last frame
  // Numbers of all requests_, which overlap nowhere: each number is asked of one peer at a time.
  std::map<JournalId, crdt::IntervalSet> in_flight_;
  // While much is lacking: whose products have all come, and those not on the disk yet.
  std::set<JournalId> state_complete_;
  std::map<JournalId, crdt::IntervalSet> state_on_way_;
  std::map<std::uint64_t, Served> served_;  // waiting for the disk, by read id
  std::set<Hash> wanted_branches_;          // asked for by hash, not come yet
  std::set<Hash> taken_branches_;  // since the last load: what a list read earlier still lacks
  std::map<JournalId, Fork> forks_;
  std::set<JournalId> forks_told_;  // never forgotten
  std::uint64_t next_id_ = 1;       // of requests and reads alike

  Duration interval_;  // from config_.interval, where something moves, to config_.interval_max
  MonoTime next_round_;
  MonoTime ask_at_ = MonoTime::never();  // never: nothing is known to be missing but what is asked
  bool held_back_ = false;               // asking stopped until the own disk has caught up
  DeviceId first_device_;                // none: no journal goes before others
  std::uint64_t stock_digest_ = 0;       // at index_.stored()
  WatermarkPlace watermark_;             // the highest that we know

  std::vector<Effect> effects_;
};

}  // namespace titan::mesh
