// Beside commits: the log copied back, the fold moved on, old keys dropped, the file opened anew,
// recovered, copied and checked.
#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>

#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/fold_adoption.h"
#include "mesh/sqlite/journal/fold_tables.h"
#include "mesh/sqlite/journal/recovery.h"
#include "mesh/sqlite/journal/sqlite_store.h"

namespace titan::mesh {

namespace {

FoldVerdict::Outcome outcome_of(FoldFate fate) {
  switch (fate) {
    case FoldFate::differs:
      return FoldVerdict::Outcome::differs;
    case FoldFate::unchecked:
      return FoldVerdict::Outcome::unchecked;
    case FoldFate::adopted:
      return FoldVerdict::Outcome::adopted;
    default:
      return FoldVerdict::Outcome::same;
  }
}

}  // namespace

// The span is durable by now, so trouble in here is left to the next idle moment or commit.
Status SqliteStore::after_commit() {
  if (needs_forced_checkpoint()) (void)copy_log_back();
  if (newest_position_ - folded_position_ > unfolded_entries_max) {
    (void)fold_slice();
  }
  return {};
}

bool SqliteStore::needs_forced_checkpoint() const {
  const int pages = connection_->log_pages();
  if (pages < log_pages_max) return false;
  return log_pages_at_retry_ == 0 || pages < log_pages_at_retry_ ||
         pages >= log_pages_at_retry_ + log_pages_retry;
}

Status SqliteStore::copy_log_back() {
  return connection_->guarded("copying the log back", [&]() -> Status {
    int in_log = 0;
    int copied = 0;
    const int result = sqlite3_wal_checkpoint_v2(connection_->database().getHandle(), nullptr,
                                                 SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    if (result != SQLITE_OK && result != SQLITE_BUSY) {
      throw SQLite::Exception(connection_->database().getHandle(), result);
    }
    // A reader in the middle of a query keeps the log from starting over; what is left counts on.
    connection_->set_log_pages(std::max(0, in_log - copied));
    log_pages_at_retry_ = in_log > copied ? in_log : 0;
    return {};
  });
}

Result<std::size_t> SqliteStore::fold_slice() {
  const auto folded = fold_some({*connection_, codec_, identity_.device}, fold_slice_entries);
  if (!folded) {
    note_damage(folded.error());
    return folded;
  }
  const auto position = folded_position(*connection_);
  if (!position) return position.error();
  folded_position_ = *position;
  return folded;
}

Result<bool> SqliteStore::drop_key_slice() {
  auto dropped = drop_old_keys(*connection_, options_.keys, key_slice_rows);
  if (!dropped) return dropped.error();
  dropped_keys_.insert(dropped_keys_.end(), dropped->hashes.begin(), dropped->hashes.end());
  if (!dropped->has_more) keys_unlooked_ = 0;
  return dropped->has_more;
}

Result<bool> SqliteStore::checkpoint_if_idle() {
  if (failed_) return false;
  // Folding fills the log too: a long stretch of it must not let the log grow without bound.
  if (needs_forced_checkpoint()) {
    if (const Status copied = copy_log_back(); !copied) return copied.error();
    return true;
  }
  if (newest_position_ - folded_position_ >= unfolded_entries_idle) {
    const auto folded = fold_slice();
    if (!folded) return folded.error();
    return *folded > 0;
  }
  if (keys_unlooked_ >= keys_looked_at_every) {
    const auto has_more = drop_key_slice();
    if (!has_more || *has_more) return has_more;
  }
  const auto compared = compare_folds();
  if (!compared || *compared) return compared;
  if (connection_->log_pages() < log_pages_idle) return false;
  if (const Status copied = copy_log_back(); !copied) return copied.error();
  return false;
}

Result<bool> SqliteStore::compare_folds() {
  if (failed_) return false;
  const auto compared = connection_->guarded("comparing a fold", [&]() -> Result<bool> {
    SignedFolds::Step step = folds_->advance(newest_position_);
    if (step.verdict) fold_verdicts_.push_back(std::move(*step.verdict));
    return step.has_more;
  });
  if (!compared) note_damage(compared.error());
  return compared;
}

Result<std::optional<FoldVerdict>> SqliteStore::present_fold() {
  using Verdict = std::optional<FoldVerdict>;
  return connection_->guarded("reading the present fold", [&]() -> Result<Verdict> {
    const PresentFold present = read_present_fold(*connection_);
    if (present.number == 0) return Verdict{};
    return Verdict{{present.number, present.entries, outcome_of(present.fate), {}}};
  });
}

Result<bool> SqliteStore::adopt_fold() {
  if (failed_) return make_error(ErrorCode::io, options_.path + " failed before");
  while (true) {
    const auto folded = fold_slice();
    if (!folded) return folded.error();
    if (*folded == 0) break;
  }
  const auto adopted = adopt_newest_fold(*connection_, codec_);
  if (!adopted) note_damage(adopted.error());
  if (!adopted || !*adopted) return adopted;
  folds_.emplace(*connection_, codec_, identity_.cloud_device);
  if (const Status read = read_positions(); !read) return read.error();
  return true;
}

Status SqliteStore::reopen() {
  if (!options_.in_memory) {
    // Else a file that a recovery had no time to put in place would be covered by an empty one.
    if (const Status ready = finish_interrupted_recovery(options_.path); !ready) return ready;
  }
  ++file_->generation;
  return connect();
}

Result<RecoveryReport> SqliteStore::build_recovered(const std::string& time_stamp,
                                                    const std::function<bool()>& goes_on) const {
  if (options_.in_memory) {
    return make_error(ErrorCode::invalid, options_.path + " is in memory: nothing to recover from");
  }
  return mesh::build_recovered(options_, identity_, codec_, time_stamp, goes_on);
}

Status SqliteStore::reopen_recovered(const RecoveryReport& report,
                                     std::unique_ptr<SqliteStore> beside) {
  failed_ = true;
  folds_.reset();
  connection_.reset();
  if (beside) beside->damaged_.reset();
  if (const Status placed =
          put_recovered_in_place(options_, identity_, codec_, beside.get(), report);
      !placed) {
    return placed;
  }
  ++file_->generation;
  if (const Status connected = connect(); !connected) return connected;
  // Its entries are in the new file; one that stays is taken in once more at the next start.
  beside.reset();
  remove_beside(options_.path);
  return {};
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open_beside() const {
  StoreOptions beside = options_;
  beside.path = beside_path(options_.path);
  auto opened = open(std::move(beside), identity_, codec_);
  if (!opened) return opened;
  auto damaged = Connection::open(
      {options_.path, Connection::Mode::read_only, reader_cache_kilobytes, nullptr});
  if (damaged) (*opened)->damaged_ = std::move(*damaged);
  return opened;
}

Status SqliteStore::close() {
  if (failed_) return {};
  while (newest_position_ > folded_position_ &&
         newest_position_ - folded_position_ <= unfolded_entries_at_close_max) {
    const auto folded = fold_slice();
    if (!folded) return folded.error();
    if (*folded == 0) break;
  }
  const Status copied = options_.in_memory ? Status{} : copy_log_back();
  failed_ = true;
  return copied;
}

Result<std::unique_ptr<SqliteReader>> SqliteStore::open_reader() const {
  if (options_.in_memory) return std::make_unique<SqliteReader>(connection_);
  auto connection =
      Connection::open({options_.path, Connection::Mode::read_only, reader_cache_kilobytes, file_});
  if (!connection) return connection.error();
  return std::make_unique<SqliteReader>(std::move(*connection));
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::copy() const {
  return connection_->guarded("copying it", [&]() -> Result<std::unique_ptr<SqliteStore>> {
    StoreOptions options = options_;
    options.in_memory = true;
    std::unique_ptr<SqliteStore> copied(new SqliteStore(options, identity_, codec_));
    auto opened =
        Connection::open({options.path, Connection::Mode::in_memory, options.cache_kilobytes});
    if (!opened) return opened.error();
    copied->connection_ = std::move(*opened);
    SQLite::Backup(copied->connection_->database(), connection_->database()).executeStep();
    if (const Status connected = copied->connect(); !connected) return connected.error();
    return copied;
  });
}

Status SqliteStore::check_file() {
  return connection_->guarded("checking every page", [&]() -> Status {
    Use use = connection_->use("PRAGMA quick_check(1)");
    const std::string answer = use.step() ? use.bytes_at(0) : std::string();
    if (answer == "ok") return {};
    return make_error(ErrorCode::corrupt,
                      "the database " + options_.path + " is damaged: " + answer);
  });
}

Status SqliteStore::limit_pages(std::uint64_t pages) {
  return connection_->guarded("limiting its size", [&]() -> Status {
    connection_->execute("PRAGMA max_page_count = " + std::to_string(pages));
    return {};
  });
}

}  // namespace titan::mesh
