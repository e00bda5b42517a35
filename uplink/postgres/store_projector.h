// Projects one store's entries into the tables of schema.h, exactly once in effect.
//
// Used by one thread at a time; every call runs inside the caller's transaction and throws like
// pqxx. The cursors move in the same transaction as the rows, so a replay, a crash or two writers
// change nothing: an entry is known by (journal, number, hash), and only those that are new to the
// table `entries` have any effect.
//
// Invariants: inventory = the sums that crdt::Stock makes of the same entries, claims included;
// sync_state = what `entries` holds. What this object remembers between transactions is only
// adopted by committed(); after a failed transaction call load() again.
#pragma once

#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

#include "crdt/stock.h"
#include "crdt/version_vector.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"
#include "uplink/postgres/entry_rows.h"
#include "uplink/postgres/sql_values.h"

namespace titan::uplink {

struct QuarantinedEntry {
  std::size_t index = 0;  // of the entries given
  std::string reason;
};

struct ApplyOutcome {
  std::size_t new_entries = 0;
  std::vector<QuarantinedEntry> quarantined;
};

class StoreProjector {
 public:
  // Products that `cloud_device` wrote are the feed's layer.
  StoreProjector(std::string store, const DeviceId& cloud_device);

  void load(pqxx::transaction_base& transaction);

  // `entries` are checked already; `keys` are device keys learnt with them. With `without_bodies`
  // nothing but the envelopes is projected and all bodies are quarantined for `why`.
  using EntryPointer = std::shared_ptr<const mesh::Entry>;
  ApplyOutcome apply(pqxx::transaction_base& transaction, std::span<const EntryPointer> entries,
                     std::span<const PublicKey> keys, bool without_bodies = false,
                     const std::string& why = {});
  // The transaction of the last apply() calls is durable.
  void committed();

  // What is projected, as of the last committed() or load().
  const crdt::VersionVector& vector() const { return vector_; }
  const std::map<DeviceId, PublicKey>& keys() const { return keys_; }
  const std::string& store() const { return store_; }

  // Tries the bodies in the quarantine once more, at most `limit`; answers how many left it.
  std::size_t retry_quarantine(pqxx::dbtransaction& transaction, const mesh::Codec& codec,
                               std::size_t limit);

 private:
  using Entries = std::span<const EntryPointer>;
  struct Claim {
    mesh::EntryId winner;
    Hash winner_hash;
  };
  using Claims = std::map<Hash, Claim>;
  struct Quarantined {
    EntryPointer entry;  // its body can be read
    bool counts = false;
  };
  struct TouchedJournal {
    DeviceId device;
    crdt::VectorItem item;
  };

  bool release(pqxx::dbtransaction& transaction, std::span<const Quarantined> entries);
  std::vector<EntryPointer> insert_new(pqxx::transaction_base& transaction, Entries entries);
  void insert_keys(pqxx::transaction_base& transaction, Entries entries,
                   std::span<const PublicKey> keys);
  Claims stored_claims(pqxx::transaction_base& transaction, Entries entries) const;
  void settle_claims(pqxx::transaction_base& transaction, Entries entries, Claims& claims,
                     std::map<std::string, crdt::StockSum>& changes);
  void insert_deltas(pqxx::transaction_base& transaction, Entries entries, const Claims& claims,
                     std::map<std::string, crdt::StockSum>& changes);
  void change_inventory(pqxx::transaction_base& transaction,
                        const std::map<std::string, crdt::StockSum>& changes);
  // Notes lists and parts, and applies each list that is whole now.
  void apply_lists(pqxx::transaction_base& transaction, Entries entries, SqlRows& quarantined);
  void apply_list(pqxx::transaction_base& transaction, const JournalId& journal, BytesView list,
                  SqlRows& quarantined);
  Status write_list(pqxx::transaction_base& transaction, const mesh::EntryId& id, const Hash& hash,
                    BytesView head_bytes, const std::vector<Bytes>& parts);
  void quarantine(SqlRows& rows, const mesh::EntryId& id, const Hash& hash, mesh::Kind kind,
                  const std::string& reason) const;
  void move_cursors(pqxx::transaction_base& transaction, Entries entries);

  const std::string store_;
  const DeviceId cloud_device_;
  // What the tables sync_state and devices say, as of the last committed() or load().
  crdt::VersionVector vector_;
  std::map<DeviceId, PublicKey> keys_;
  // What the open transaction makes of them; both empty between transactions. A journal's whole
  // item, so that several apply() calls in one transaction build on each other.
  std::map<JournalId, TouchedJournal> touched_;
  std::map<DeviceId, PublicKey> new_keys_;  // disjoint from keys_
};

// "1-17,19-20" and back; what cannot be read is an empty set.
std::string intervals_text(const crdt::IntervalSet& numbers);
crdt::IntervalSet intervals_from_text(const std::string& text);
crdt::ContentSum content_from(const pqxx::field& field);

}  // namespace titan::uplink
