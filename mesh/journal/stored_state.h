// What a node hands its host to make durable, and what it finds on disk when it starts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "election/types.h"
#include "mesh/clock/known_dates.h"
#include "mesh/entry/entry.h"
#include "mesh/journal/key_hashes.h"
#include "mesh/messages.h"

namespace titan::mesh {

// A member that this terminal has met, remembered by device: its new process replaces its old one.
struct RememberedMember {
  MemberInfo member;
  std::string last_good_address;  // tried first
  WallTime last_seen;

  bool operator==(const RememberedMember&) const = default;
};

// What the cloud holds, as a disk keeps it: the signed statement, and the vector that it is about.
struct StoredWatermark {
  Watermark watermark;
  // To be stored: nothing of what is there stays, or `journals` are what is others since.
  bool is_whole = true;
  std::vector<DeviceJournals> journals;

  bool operator==(const StoredWatermark&) const = default;
};

// Everything in one request becomes durable together or not at all; requests become durable in the
// order in which they were made.
struct StoreRequest {
  std::uint64_t id = 0;  // ascending; the host reports it back
  std::vector<std::shared_ptr<const Entry>> entries;
  // Entries that the adopted fold counts already; on the disk they are kept, and move nothing.
  std::vector<std::shared_ptr<const Entry>> history;
  bool is_history_whole = false;   // nothing of it is asked for any more
  std::vector<PublicKey> devices;  // new device keys
  std::optional<election::Promise> promise;
  std::vector<RememberedMember> members;
  std::optional<StoredWatermark> watermark;
  // Somebody waits for it: a till screen for its receipt, a candidate for a vote. What peers hold
  // too may wait a moment for more.
  bool is_urgent = false;
};

// The first answer to an idempotency key of this device.
struct IdempotencyRecord {
  EntryId entry;
  Hash entry_hash;
  Hash request_hash;

  bool operator==(const IdempotencyRecord&) const = default;
};

// Two entries of this device under one idempotency key, after a rebuild. With one request it was
// recorded twice: where both claim the request the ledger counts one of them, else the extra one
// needs a void. With two requests they are two sales and both count.
struct DuplicateRecord {
  EntryId kept;
  EntryId extra;  // of one request: the greater of the two
  Hash extra_hash;
  bool is_same_request = true;

  bool operator==(const DuplicateRecord&) const = default;
};

// What the disk tells with an entry that it has just made durable: it holds an older one for the
// same request. The node keeps no list of all requests that the store ever recorded.
struct StoredTwin {
  Hash claim;
  crdt::ClaimWinner older;  // whichever of several
  crdt::ClaimWinner later;  // the one made durable now

  bool operator==(const StoredTwin&) const = default;
};

// What the disk tells with an entry of this device that it has just made durable: it holds an older
// one under the same idempotency key. The node keeps no list of what each key stands for.
struct StoredDuplicate {
  DuplicateRecord duplicate;
  Hash later;  // the entry made durable now: the extra one, or the one kept

  bool operator==(const StoredDuplicate&) const = default;
};

// Of one commit.
struct StoredRepeats {
  std::vector<StoredTwin> twins;
  std::vector<StoredDuplicate> duplicates;
};

struct StoredState {
  crdt::VersionVector vector;  // of what counts here: stored, or covered by an adopted fold
  bool lacks_history = false;  // of what such a fold covers not all has been asked for
  crdt::Stock stock;
  std::vector<PublicKey> devices;
  election::Promise promise;
  std::vector<RememberedMember> members;
  std::optional<StoredWatermark> watermark;  // whole
  // This device's own past: the journal it wrote last, for the predecessor link.
  JournalId last_journal;
  std::uint64_t last_number = 0;
  Hash last_hash;
  std::uint64_t last_receipt_number = 0;
  std::uint64_t logical_clock = 0;           // the greatest seen in any entry
  KeyHashes keys;                            // this device's idempotency keys on the disk
  std::vector<DuplicateRecord> duplicates;   // of one request, not settled yet
  std::vector<DuplicateRecord> reused_keys;  // of two requests
  KnownDates dates;                          // what the newest journals say of the day
};

}  // namespace titan::mesh
