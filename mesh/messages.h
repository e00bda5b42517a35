// What terminals say to each other, as the core sees it; mesh/wire turns it into bytes and back.
// Election messages are election/messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/time.h"
#include "crdt/interval_set.h"
#include "crdt/rooted_vector.h"
#include "crdt/version_vector.h"
#include "election/messages.h"
#include "election/types.h"

namespace titan::mesh {

// 2: journals whose names show whose they are, comparison in ranges. 1 was never released.
inline constexpr std::uint32_t protocol_version = 2;
inline constexpr std::uint32_t protocol_version_min = 2;
inline constexpr std::size_t frame_bytes_max = 1024 * 1024;  // a larger one closes its connection
inline constexpr std::size_t entries_frame_bytes = 256 * 1024;  // aim of one Entries frame

struct MemberInfo {
  ProcessId process;
  PublicKey device_key;
  std::string terminal;
  std::vector<std::string> addresses;  // "10.77.0.3:7411"
  std::uint32_t protocol = protocol_version;
  bool may_lead = true;
  std::uint32_t priority = 0;
  bool holds_all_pending = true;
  bool reaches_cloud = false;
  WallTime started;

  bool operator==(const MemberInfo&) const = default;
  DeviceId device() const { return device_of(device_key); }
};

enum class MemberState : std::uint8_t { alive = 0, suspect = 1, dead = 2, left = 3 };
const char* to_string(MemberState state);

// Alive or suspect: it counts.
inline bool is_present(MemberState state) {
  return state == MemberState::alive || state == MemberState::suspect;
}

struct MemberUpdate {
  MemberInfo member;
  MemberState state = MemberState::alive;
  std::uint64_t incarnation = 0;

  bool operator==(const MemberUpdate&) const = default;
};

// SWIM (Das et al. 2002): direct probe, indirect probe, gossip riding on both.
struct Ping {
  std::uint64_t sequence = 0;
  std::vector<MemberUpdate> updates;
  election::LeaderNews leader;
  ProcessId on_behalf_of;  // none, or who asked for this indirect probe
  WallTime sent;
};
struct Ack {
  std::uint64_t sequence = 0;
  std::vector<MemberUpdate> updates;
  election::LeaderNews leader;
  ProcessId about;  // none, or whom an indirect probe reached
  WallTime sent;
};
struct PingRequest {
  std::uint64_t sequence = 0;
  ProcessId target;
  std::vector<MemberUpdate> updates;
};
struct Leave {
  std::uint64_t incarnation = 0;
};

struct DirectMail {
  std::vector<Bytes> entries;  // ascending within a journal
};

struct JournalItem {
  JournalId journal;
  crdt::VectorItem item;

  bool operator==(const JournalItem&) const = default;
};
// All that the sender holds of a device in the range.
struct DeviceItems {
  PublicKey device_key;
  crdt::JournalRange range;
  std::vector<JournalItem> journals;

  bool operator==(const DeviceItems&) const = default;
};
struct DeviceDigest {
  DeviceId device;
  crdt::ContentSum digest;

  bool operator==(const DeviceDigest&) const = default;
};

struct DeviceRange {
  DeviceId device;
  crdt::JournalRange range;

  bool operator==(const DeviceRange&) const = default;
};
struct RangeDigest {
  DeviceRange range;
  crdt::ContentSum digest;

  bool operator==(const RangeDigest&) const = default;
};

// Stored here: sent to the author soon after, so that `copies` of a sale is up to date.
struct Have {
  std::vector<JournalItem> journals;
};

// Watermarks of one store in their order: sequences begin anew with each epoch of the cloud.
struct WatermarkPlace {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;

  auto operator<=>(const WatermarkPlace&) const = default;
};

// Anti-entropy: root first; only if it differs devices; of differing devices ranges of journals, in
// parts as long as they are many, then what is held in those that differ.
struct SyncRoot {
  crdt::ContentSum root;
  std::uint64_t stock_digest = 0;
  bool is_reply = false;
  WatermarkPlace watermark;
};
struct SyncDevices {
  crdt::ContentSum root;
  std::vector<DeviceDigest> devices;
};
struct SyncRanges {
  crdt::ContentSum root;
  std::vector<RangeDigest> ranges;
};
struct SyncItems {
  crdt::ContentSum root;
  std::vector<DeviceItems> devices;
  std::vector<DeviceRange> asked;  // the reply lists what the other side holds in these
};
struct EntryRequest {
  std::uint64_t request = 0;
  JournalId journal;
  crdt::IntervalSet numbers;
  std::uint64_t bytes_max = 0;
  bool newest_first = false;
  std::vector<Hash> hashes;  // branches of a forked journal
  bool state_only = false;   // of the numbers only products, settings and users
};
struct Entries {
  std::uint64_t request = 0;
  std::vector<Bytes> entries;
  bool last = false;
};
// A forked journal is compared in lists of so many numbers.
struct HashListRequest {
  JournalId journal;
  std::uint64_t first = 0;
};
struct HashList {
  JournalId journal;
  std::vector<std::pair<std::uint64_t, Hash>> entries;
  std::uint64_t first = 0;
  std::uint64_t next = 0;  // 0: this is the last list
};

// What the cloud says it holds: its signature is over the statement's bytes, which are relayed
// verbatim.
struct Watermark {
  Bytes statement;
  Signature signature;
  PublicKey cloud_key;

  bool operator==(const Watermark&) const = default;
};
struct WatermarkStatement {
  std::uint64_t epoch = 0;
  Bytes epoch_random;
  std::uint64_t sequence = 0;
  std::string tenant;
  std::string store;
  Hash root;                  // of the vector held (crdt/rooted_vector.h)
  std::uint64_t entries = 0;  // how many numbers are in it

  bool operator==(const WatermarkStatement&) const = default;
  WatermarkPlace place() const { return {epoch, sequence}; }
};
// Of a device all or some journals, each in whole; one without numbers is not held.
struct DeviceJournals {
  DeviceId device;
  std::vector<JournalItem> journals;

  bool operator==(const DeviceJournals&) const = default;
};
// A watermark, and how its vector differs from the one with the root `base`. Who holds another asks
// for what it lacks (WatermarkRequest).
struct WatermarkUpdate {
  Watermark watermark;
  Hash base;  // none: the difference would be too long to send
  std::vector<DeviceJournals> changed;
};
// What the sender holds, by buckets from `first` on; those that it does not name are empty.
struct WatermarkRequest {
  crdt::Bucket first = 0;
  std::vector<crdt::BucketDigest> held;
};
// The answer: all that is in the buckets, which are those that differ from `first` on, up to
// `next`.
struct WatermarkSlice {
  Watermark watermark;
  crdt::Bucket first = 0;  // as asked
  std::vector<crdt::Bucket> buckets;
  std::vector<DeviceJournals> journals;
  crdt::Bucket next = 0;  // where the next slice begins; 0: this is the last
};

// A frame for a process that its sender cannot reach itself.
struct Relay {
  ProcessId to;
  ProcessId from;
  Bytes frame;
  std::uint32_t hops_left = 1;
};

// The hello that opens a connection is the transport's own matter and not among these.
using Message =
    std::variant<Ping, Ack, PingRequest, Leave, DirectMail, Have, SyncRoot, SyncDevices, SyncRanges,
                 SyncItems, EntryRequest, Entries, HashListRequest, HashList, WatermarkUpdate,
                 WatermarkRequest, WatermarkSlice, Relay, election::Message>;

}  // namespace titan::mesh
