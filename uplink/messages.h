// What a store's leader and the cloud say to each other, as the core sees it; uplink/wire turns it
// into bytes and back. The meaning of each message is in proto/uplink.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/ids.h"
#include "base/time.h"
#include "crdt/interval_set.h"
#include "election/types.h"
#include "mesh/messages.h"

namespace titan::uplink {

inline constexpr std::uint32_t uplink_protocol_version = 2;
// From this version on a store answers the cloud's challenge.
inline constexpr std::uint32_t challenge_since_version = 2;
inline constexpr std::uint32_t entry_schema_version = 1;
// A larger WebSocket message closes its connection, on both sides.
inline constexpr std::size_t message_bytes_max = 4 * 1024 * 1024;
// The reason of a close by which a leader steps down: its lease need not run out first.
inline constexpr const char* goodbye = "this terminal no longer leads";

// Random, of one connection.
using Nonce = FixedBytes<struct NonceTag, 16>;

// ---- from the store ---------------------------------------------------------------------------

struct Handshake {
  std::uint32_t protocol = uplink_protocol_version;
  std::string tenant;
  std::string store;
  PublicKey device_key;
  election::Token token;
  std::uint32_t schema_version = entry_schema_version;
  std::vector<mesh::JournalItem>
      feeds;  // what the leader holds of the cloud's journals, one an epoch
  std::string terminal;
  std::string access_key;
  WallTime sent;
  Nonce nonce;  // of the connection's challenge; none: there was none
};

struct Batch {
  std::uint64_t sequence = 0;
  std::vector<Bytes> entries;          // SignedEntry bytes, verbatim
  std::vector<PublicKey> device_keys;  // of this store, once an entry could not be checked
};

struct LeaseRenewal {
  std::uint64_t sequence = 0;
  std::uint64_t pending_entries = 0;
  std::uint32_t view_size = 0;
};

struct WantedNumbers {
  JournalId journal;
  crdt::IntervalSet numbers;
};
struct EntriesWanted {
  std::uint64_t request = 0;
  std::vector<WantedNumbers> wanted;
  std::uint64_t bytes_max = 0;
};

// How far the store has stored the cloud's feed.
struct FeedProgress {
  JournalId feed_journal;
  std::uint64_t number = 0;
};

using ToCloud = std::variant<Handshake, Batch, LeaseRenewal, EntriesWanted, FeedProgress,
                             mesh::WatermarkRequest>;

// ---- from the cloud ---------------------------------------------------------------------------

// The first message on a connection.
struct Challenge {
  Nonce nonce;
};

struct HandshakeAccepted {
  mesh::Watermark watermark;  // what it is about is told if the store asks (WatermarkRequest)
  JournalId feed_journal;
  std::uint64_t feed_number = 0;
  PublicKey cloud_key;
  std::uint32_t batch_entries_max = 0;
  std::uint32_t batch_bytes_max = 0;
  std::uint32_t window_batches = 0;
  std::uint32_t lease_ms = 0;
};

enum class RefusalCode : std::uint32_t {
  lower_token = 1,
  unknown_store = 2,
  bad_key = 3,
  protocol = 4,
  malformed = 5,
  busy = 6,
  signature = 7,
};

struct HandshakeRefused {
  RefusalCode code = RefusalCode::malformed;
  std::string reason;
  election::Token holder;
  bool holder_gone = false;
  std::uint32_t retry_after_ms = 0;
};

struct EntryFailure {
  std::uint32_t index = 0;
  bool retryable = false;
  bool quarantined = false;
  std::string reason;
};
struct BatchAck {
  std::uint64_t sequence = 0;
  std::uint32_t accepted = 0;
  std::vector<EntryFailure> failures;
  election::Token token;  // under which the connection was accepted; none: a cloud of protocol 1
};

struct ServerPush {
  std::vector<Bytes> feed_entries;
  std::optional<mesh::WatermarkUpdate> watermark;  // since the last that was told in whole
};

struct LeaseRenewed {
  std::uint64_t sequence = 0;
};

struct LostEntries {
  std::uint64_t request = 0;
  std::vector<Bytes> entries;
  bool last = false;
  std::vector<PublicKey> device_keys;
};

enum class ClosingCode : std::uint32_t { fenced = 1, lease_lost = 2, shutting_down = 3 };

struct Closing {
  ClosingCode code = ClosingCode::shutting_down;
  std::string reason;
  election::Token holder;
};

using ToStore = std::variant<HandshakeAccepted, HandshakeRefused, BatchAck, ServerPush,
                             LeaseRenewed, LostEntries, Closing, Challenge, mesh::WatermarkSlice>;

}  // namespace titan::uplink
