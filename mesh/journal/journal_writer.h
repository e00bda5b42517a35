// The journal this process writes: turns drafts into entries, numbered, chained and signed.
//
// Sans-IO, single-threaded. A journal is never continued by another process: it opens under a fresh
// name at the first entry, and a new one is opened after a failed commit or when a copy of
// this process is met. Entries leave here before they are durable; whoever holds the writer must
// call start_new_journal() when one of them may not have become so.
//
// Invariants: numbers run 1, 2, 3 ...; each entry names the hash of the one before; the time of a
// journal never goes back, nor does the date by the writer's calendar; logical clocks ascend, also
// from journal to journal; receipt numbers run on without gaps. A refused draft uses up nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"

namespace titan::mesh {

// The last entry of a journal.
struct JournalTail {
  JournalId journal;  // none: there is no journal
  std::uint64_t number = 0;
  Hash hash;

  bool operator==(const JournalTail&) const = default;
};

struct JournalWriterConfig {
  std::string terminal;             // as printed on receipts
  Hash tenant_store;                // tenant_store_hash()
  std::vector<Bytes> certificates;  // leaf first
  std::uint32_t software_version = 1;
};

class JournalWriter {
 public:
  // `predecessor`, `last_receipt_number` and `logical_clock` (the greatest seen in any entry) are
  // what the disk holds. `codec` and `random` outlive the writer.
  JournalWriter(const Codec& codec, KeyPair key, ProcessId process, JournalWriterConfig config,
                JournalTail predecessor, std::uint64_t last_receipt_number,
                std::uint64_t logical_clock, Random& random);

  // The next entry. Fails only for a draft that goes beyond a limit of mesh/entry/entry.h or is not
  // UTF-8; the error names the field.
  Result<std::shared_ptr<const Entry>> write(const EntryDraft& draft);

  // The next entry opens a new journal that names `predecessor`, the last entry known to be
  // durable. `last_receipt_number` is the last one that is durable.
  void start_new_journal(JournalTail predecessor, std::uint64_t last_receipt_number);

  // For the cloud's feed only, whose numbers come out of a database transaction and therefore
  // cannot be used twice: goes on behind `tail`, which was written at `last_time` in the journal of
  // this opening.
  void continue_journal(JournalTail tail, const OpeningHash& opening, WallTime last_time);

  // An entry of another journal was seen: later entries order behind it.
  void observe_logical_clock(std::uint64_t logical_clock);

  // A receipt of this device came back from a peer (its disk was restored or damaged). Numbers run
  // on behind it, unless the open journal's series has begun: a series has no gaps.
  void observe_receipt_number(std::uint64_t number);

  const DeviceId& device() const { return device_; }
  bool is_open() const { return tail_.number > 0; }
  // The last entry written; journal none before the first.
  const JournalTail& tail() const { return tail_; }
  // Of the open journal; none before the first entry.
  const OpeningHash& opening_hash() const { return opening_hash_; }
  // Of the last entry written to the open journal.
  std::optional<WallTime> last_time() const {
    return is_open() ? std::optional(last_time_) : std::nullopt;
  }
  std::uint64_t last_receipt_number() const { return last_receipt_number_; }
  std::uint64_t logical_clock() const { return logical_clock_; }

 private:
  Envelope envelope_for(const EntryDraft& draft);
  void hold(Envelope& envelope) const;
  JournalOpening opening(const JournalNonce& nonce) const;
  std::uint64_t next_logical_clock(WallTime time) const;

  const Codec& codec_;
  Random& random_;
  const KeyPair key_;
  const DeviceId device_;
  const ProcessId process_;
  const JournalWriterConfig config_;

  JournalTail predecessor_;   // whole or none
  JournalTail tail_;          // number 0: no journal is open
  OpeningHash opening_hash_;  // of the journal of tail_; none with none
  // Drawn for a journal whose first entry is not written yet: a refused draft draws no second one.
  JournalNonce next_nonce_;
  // Of the open journal: time, and what the calendar said at it. Time and date never go back.
  WallTime last_time_;
  std::int32_t last_utc_offset_minutes_ = 0;
  std::uint32_t last_date_ = 0;            // a stated date leaves it as it is
  std::uint64_t last_receipt_number_ = 0;  // also of journals before
  bool series_begun_ = false;              // the open journal holds a receipt
  std::uint64_t logical_clock_ = 0;        // the greatest seen anywhere, <= logical_clock_max
};

}  // namespace titan::mesh
