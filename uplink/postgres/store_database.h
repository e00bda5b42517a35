// The leader's store database: a PostgreSQL that shows the whole store as tables, filled from the
// journals on this terminal's disk.
//
// It is a projection: a new leader reads the cursors from it, fills what is missing from its own
// SQLite in batches, then follows. Every batch checks the leader's token in the lease row and moves
// the cursors in the same transaction, so a deposed leader changes nothing and a replay has no
// effect.
//
// It is also a copy: what it holds and the journals lack (a disk was lost, the database was not) is
// given back to the node, which checks it as it checks a peer's entries. The leader looks whenever
// it connects, any other terminal once after its journal was opened, into its private PostgreSQL.
//
// Threading: the public functions may be called from one thread (the loop). All database work runs
// on a thread of its own, which reads entries through EntrySource. Callbacks are posted to the
// loop. Nothing here can hold up a sale: the queue of fresh entries is bounded, and what does not
// fit is read back from disk later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "crdt/version_vector.h"
#include "election/types.h"
#include "mesh/entry/codec.h"
#include "mesh/entry/entry.h"
#include "uplink/postgres/store_database_status.h"

namespace titan::uplink {

struct StoreDatabaseConfig {
  std::string mode = "auto";  // "auto" (a private PostgreSQL) | "postgresql://…" | "none"
  std::string data;  // the terminal's data folder; "auto" keeps its cluster in DATA/postgres
  std::string tenant;
  std::string store;
  std::string terminal;
  DeviceId cloud_device;  // products that this device wrote are the feed's layer; may be none

  // Per transaction: more fills faster, less shows a fresh sale sooner.
  std::size_t batch_entries_max = 500;
  std::size_t batch_bytes_max = 1024 * 1024;
  // Fresh entries kept at hand; what goes beyond is read back from disk.
  std::size_t queued_entries_max = 4096;
  // A batch that is not full waits so long for more.
  int batch_age_ms = 20;
  int lease_renewal_ms = 1500;
  // After a failure it is tried again, first soon, then ever more rarely.
  int retry_first_ms = 100;
  int retry_max_ms = 5000;
  // A shared database whose lease another process holds is asked again after this.
  int refused_retry_ms = 500;
  // The private PostgreSQL of a terminal that leads no more runs on for so long: on a machine so
  // busy that leadership changes back and forth, starting servers must not add to its load.
  int follower_keeps_ms = 30'000;
  // A terminal that does not lead looks into its private PostgreSQL so long after its journal was
  // opened: by then it mostly leads or has what its peers hold. After a failure again.
  int look_after_ms = 5000;
  int look_again_ms = 60'000;
  // Entries given back and not stored within this are let go, and told.
  int give_back_answer_ms = 30'000;
};

// Reads this terminal's journal store; called on the database thread only.
class EntrySource {
 public:
  virtual ~EntrySource() = default;
  // The entries of `journal` with these numbers, every branch of a forked one, ascending. At most
  // about `bytes_max` bytes, but at least one entry if there is any.
  virtual Result<std::vector<Bytes>> read(const JournalId& journal,
                                          const crdt::IntervalSet& numbers,
                                          std::size_t bytes_max) = 0;
};

struct StoreDatabaseCallbacks {
  // Runs a function on the loop thread, later.
  std::function<void(std::function<void()>)> post;
  // On the loop. A shared database names another leader; for Node::on_lease_refused().
  std::function<void(election::Token holder, bool holder_gone)> on_lease_refused;
  // On the loop, when `state` or `message` changed; for logs and alarms.
  std::function<void(const StoreDatabaseStatus&)> on_status;
  // On the loop. The private PostgreSQL's old cluster was set aside: a sentence for an alarm.
  std::function<void(const std::string& note)> on_set_aside;
  // On the loop. What the database holds and this disk does not, unchecked; for
  // Node::on_cloud_entries().
  std::function<void(const std::vector<Bytes>& entries, const std::vector<PublicKey>& device_keys)>
      on_give_back;
  // On the loop, at the end: so many were stored, so many were not.
  std::function<void(std::uint64_t taken, std::uint64_t refused)> on_gave_back;
};

class StoreDatabase {
 public:
  // `source` and `codec` outlive this object. Starts the thread; it sleeps until lead() or
  // on_journal_opened().
  StoreDatabase(StoreDatabaseConfig config, std::unique_ptr<EntrySource> source,
                const mesh::Codec& codec, StoreDatabaseCallbacks callbacks);
  // Stops within about a second, whatever the database does: a query under way is broken off, a
  // connection that is only being made is left to its own time limit.
  ~StoreDatabase();

  // The journal was opened, at the start or anew, and may hold less than the database does.
  void on_journal_opened(const crdt::VersionVector& stored);
  // Of every device heard of: for journals whose opening is lost.
  void learn_keys(const std::vector<PublicKey>& keys);
  // Take it up under `token`; this terminal's disk holds `stored`. Again when the token changes.
  void lead(const election::Token& token, const crdt::VersionVector& stored);
  // Give it up: the lease is released at once, the private PostgreSQL stopped after a while.
  void follow();
  // Entries became durable here.
  void on_stored(std::span<const std::shared_ptr<const mesh::Entry>> entries);
  StoreDatabaseStatus status() const;

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;  // shared with its thread, which may outlive us in a connect
};

}  // namespace titan::uplink
