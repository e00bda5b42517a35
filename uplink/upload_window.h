// Which entries the cloud still lacks, and which of them are on their way.
//
// An entry the leader stores is pending until the cloud says that it holds it. On its way it is
// staged (its bytes are at hand), then in flight (in a batch that awaits its acknowledgement). What
// the cloud refuses for now waits aside; what it refuses for good stays aside until the next
// connection. Everything here is derived: after a reconnect the cloud's own vector says where to go
// on, so nothing is lost when this object is.
//
// Sans-IO, not thread-safe. Bounds: bytes of recent entries kept, bytes staged, batches in flight,
// one read from disk at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "crdt/interval_set.h"
#include "crdt/version_vector.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"
#include "uplink/counted_numbers.h"
#include "uplink/messages.h"

namespace titan::uplink {

struct WindowConfig {
  // Per batch: more amortises the cloud's commit, less shortens the way of a single sale.
  std::size_t batch_entries_max = 256;
  std::size_t batch_bytes_max = 256 * 1024;
  // A batch that is not full waits so long for more, once another one is in flight.
  Duration batch_age_max = milliseconds(10);
  // Batches without acknowledgement; the cloud may ask for fewer.
  std::size_t batches_in_flight_max = 8;
  // Entries kept at hand so that fresh ones need not be read back from disk; the oldest are let go.
  std::size_t recent_bytes_max = 4 * 1024 * 1024;
  // One read from disk asks for at most so many numbers.
  std::uint64_t read_numbers_max = 256;
  // An entry that the cloud could not take for now is sent again after this.
  Duration retry_pause = seconds(1);
};

// A read the window wants; answered with on_read().
struct WindowRead {
  std::uint64_t id = 0;
  JournalId journal;
  crdt::IntervalSet numbers;
  std::size_t bytes_max = 0;
};

struct AckOutcome {
  std::uint64_t held = 0;  // newly held by the cloud, quarantined ones included
  std::uint64_t quarantined = 0;
  std::uint64_t retried = 0;
  std::uint64_t refused = 0;
  std::string first_reason;  // of a failure, for the log
  std::optional<mesh::EntryId> first_failure;
};

class UploadWindow {
 public:
  UploadWindow(WindowConfig config, const mesh::Codec& codec);

  // A new leadership: this is what its disk holds, and what the cloud is thought to. Nothing is on
  // its way.
  void start(const crdt::VersionVector& stored, const crdt::VersionVector& held);
  // An entry became durable here. `wanted`: the cloud may lack it (not one that came from there).
  void on_stored(const std::shared_ptr<const mesh::Entry>& entry, bool wanted);
  // The cloud accepted a connection and holds `held`. Everything else is pending again.
  void on_connected(const crdt::VersionVector& held, std::size_t entries_max, std::size_t bytes_max,
                    std::size_t window_batches);
  void on_disconnected();
  // Bytes read from disk for the read with this id. Numbers asked for and passed over are
  // unreadable: they are set aside.
  void on_read(Now now, std::uint64_t id, const std::vector<Bytes>& entries);
  // The read could not be tried; its numbers wait for the retry pause.
  void on_read_failed(Now now, std::uint64_t id);
  // Nothing: the acknowledgement fits no batch in flight, the peer does not keep the protocol.
  std::optional<AckOutcome> on_ack(Now now, const BatchAck& ack);

  // The next read, if bytes are wanted and none is under way.
  std::optional<WindowRead> next_read(Now now);
  // The next batch to send, if one is due and the window has room.
  std::optional<Batch> next_batch(Now now);

  // When next_batch() or next_read() may have something new without further input.
  MonoTime next_deadline() const;
  // Since when the oldest batch in flight waits; nothing if none does.
  std::optional<MonoTime> oldest_in_flight() const;
  std::uint64_t pending_entries() const;  // not yet held: pending, staged, in flight, waiting
  std::size_t batches_in_flight() const { return in_flight_.size(); }
  std::uint64_t set_aside() const;  // refused or unreadable, until the next connection
  const crdt::VersionVector& stored() const { return stored_; }

  void check_invariants() const;

 private:
  struct Staged {
    mesh::EntryId id;
    Bytes bytes;
    MonoTime since;
  };
  struct InFlight {
    std::vector<mesh::EntryId> entries;
    MonoTime sent;
  };

  void make_pending(const crdt::VersionVector& held);
  void stage_recent(Now now);
  void stage(Now now, const mesh::EntryId& id, Bytes bytes);
  bool staging_full() const;
  void retry_later(Now now, const mesh::EntryId& id);
  void release_retries(Now now);
  void forget_recent(const mesh::EntryId& id);

  const WindowConfig config_;
  const mesh::Codec& codec_;

  // Life of the process: neither starts over, so what belongs to an earlier connection is known.
  std::uint64_t last_read_id_ = 0;
  std::uint64_t last_sequence_ = 0;

  // Life of a leadership.
  crdt::VersionVector stored_;  // durable here; only grows
  // Entries at hand, all branches of a number; at most recent_bytes_max bytes.
  std::map<mesh::EntryId, std::vector<std::shared_ptr<const mesh::Entry>>> recent_;
  std::deque<mesh::EntryId> recent_order_;  // as they came; the first is in recent_, others may not
  std::size_t recent_bytes_ = 0;

  // Life of a connection.
  bool connected_ = false;
  // The smaller of the configured limits and the cloud's.
  std::size_t entries_max_ = 0;
  std::size_t bytes_max_ = 0;
  std::size_t window_batches_ = 0;
  CountedNumbers pending_;             // within stored_
  JournalId last_served_;              // the next turn is of the journal behind it
  std::optional<WindowRead> reading_;  // one at a time
  std::deque<Staged> staged_;  // filled up to two batches; beyond them at most what one read brings
  std::size_t staged_bytes_ = 0;
  std::map<std::uint64_t, InFlight> in_flight_;  // at most window_batches_; the oldest first
  CountedNumbers waiting_;                       // refused for now; all released at once
  MonoTime waiting_until_ = MonoTime::never();   // never() if and only if nothing waits
  CountedNumbers set_aside_;
};

}  // namespace titan::uplink
