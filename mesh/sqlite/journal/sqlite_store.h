// The journal store: every entry this terminal holds, in one SQLite file, and what is promised,
// remembered and configured beside it.
//
// Threading: one thread at a time, the host's storage thread; every call blocks. Other threads read
// through a SqliteReader of their own. In memory (simulator, tests) store and readers share one
// connection and one thread.
//
// Invariants: commit() makes its whole span durable in one transaction (WAL, synchronous=FULL)
// before it returns. The journal is the truth; all else in the file is derived from it or can be
// learnt again. After a failure nothing is written until reopen() has looked at what is really
// there. Entries are stored verbatim; (journal, number, hash) is their identity, so storing one
// again changes nothing and both branches of a forked journal are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "mesh/entry/codec.h"
#include "mesh/journal/stored_state.h"
#include "mesh/sqlite/file/connection.h"
#include "mesh/sqlite/journal/own_keys.h"
#include "mesh/sqlite/journal/signed_folds.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "mesh/sqlite/products/products.h"

namespace titan::mesh {

struct StoreIdentity {
  std::string tenant;
  std::string store;
  DeviceId device;
  DeviceId cloud_device;  // whose PRODUCT entries are the feed's layer; none: no cloud is known
};

struct StoreOptions {
  std::string path;  // of the file; in memory only a name for messages
  bool in_memory = false;
  int cache_kilobytes = 4096;  // more: fewer reads in a large import; part of the daemon's 64 MB
  KeyHorizon keys = {};
};

struct RecoveryReport;

// What a test or the simulator makes of a commit.
enum class CommitFault {
  none,
  fail_before_commit,  // an I/O error; the transaction is not there afterwards
  fail_after_commit,   // an I/O error; the transaction is there afterwards
  disk_full,
};
// Asked once a commit, before COMMIT, with the number of the commit since open (from 1). It may
// take its time: that is a slow disk.
using CommitFaultPlan = std::function<CommitFault(std::uint64_t commit)>;

// Pages of 4 kB in the write-ahead log. Idle moments copy it back from the first figure on; from
// the second on a commit pays for it, which happens only under a load without a pause.
inline constexpr int log_pages_idle = 250;
inline constexpr int log_pages_max = 4000;
inline constexpr int log_pages_retry = 1000;  // more, before a commit pays again behind a reader
// Entries behind the fold (see fold.h): idle moments fold from the first figure on, a commit folds
// a slice from the second on, so that a start never replays many more.
inline constexpr std::int64_t unfolded_entries_idle = 2000;
inline constexpr std::int64_t unfolded_entries_max = 250'000;
inline constexpr std::int64_t unfolded_entries_at_close_max = 50'000;  // more are left to replay
inline constexpr std::size_t fold_slice_entries = 500;
// Idle moments look for keys beyond the horizon after so many new ones, and once after an opening.
inline constexpr std::size_t keys_looked_at_every = 500;
inline constexpr std::size_t key_slice_rows = 200;

class SqliteStore {
 public:
  // Makes the file if there is none. `refused`: it belongs to another tenant, store or device, or a
  // newer version wrote it. `corrupt`: call recover(). `codec` outlives the store.
  static Result<std::unique_ptr<SqliteStore>> open(StoreOptions options, StoreIdentity identity,
                                                   const Codec& codec);
  ~SqliteStore();  // without close(): like a crash, nothing committed is lost

  Result<StoredState> load();

  // `io`: certainly not stored (disk full, no rights ...). `unknown_outcome`: COMMIT itself failed.
  // `corrupt`: the file is damaged. After any of them only reopen() helps.
  Status commit(std::span<const StoreRequest> requests);
  Status commit(const StoreRequest& request) { return commit({&request, 1}); }

  // Of the last commit() that succeeded: its entries whose request an older entry had recorded, and
  // those of this device whose key one has.
  StoredRepeats take_repeats() { return std::exchange(repeats_, {}); }
  // Hashes of which no key is left here since this was last asked.
  std::vector<std::uint64_t> take_dropped_keys() { return std::exchange(dropped_keys_, {}); }

  // A bounded piece of work that would otherwise slow down commits or the next start: copies the
  // log back, folds a slice or drops keys beyond the horizon. Answers whether more is waiting.
  Result<bool> checkpoint_if_idle();

  // A bounded piece of holding the cloud's next fold against what is here (signed_folds.h); also
  // part of checkpoint_if_idle(). Answers whether more is waiting.
  Result<bool> compare_folds();
  // The fold that the last comparison, or an adoption, ended with; none: no fold was compared yet.
  Result<std::optional<FoldVerdict>> present_fold();
  // What came of it since the last call.
  std::vector<FoldVerdict> take_fold_verdicts() { return std::exchange(fold_verdicts_, {}); }

  // Makes the newest fold that is here this terminal's own (fold_adoption.h); false: there is none
  // newer than the present one. load() then says what counts.
  Result<bool> adopt_fold();

  // Readers made by open_reader() open the file anew, too.
  Status reopen();
  // Whether this store or a reader of it met damage in the file since it was last opened.
  bool damage_seen() const { return file_->is_damaged(); }
  // Instead of reopen(), in two steps: saves what can be proven of a damaged file into another one
  // (on any thread, while nothing is written here), and opens that in its place, together with what
  // was written meanwhile to the store beside it.
  Result<RecoveryReport> build_recovered(const std::string& time_stamp,
                                         const std::function<bool()>& goes_on) const;
  Status reopen_recovered(const RecoveryReport& report, std::unique_ptr<SqliteStore> beside);
  // A small store in a file beside this one: it takes entries while this one is recovered, and
  // looks up in this one, as far as that can be read, whether their requests were recorded before.
  Result<std::unique_ptr<SqliteStore>> open_beside() const;
  Status close();  // folds and copies the log back; the object is of no use afterwards

  // A reader for one other thread; in memory it shares this store's connection and thread.
  Result<std::unique_ptr<SqliteReader>> open_reader() const;

  // An image of the disk as it is now, in memory: what a test restores or clones a till from.
  Result<std::unique_ptr<SqliteStore>> copy() const;

  // SQLite's own check of every page; reads the whole file.
  Status check_file();
  // Products, settings and users anew from their entries, in one transaction.
  Status rebuild_projections();

  void set_fault_plan(CommitFaultPlan plan) { fault_plan_ = std::move(plan); }
  // The file may have at most so many pages of 4 kB; then the disk counts as full.
  Status limit_pages(std::uint64_t pages);

  bool failed() const { return failed_; }
  const std::string& path() const { return options_.path; }
  Connection& connection() { return *connection_; }

 private:
  struct KnownJournal {
    std::int64_t ref = 0;
    bool has_terminal = false;
  };

  SqliteStore(StoreOptions options, StoreIdentity identity, const Codec& codec)
      : options_(std::move(options)), identity_(std::move(identity)), codec_(codec) {}

  // sqlite_store.cpp: opening, commits
  Status connect();
  Status make_durable();
  Status check_identity();
  Status read_positions();
  Status bring_projections_up_to_date();
  void note_history_of_old_versions();
  void note_damage(const Error& error);
  Status write(std::span<const StoreRequest> requests, bool& committing);
  Error failure(Error error);
  void store_request(const StoreRequest& request);
  void store_entry(const Entry& entry, bool is_history);
  void note_former_receipt(const Envelope& envelope, std::int64_t position);
  std::optional<crdt::ClaimWinner> older_twin(const Entry& entry);
  void note_own_key(const Entry& entry);
  std::int64_t journal_ref(const Envelope& envelope);
  void store_member(const RememberedMember& remembered);
  void store_watermark(const StoredWatermark& stored);

  // sqlite_store_upkeep.cpp
  Status after_commit();
  bool needs_forced_checkpoint() const;
  Status copy_log_back();
  Result<std::size_t> fold_slice();
  Result<bool> drop_key_slice();

  const StoreOptions options_;
  const StoreIdentity identity_;
  const Codec& codec_;
  CommitFaultPlan fault_plan_;
  std::uint64_t commits_ = 0;
  StoredRepeats repeats_;
  std::vector<std::uint64_t> dropped_keys_;

  const std::shared_ptr<FileState> file_ = std::make_shared<FileState>();
  // Of a store beside a damaged file: that file. None if it cannot even be opened.
  std::shared_ptr<Connection> damaged_;

  // Since the last open or reopen.
  std::shared_ptr<Connection> connection_;
  std::optional<SignedFolds> folds_;
  std::vector<FoldVerdict> fold_verdicts_;
  std::map<JournalId, KnownJournal> journals_;  // all in the file
  std::int64_t newest_position_ = 0;            // of the last entry written
  std::int64_t folded_position_ = 0;            // <= newest_position_
  std::size_t keys_unlooked_ = 0;  // noted since old ones were looked for; many: none were yet
  int log_pages_at_retry_ = 0;     // length of a log that a reader kept from starting over
  bool failed_ = false;            // only reopen() helps
};

}  // namespace titan::mesh
