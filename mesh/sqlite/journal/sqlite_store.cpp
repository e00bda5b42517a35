// Opening a store, and what a commit writes.
#include "mesh/sqlite/journal/sqlite_store.h"

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include "mesh/sqlite/file/blobs.h"
#include "mesh/sqlite/file/entry_tables.h"
#include "mesh/sqlite/file/schema.h"
#include "mesh/sqlite/journal/fold.h"
#include "mesh/sqlite/journal/recovery.h"
#include "mesh/wire/move_in.h"

namespace titan::mesh {
namespace {

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : "\n") + line;
  return all;
}

std::string meta_text(Connection& connection, const std::string& name) {
  Use use = connection.use("SELECT value FROM meta WHERE name = ?");
  use.text(1, name);
  return use.step() ? use.bytes_at(0) : std::string();
}

void put_meta(Connection& connection, const std::string& name, const std::string& value) {
  Use use = connection.use("INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)");
  use.text(1, name).text(2, value).run();
}

// Products, settings and users depend on these two: another program version may have left them
// without columns that it did not know, another cloud key moves entries between the layers.
std::string projection_basis(const StoreIdentity& identity) {
  return std::to_string(migrations().back().version) + " " + identity.cloud_device.hex();
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(StoreOptions options, StoreIdentity identity,
                                                       const Codec& codec) {
  std::unique_ptr<SqliteStore> store(
      new SqliteStore(std::move(options), std::move(identity), codec));
  if (const Status connected = store->connect(); !connected) return connected.error();
  return store;
}

SqliteStore::~SqliteStore() = default;

Status SqliteStore::connect() {
  failed_ = true;  // until all of the below has worked
  folds_.reset();
  const bool keep = options_.in_memory && connection_ != nullptr;
  if (!keep) {
    auto opened = Connection::open(
        {options_.path,
         options_.in_memory ? Connection::Mode::in_memory : Connection::Mode::read_write,
         options_.cache_kilobytes, file_});
    if (!opened) return opened.error();
    connection_ = std::move(*opened);
  }
  if (const Status migrated = migrate(*connection_, migrations(), schema_compatibility);
      !migrated) {
    return migrated;
  }
  if (const Status same = check_identity(); !same) return same;
  if (const Status read = read_positions(); !read) return read;
  if (const Status current = bring_projections_up_to_date(); !current) return current;
  if (const Status durable = make_durable(); !durable) return durable;
  folds_.emplace(*connection_, codec_, identity_.cloud_device);
  log_pages_at_retry_ = 0;
  keys_unlooked_ = keys_looked_at_every;
  failed_ = false;
  return {};
}

// A process that was killed between a commit's write and its sync leaves what can be read, and is
// no more than that: a repeat of the request would be answered from it without a further commit.
Status SqliteStore::make_durable() {
  if (options_.in_memory) return {};
  return connection_->guarded("making durable what it holds", [&]() -> Status {
    connection_->sync_log();
    return {};
  });
}

Status SqliteStore::check_identity() {
  return connection_->guarded("checking whose file it is", [&]() -> Status {
    const struct {
      const char* name;
      std::string ours;
      std::string advice;
    } facts[] = {
        {"tenant", identity_.tenant,
         "correct [store] tenant in the configuration, or use another "
         "data folder"},
        {"store", identity_.store,
         "correct [store] store in the configuration, or use another "
         "data folder"},
        {"device", identity_.device.hex(),
         "put back the device.key that belongs to this file, or "
         "use another data folder"},
    };
    for (const auto& fact : facts) {
      const std::string found = meta_text(*connection_, fact.name);
      if (found.empty()) {
        put_meta(*connection_, fact.name, fact.ours);
      } else if (found != fact.ours) {
        return make_error(ErrorCode::refused,
                          options_.path + " belongs to " + fact.name + " \"" + found +
                              "\", this terminal is configured for \"" + fact.ours +
                              "\": " + fact.advice,
                          fact.name);
      }
    }
    return {};
  });
}

Status SqliteStore::read_positions() {
  const auto folded = folded_position(*connection_);
  if (!folded) return folded.error();
  folded_position_ = *folded;
  return connection_->guarded("reading its journals", [&]() -> Status {
    journals_.clear();
    Use journals = connection_->use("SELECT ref, journal, terminal <> '' FROM journals");
    while (journals.step()) {
      if (const auto id = journals.id_at<JournalId>(1)) {
        journals_[*id] = {journals.integer_at(0), journals.integer_at(2) != 0};
      }
    }
    Use newest = connection_->use("SELECT max(position) FROM entries");
    newest_position_ = newest.step() ? newest.integer_at(0) : 0;
    return {};
  });
}

Status SqliteStore::bring_projections_up_to_date() {
  bool current = false;
  const Status read = connection_->guarded("reading its settings", [&]() -> Status {
    current = meta_text(*connection_, "projection_basis") == projection_basis(identity_);
    return {};
  });
  if (!read || current) return read;
  return rebuild_projections();
}

Status SqliteStore::rebuild_projections() {
  return connection_->guarded("rebuilding products", [&]() -> Status {
    SQLite::Transaction transaction(connection_->database(),
                                    SQLite::TransactionBehavior::IMMEDIATE);
    ProductProjection projection(*connection_, identity_.cloud_device);
    projection.clear();
    Use entries = connection_->use(
        "SELECT bytes, position FROM entries WHERE kind IN (9, 10, 11, 16, 17) ORDER BY position");
    while (entries.step()) {
      const auto entry = codec_.decode_entry(entries.view_at(0));
      if (entry) projection.apply(*entry, entries.integer_at(1));
    }
    note_history_of_old_versions();
    put_meta(*connection_, "projection_basis", projection_basis(identity_));
    transaction.commit();
    return {};
  });
}

Result<StoredState> SqliteStore::load() {
  auto state = load_state({*connection_, codec_, identity_.device});
  if (!state) note_damage(state.error());
  return state;
}

// Also an entry whose bytes do not fit its hash, which SQLite knows nothing of.
void SqliteStore::note_damage(const Error& error) {
  if (error.code == ErrorCode::corrupt) file_->damaged_generation = file_->generation.load();
}

// ---- writing -----------------------------------------------------------------------------------

Status SqliteStore::commit(std::span<const StoreRequest> requests) {
  if (failed_) {
    return make_error(ErrorCode::io, "the database " + options_.path +
                                         " failed before; it must be reopened first");
  }
  bool committing = false;
  repeats_ = {};
  Status written;
  try {
    written = write(requests, committing);
  } catch (const SQLite::Exception& exception) {
    written =
        connection_->error(exception, committing ? "making entries durable" : "writing entries");
  }
  if (written) return after_commit();
  Error error = failure(written.error());
  error.message += committing
                       ? "; whether the last entries are stored shows when the file is reopened"
                       : "; nothing of this commit is stored";
  if (committing && error.code != ErrorCode::corrupt) error.code = ErrorCode::unknown_outcome;
  return error;
}

Status SqliteStore::write(std::span<const StoreRequest> requests, bool& committing) {
  ++commits_;
  connection_->use("BEGIN IMMEDIATE").run();
  for (const StoreRequest& request : requests) store_request(request);
  const CommitFault fault = fault_plan_ ? fault_plan_(commits_) : CommitFault::none;
  if (fault == CommitFault::disk_full) throw SQLite::Exception("disk full (planned)", SQLITE_FULL);
  committing = true;
  if (fault == CommitFault::fail_before_commit) {
    throw SQLite::Exception("disk I/O error (planned)", SQLITE_IOERR);
  }
  connection_->use("COMMIT").run();
  if (fault == CommitFault::fail_after_commit) {
    throw SQLite::Exception("disk I/O error (planned)", SQLITE_IOERR);
  }
  return {};
}

// What a failed commit left in memory or half-way in the file is not to be trusted: only reopen()
// makes the store usable again.
Error SqliteStore::failure(Error error) {
  failed_ = true;
  try {
    connection_->execute("ROLLBACK");
  } catch (const SQLite::Exception&) {
    // There was no transaction left to roll back; reopen() starts from the file in any case.
  }
  return error;
}

void SqliteStore::store_request(const StoreRequest& request) {
  for (const auto& entry : request.entries) store_entry(*entry, false);
  for (const auto& entry : request.history) store_entry(*entry, true);
  if (request.is_history_whole) {
    connection_->use("DELETE FROM meta WHERE name = 'lacks_history'").run();
  }
  for (const PublicKey& key : request.devices) {
    Use use = connection_->use("INSERT OR IGNORE INTO devices(public_key) VALUES(?)");
    use.blob(1, key.view()).run();
  }
  if (request.promise) {
    Use use =
        connection_->use("INSERT OR REPLACE INTO promise(id, term, voted_for) VALUES(1, ?, ?)");
    use.number(1, request.promise->term).blob(2, request.promise->voted_for.view()).run();
  }
  for (const RememberedMember& member : request.members) store_member(member);
  if (request.watermark) store_watermark(*request.watermark);
}

// What is others since says nothing where that before it is not: the file beside a damaged one is
// handed some before it is handed the whole.
void SqliteStore::store_watermark(const StoredWatermark& stored) {
  if (!stored.is_whole && !read_statement(*connection_)) return;
  connection_
      ->use(
          "INSERT OR REPLACE INTO watermark(id, statement, signature, cloud_key) "
          "VALUES(1, ?, ?, ?)")
      .blob(1, stored.watermark.statement)
      .blob(2, stored.watermark.signature.view())
      .blob(3, stored.watermark.cloud_key.view())
      .run();
  if (stored.is_whole) connection_->use("DELETE FROM held_by_cloud").run();
  for (const auto& [device, journals] : stored.journals) {
    for (const auto& [journal, item] : journals) {
      if (item.stored.empty()) {
        Use use = connection_->use("DELETE FROM held_by_cloud WHERE journal = ?");
        use.blob(1, journal.view()).run();
        continue;
      }
      const Bytes intervals = bytes_of(item.stored);
      const Bytes content = bytes_of(item.content);
      Use use = connection_->use(
          "INSERT OR REPLACE INTO held_by_cloud(journal, device, intervals, content) "
          "VALUES(?, ?, ?, ?)");
      use.blob(1, journal.view()).blob(2, device.view()).blob(3, intervals).blob(4, content).run();
    }
  }
}

void SqliteStore::store_entry(const Entry& entry, bool is_history) {
  const Envelope& envelope = entry.envelope;
  const std::int64_t journal = journal_ref(envelope);
  const std::optional<Bytes> original = original_key(envelope);
  auto older =
      is_history ? rival_above_fold(*connection_, codec_, entry, std::nullopt) : older_twin(entry);
  {
    Use use = connection_->use(
        "INSERT INTO entries(journal, number, hash, kind, business_date, receipt_number, claim, "
        "original, bytes) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(journal, number, hash) DO "
        "NOTHING");
    use.integer(1, journal)
        .number(2, envelope.id.number)
        .blob(3, entry.hash.view())
        .integer(4, static_cast<std::int64_t>(envelope.kind))
        .integer(5, envelope.business_date);
    envelope.receipt ? use.number(6, envelope.receipt->number) : use.null(6);
    envelope.claim.is_none() ? use.null(7) : use.blob(7, envelope.claim.view());
    original ? use.blob(8, *original) : use.null(8);
    if (use.blob(9, entry.bytes).run() == 0) return;
  }
  if (older) {
    repeats_.twins.push_back(
        {envelope.claim, std::move(*older), {entry.hash, envelope.stock_effects}});
  }
  newest_position_ = connection_->database().getLastInsertRowid();
  if (is_history) {
    connection_->use("INSERT INTO history(position) VALUES(?)").integer(1, newest_position_).run();
  }
  if (ProductProjection::concerns(envelope.kind)) {
    ProductProjection(*connection_, identity_.cloud_device).apply(entry, newest_position_);
  }
  folds_->note(entry, newest_position_);
  if (envelope.kind == Kind::history) note_former_receipt(envelope, newest_position_);
  if (envelope.device == identity_.device) note_own_key(entry);
}

// What the damaged file cannot tell of a key shows when the recovered one is in place.
void SqliteStore::note_own_key(const Entry& entry) {
  const std::string& key = entry.envelope.idempotency_key;
  if (key.empty()) return;
  std::optional<IdempotencyRecord> elsewhere;
  if (damaged_) {
    if (const auto found = find_key(*damaged_, key)) elsewhere = *found;
  }
  ++keys_unlooked_;
  if (const auto duplicate = note_key(*connection_, entry, elsewhere)) {
    repeats_.duplicates.push_back({*duplicate, entry.hash});
  }
}

void SqliteStore::note_former_receipt(const Envelope& envelope, std::int64_t position) {
  const std::string receipt = former_receipt_of(envelope);
  if (receipt.empty()) return;
  Use use =
      connection_->use("INSERT OR IGNORE INTO former_receipts(receipt, position) VALUES(?, ?)");
  use.text(1, receipt).integer(2, position).run();
}

// What a version before stored that knew neither kind.
void SqliteStore::note_history_of_old_versions() {
  std::vector<std::pair<std::int64_t, Bytes>> unknown;
  {
    Use use = connection_->use(
        "SELECT position, bytes FROM entries INDEXED BY entries_unread WHERE kind IN (8, 18, 19) "
        "AND original IS NULL");
    while (use.step()) unknown.emplace_back(use.integer_at(0), use.bytes_at(1));
  }
  for (const auto& [position, bytes] : unknown) {
    const auto entry = codec_.decode_entry(bytes);
    if (!entry) continue;
    const auto original = original_key(entry->envelope);
    if (!original) continue;
    Use use = connection_->use("UPDATE entries SET original = ? WHERE position = ?");
    use.blob(1, *original).integer(2, position).run();
    if (entry->envelope.kind == Kind::history) note_former_receipt(entry->envelope, position);
  }
}

// What the damaged file cannot tell shows when the recovered one is in place: until then both
// count.
std::optional<crdt::ClaimWinner> SqliteStore::older_twin(const Entry& entry) {
  if (damaged_) {
    auto older = oldest_in_damaged(*damaged_, codec_, entry);
    if (older && *older) return std::move(*older);
  }
  return oldest_of_request(*connection_, codec_, entry, std::nullopt);
}

std::int64_t SqliteStore::journal_ref(const Envelope& envelope) {
  auto known = journals_.find(envelope.id.journal);
  if (known == journals_.end()) {
    Use use = connection_->use("INSERT INTO journals(journal, device) VALUES(?, ?)");
    use.blob(1, envelope.id.journal.view()).blob(2, envelope.device.view()).run();
    const KnownJournal journal{connection_->database().getLastInsertRowid(), false};
    known = journals_.emplace(envelope.id.journal, journal).first;
  }
  if (envelope.opening && !known->second.has_terminal && !envelope.opening->terminal.empty()) {
    Use use = connection_->use("UPDATE journals SET terminal = ? WHERE ref = ?");
    use.text(1, envelope.opening->terminal).integer(2, known->second.ref).run();
    known->second.has_terminal = true;
  }
  return known->second.ref;
}

void SqliteStore::store_member(const RememberedMember& remembered) {
  const MemberInfo& member = remembered.member;
  const DeviceId device = member.device();
  const std::string addresses = joined_lines(member.addresses);
  Use use = connection_->use(
      "INSERT OR REPLACE INTO members(device, process, device_key, terminal, addresses, protocol, "
      "may_lead, priority, holds_all_pending, reaches_cloud, started_ms, last_good_address, "
      "last_seen_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  use.blob(1, device.view())
      .blob(2, member.process.view())
      .blob(3, member.device_key.view())
      .text(4, member.terminal)
      .text(5, addresses)
      .integer(6, member.protocol)
      .integer(7, member.may_lead)
      .integer(8, member.priority)
      .integer(9, member.holds_all_pending)
      .integer(10, member.reaches_cloud)
      .integer(11, member.started.utc_ms)
      .text(12, remembered.last_good_address)
      .integer(13, remembered.last_seen.utc_ms)
      .run();
}

}  // namespace titan::mesh
