// A model of the leader's store database (uplink/postgres): a projection of the journals, written
// in transactions that check the writer's token against the lease row. It keeps one contract with
// the real one: tests/simulations/contract.
//
// Each terminal has a private one on its disk, as `store_db = "auto"` makes it, or all share one.
// It keeps what the real one's invariants speak of: which entries it holds, and the lease row. What
// it holds and the journals lack it gives back, by the product's own book (uplink/giving_back.h).
// The database can be away, slow, or killed in the middle of a commit; its leader then connects
// again and goes on from the cursors. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "crdt/version_vector.h"
#include "election/types.h"
#include "mesh/entry/entry.h"
#include "simulations/model/gate.h"
#include "uplink/giving_back.h"

namespace titan::simulations {

// The lease row of a store database, and the cloud's: as uplink/postgres/lease_row.h has it.
inline constexpr Duration lease_lasts = seconds(5);

// What is in the cluster's files: survives processes, travels with an image of the disk.
struct StoreDatabaseFiles {
  bool is_initialised = false;
  // The lease row: who writes, and whether it still says so.
  election::Token holder;
  MonoTime renewed;
  bool is_released = false;
  std::map<std::pair<mesh::EntryId, Hash>, std::shared_ptr<const mesh::Entry>> entries;
  std::map<DeviceId, PublicKey> keys;  // of the devices that wrote them
};

class StoreDatabase {
 public:
  struct Callbacks {
    // Reads entries of one journal from the terminal's own store; none: the store cannot be read
    // now, and is asked again on the next connection.
    std::function<std::optional<std::vector<Bytes>>(const JournalId& journal,
                                                    const crdt::IntervalSet& numbers)>
        read;
    std::function<std::shared_ptr<const mesh::Entry>(BytesView bytes)> decode;
    std::function<void(std::uint64_t entries)> on_opened;
    std::function<void(const std::shared_ptr<const mesh::Entry>& entry,
                       const election::Token& token)>
        on_held;
    std::function<void(const election::Token& holder, bool gone)> on_lease_refused;
    std::function<std::optional<PublicKey>(const DeviceId& device)> key_of;
    std::function<void(const std::vector<Bytes>& entries, const std::vector<PublicKey>& keys)>
        on_give_back;
  };
  // What breaks it; one for all terminals' databases.
  struct Health {
    bool away = false;
    Duration slow{};
    bool kill_next_commit = false;
    bool killed_commit_is_there = false;  // it took effect, only its writer never heard so
    std::uint32_t kills = 0;              // so far
    bool ignores_tokens = false;          // planted: stale_leader_writes
    bool gives_nothing_back = false;      // planted: database_keeps_to_itself
  };

  // `files` belong to the data folder, or to all terminals where they share a database.
  StoreDatabase(std::shared_ptr<Gate> gate, Health& health, StoreDatabaseFiles& files,
                bool is_shared, Callbacks callbacks);

  void on_journal_opened(const crdt::VersionVector& stored);
  void lead(const election::Token& token, const crdt::VersionVector& stored);
  void follow();
  void on_stored(const std::vector<std::shared_ptr<const mesh::Entry>>& entries);
  bool is_complete() const { return leading_ && up_ && queue_.empty() && lacking_.empty(); }
  // It may hold what the journals lack, and has not been asked yet.
  bool is_to_be_asked() const { return look_pending_; }

 private:
  void note_known(const crdt::VersionVector& stored);
  void connect();
  void connected();
  void renew();
  void look_later();
  void look();
  void begin_giving();
  void give_back();
  void pump();
  bool read_lacking();
  void commit();
  void lose(Duration retry);
  void work_in(Duration delay, void (StoreDatabase::*work)());
  Duration commit_time() const;

  const std::shared_ptr<Gate> gate_;  // its process
  Health& health_;
  StoreDatabaseFiles& files_;
  const bool is_shared_;
  const Callbacks callbacks_;

  bool leading_ = false;             // between lead() and follow()
  bool up_ = false;                  // connected, with the lease row taken; only while leading
  bool committing_ = false;          // a commit is due; there is never a second
  std::uint64_t generation_ = 0;     // tasks of an earlier connection are void
  election::Token token_;            // of the present or last lead
  uplink::GivingBack::Known known_;  // what the terminal's own journals hold
  uplink::GivingBack giving_;        // what the database holds beyond that
  bool look_pending_ = false;
  // Of known_, what the database did not hold when it was connected: read from the disk and written
  // journal by journal.
  std::map<JournalId, crdt::IntervalSet> lacking_;
  // Of a journal that is being read: what the database held of it, and the sum it should come to.
  struct Filled {
    crdt::VectorItem there;
    crdt::ContentSum expected;
  };
  std::map<JournalId, Filled> filled_;
  std::deque<std::shared_ptr<const mesh::Entry>> queue_;   // stored since it is up, not written yet
  std::vector<std::shared_ptr<const mesh::Entry>> batch_;  // of the present commit
};

}  // namespace titan::simulations
