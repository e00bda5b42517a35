#include "mesh/sqlite/journal/recovery.h"

#include <SQLiteCpp/Exception.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "mesh/entry/verify.h"
#include "mesh/sqlite/file/page_scan.h"
#include "mesh/sqlite/journal/fold.h"

namespace titan::mesh {
namespace {

constexpr std::size_t recovery_batch_entries = 1000;
constexpr std::size_t row_bytes_max = entry_bytes_max + 4096;
// Columns of `entries`; later versions only append.
constexpr std::size_t hash_column = 3;
constexpr const char* building_suffix = ".recovering";
constexpr const char* beside_suffix = ".beside";
constexpr std::uint64_t copy_bytes = 1024 * 1024;

Status set_aside(const std::string& path, const std::string& target) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code failed;
    if (!std::filesystem::exists(path + suffix, failed)) continue;
    std::filesystem::rename(path + suffix, target + suffix, failed);
    if (failed) {
      return make_error(ErrorCode::io, "cannot set the damaged file " + path + suffix +
                                           " aside: " + failed.message() +
                                           "; check the owner and mode of the folder");
    }
  }
  return {};
}

Status put_in_place(const std::string& built, const std::string& path) {
  std::error_code failed;
  std::filesystem::rename(built, path, failed);
  if (!failed) return {};
  return make_error(ErrorCode::io, "cannot put the recovered file " + built +
                                       " in place: " + failed.message() +
                                       "; check the owner and mode of the folder");
}

void remove_file(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;  // what cannot be removed shows when it is opened
    std::filesystem::remove(path + suffix, ignored);
  }
}

class Recovery {
 public:
  Recovery(SqliteStore& store, const StoreIdentity& identity, const Codec& codec, PageScan& scan,
           RecoveryReport& report)
      : store_(store), codec_(codec), scan_(scan), report_(report) {
    context_.tenant_store = tenant_store_hash(identity.tenant, identity.store);
    context_.key_of = [this](const DeviceId& device) -> std::optional<PublicKey> {
      const auto key = keys_.find(device);
      if (key == keys_.end()) return std::nullopt;
      return key->second;
    };
  }

  void learn_key(const PublicKey& key) { keys_.emplace(device_of(key), key); }

  // Two passes: an entry may lie in front of the opening that carries its device's key.
  Status run(const std::function<bool()>& goes_on) {
    each_entry([&](Entry&& entry) {
      if (entry.envelope.opening) learn_key(entry.envelope.opening->device_public_key);
    });
    Status status;
    each_entry([&](Entry&& entry) {
      if (status && !goes_on()) status = make_error(ErrorCode::unavailable, "it was told to stop");
      if (!status) return;
      batch_.push_back(std::make_shared<const Entry>(std::move(entry)));
      if (batch_.size() >= recovery_batch_entries) status = store_batch();
    });
    if (status) status = store_batch();
    report_.rows_unreadable = scan_.unreadable_cells() / 2;  // counted once a pass
    return status;
  }

 private:
  template <class Take>
  void each_entry(Take&& take) {
    scan_.each_row(row_bytes_max, [&](const ScannedRow& row) {
      if (row.size() <= hash_column + 1) return;
      const auto* hash = std::get_if<Bytes>(&row[hash_column]);
      const auto* bytes = std::get_if<Bytes>(&row.back());
      if (hash == nullptr || bytes == nullptr || hash->size() != Hash::size) return;
      auto entry = codec_.decode_entry(*bytes);
      if (!entry || entry->hash.view() != *hash) {
        reject("its bytes do not have the hash they were stored under");
        return;
      }
      take(std::move(*entry));
    });
  }

  void reject(const std::string& reason) {
    ++report_.entries_rejected;
    if (report_.first_rejection.empty()) report_.first_rejection = reason;
  }

  Status store_batch() {
    CheckedEntries checked = check_entries(std::move(batch_), context_);
    batch_.clear();
    for (const Rejection& rejection : checked.rejected) reject(rejection.reason);
    StoreRequest request;
    request.devices = checked.learned_keys;
    report_.entries_recovered += checked.accepted.size();
    request.entries = std::move(checked.accepted);
    return store_.commit(request);
  }

  SqliteStore& store_;
  const Codec& codec_;
  PageScan& scan_;
  RecoveryReport& report_;
  VerifyContext context_;
  std::map<DeviceId, PublicKey> keys_;
  std::vector<std::shared_ptr<const Entry>> batch_;
};

// What SQLite itself can still read of the small tables.
StoredState read_what_sqlite_can(const std::string& path) {
  StoredState state;
  auto connection = Connection::open({path, Connection::Mode::read_only, reader_cache_kilobytes});
  if (!connection) return state;
  for (const auto read : {read_devices, read_promise, read_members, read_watermark}) {
    const Status tried = (*connection)->guarded("recovering", [&]() -> Status {
      read(**connection, state);
      return {};
    });
    (void)tried;  // a table that cannot be read is learnt again
  }
  return state;
}

}  // namespace

std::string describe(const RecoveryReport& report) {
  return "this terminal's database was damaged and is kept as " + report.set_aside + "; " +
         std::to_string(report.entries_recovered) + " entries were saved from it, " +
         std::to_string(report.entries_rejected) +
         " were not usable; what is missing comes from the other terminals and the cloud. Have the "
         "disk of this terminal checked.";
}

Status finish_interrupted_recovery(const std::string& path) {
  const std::string building = path + building_suffix;
  std::error_code failed;
  if (std::filesystem::exists(path, failed) || !std::filesystem::exists(building, failed)) {
    return {};
  }
  // The damaged file is aside already, so the new one was complete. A log left of the old one must
  // not be taken for the new one's.
  if (const Status aside = set_aside(path, path + ".damaged-log"); !aside) return aside;
  return put_in_place(building, path);
}

namespace {

// Everything that one store holds, into another.
Status copy_all(SqliteStore& from, const Codec& codec, SqliteStore& into) {
  auto reader = from.open_reader();
  if (!reader) return reader.error();
  StoreRequest small;
  const Status read = from.connection().guarded("taking it in", [&]() -> Status {
    StoredState state;
    for (const auto part : {read_devices, read_promise, read_members, read_watermark}) {
      part(from.connection(), state);
    }
    small.devices = state.devices;
    small.members = state.members;
    small.watermark = state.watermark;
    if (state.promise != election::Promise{}) small.promise = state.promise;
    return {};
  });
  if (!read) return read;
  if (const Status stored = into.commit(small); !stored) return stored;
  std::int64_t position = 0;
  while (true) {
    const auto entries = (*reader)->entries_after(position, read_entries_max, copy_bytes);
    if (!entries) return entries.error();
    if (entries->empty()) return {};
    StoreRequest request;
    for (const StoredEntry& stored : *entries) {
      position = stored.position;
      auto entry = codec.decode_entry(stored.bytes);
      if (entry) request.entries.push_back(std::make_shared<const Entry>(std::move(*entry)));
    }
    if (const Status stored = into.commit(request); !stored) return stored;
  }
}

}  // namespace

std::string beside_path(const std::string& path) {
  return path + beside_suffix;
}

void remove_beside(const std::string& path) {
  remove_file(beside_path(path));
}

Status take_in_beside(SqliteStore& store, const StoreOptions& options,
                      const StoreIdentity& identity, const Codec& codec) {
  StoreOptions beside = options;
  beside.path = beside_path(options.path);
  std::error_code failed;
  if (!std::filesystem::exists(beside.path, failed)) return {};
  auto opened = SqliteStore::open(beside, identity, codec);
  if (!opened && opened.error().code == ErrorCode::corrupt) {
    if (auto saved = recover(beside, identity, codec, "beside"); !saved) return saved.error();
    opened = SqliteStore::open(beside, identity, codec);
  }
  if (!opened) return opened.error();
  if (const Status copied = copy_all(**opened, codec, store); !copied) return copied;
  opened->reset();
  remove_beside(options.path);
  return {};
}

Result<RecoveryReport> build_recovered(const StoreOptions& options, const StoreIdentity& identity,
                                       const Codec& codec, const std::string& time_stamp,
                                       const std::function<bool()>& goes_on) {
  RecoveryReport report;
  report.set_aside = options.path + ".damaged-" + time_stamp;
  StoreOptions building = options;
  building.path += building_suffix;
  remove_file(building.path);  // of an attempt that did not come to its end

  auto scan = PageScan::open(options.path);
  if (!scan) return scan.error();
  auto store = SqliteStore::open(building, identity, codec);
  if (!store) return store.error();

  const StoredState remembered = read_what_sqlite_can(options.path);
  StoreRequest small;
  small.devices = remembered.devices;
  small.members = remembered.members;
  small.watermark = remembered.watermark;
  if (remembered.promise != election::Promise{}) small.promise = remembered.promise;
  report.promise_recovered = small.promise.has_value();
  if (const Status stored = (*store)->commit(small); !stored) return stored.error();

  Recovery recovery(**store, identity, codec, **scan, report);
  for (const PublicKey& key : remembered.devices) recovery.learn_key(key);
  if (const Status done = recovery.run(goes_on); !done) return done.error();
  // Folded now, it is loaded fast when it takes the damaged one's place.
  for (bool more = true; more && goes_on();) {
    const auto folded = (*store)->checkpoint_if_idle();
    more = folded && *folded;
  }
  if (const Status closed = (*store)->close(); !closed) return closed.error();
  return report;
}

Status put_recovered_in_place(const StoreOptions& options, const StoreIdentity& identity,
                              const Codec& codec, SqliteStore* beside,
                              const RecoveryReport& report) {
  StoreOptions building = options;
  building.path += building_suffix;
  if (beside != nullptr) {
    auto store = SqliteStore::open(building, identity, codec);
    if (!store) return store.error();
    if (const Status copied = copy_all(*beside, codec, **store); !copied) return copied;
    if (const Status closed = (*store)->close(); !closed) return closed;
  }
  // Only now, with everything saved, does the damaged file give way.
  if (const Status aside = set_aside(options.path, report.set_aside); !aside) return aside;
  return put_in_place(building.path, options.path);
}

Result<RecoveryReport> recover(const StoreOptions& options, const StoreIdentity& identity,
                               const Codec& codec, const std::string& time_stamp) {
  auto report = build_recovered(options, identity, codec, time_stamp, [] { return true; });
  if (!report) return report;
  if (const Status placed = put_recovered_in_place(options, identity, codec, nullptr, *report);
      !placed) {
    return placed.error();
  }
  return report;
}

}  // namespace titan::mesh
