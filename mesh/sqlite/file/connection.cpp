#include "mesh/sqlite/file/connection.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>
#include <sys/statvfs.h>

#include <filesystem>

#include "mesh/sqlite/file/entry_tables.h"

namespace titan::mesh {
namespace {

int open_flags(Connection::Mode mode) {
  switch (mode) {
    case Connection::Mode::read_only:
      return SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX;
    case Connection::Mode::read_write:
    case Connection::Mode::in_memory:
      break;
  }
  return SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX;
}

// SQLite tells of a full disk as such only where it writes pages; where it makes its log or the
// memory that readers share (32 kB), it speaks of an I/O error of the file or of no right to open
// it.
constexpr std::uint64_t room_bytes_min = 64 * 1024;

bool is_disk_full(const std::string& path) {
  struct statvfs facts {};
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  if (::statvfs(folder.c_str(), &facts) != 0) return false;
  const bool has_no_files_left = facts.f_files != 0 && facts.f_favail == 0;
  return has_no_files_left || facts.f_bavail * std::uint64_t{facts.f_frsize} < room_bytes_min;
}

bool may_be_of_a_full_disk(int code) {
  switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
      return true;
    default:
      return false;
  }
}

// Our statements fit the tables that we made: where SQLite finds none of such a name, its list of
// them is damaged.
bool misses_a_name(const SQLite::Exception& exception) {
  const std::string_view said = exception.what();
  return (exception.getErrorCode() & 0xff) == SQLITE_ERROR &&
         (said.starts_with("no such ") || said.find(" has no column named ") != said.npos);
}

int on_commit(void* connection, sqlite3*, const char*, int pages) {
  static_cast<Connection*>(connection)->set_log_pages(pages);
  return SQLITE_OK;
}

}  // namespace

Use& Use::integer(int index, std::int64_t value) {
  statement_.bind(index, value);
  return *this;
}

Use& Use::number(int index, std::uint64_t value) {
  statement_.bind(index, static_cast<std::int64_t>(value));
  return *this;
}

Use& Use::blob(int index, BytesView value) {
  // A null pointer would bind NULL; an empty value is not an absent one.
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  statement_.bindNoCopy(index, data, static_cast<int>(value.size()));
  return *this;
}

Use& Use::text(int index, const std::string& value) {
  statement_.bindNoCopy(index, value);
  return *this;
}

Use& Use::null(int index) {
  statement_.bind(index);
  return *this;
}

int Use::run() {
  return statement_.exec();
}

std::int64_t Use::integer_at(int column) const {
  return statement_.getColumn(column).getInt64();
}

std::uint64_t Use::number_at(int column) const {
  return static_cast<std::uint64_t>(integer_at(column));
}

BytesView Use::view_at(int column) const {
  const SQLite::Column value = statement_.getColumn(column);
  const void* data = value.getBlob();
  return {static_cast<const char*>(data), static_cast<std::size_t>(value.getBytes())};
}

Bytes Use::bytes_at(int column) const {
  return Bytes(view_at(column));
}

bool Use::is_null_at(int column) const {
  return statement_.getColumn(column).isNull();
}

Connection::Connection(Options options)
    : options_(std::move(options)),
      generation_(options_.file ? options_.file->generation.load() : 0),
      database_(options_.mode == Mode::in_memory ? ":memory:" : options_.path,
                open_flags(options_.mode), busy_wait_ms_max) {}

Result<std::unique_ptr<Connection>> Connection::open(Options options) {
  const std::string path = options.path;
  try {
    std::unique_ptr<Connection> connection(new Connection(std::move(options)));
    Connection& opened = *connection;
    return opened.guarded("opening it", [&]() -> Result<std::unique_ptr<Connection>> {
      opened.configure();
      return std::move(connection);
    });
  } catch (const SQLite::Exception& exception) {
    if (is_disk_full(path)) {
      return make_error(ErrorCode::io, "cannot open the database " + path +
                                           ": the disk is full; free some space on it");
    }
    return make_error(ErrorCode::io, "cannot open the database " + path + ": " + exception.what() +
                                         "; check that the folder exists and may be written");
  }
}

void Connection::configure() {
  sqlite3* handle = database_.getHandle();
  sqlite3_extended_result_codes(handle, 1);
  execute("PRAGMA cache_size = -" + std::to_string(options_.cache_kilobytes));
  execute("PRAGMA foreign_keys = OFF");
  execute("PRAGMA cell_size_check = ON");
  execute("PRAGMA temp_store = MEMORY");
  if (options_.mode != Mode::read_only) {
    // The size of a page is fixed when the first table is made, before WAL is switched on.
    execute("PRAGMA page_size = 4096");
    execute("PRAGMA secure_delete = OFF");
  }
  if (options_.mode == Mode::read_write) {
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = FULL");
    // A commit never pays for copying the log back; the store does it in idle moments.
    execute("PRAGMA wal_autocheckpoint = 0");
    sqlite3_wal_hook(handle, on_commit, this);
  }
  register_entry_tables(handle);
}

void Connection::follow_file() {
  if (options_.mode != Mode::read_only || !options_.file) return;
  const std::uint64_t generation = options_.file->generation;
  if (generation == generation_) return;
  kept_.clear();
  database_ = SQLite::Database(options_.path, open_flags(options_.mode), busy_wait_ms_max);
  configure();
  generation_ = generation;
}

Use Connection::use(std::string_view sql) {
  const auto found = kept_.find(sql);
  if (found != kept_.end()) return Use(*found->second);
  auto statement = std::make_unique<SQLite::Statement>(database_, std::string(sql));
  return Use(*kept_.emplace(sql, std::move(statement)).first->second);
}

void Connection::execute(const std::string& sql) {
  database_.exec(sql);
}

void Connection::sync_log() {
  sqlite3* handle = database_.getHandle();
  sqlite3_file* log = nullptr;
  int result = sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (result == SQLITE_OK && log != nullptr && log->pMethods != nullptr) {
    result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  }
  if (result != SQLITE_OK) throw SQLite::Exception("the log cannot be synced", result);
}

std::int64_t Connection::single_number(const std::string& sql) {
  return database_.execAndGet(sql).getInt64();
}

Error Connection::damage(const std::string& what) const {
  if (options_.file && options_.file->generation == generation_) {
    options_.file->damaged_generation = generation_;
  }
  return make_error(ErrorCode::corrupt,
                    "the database " + options_.path + ": the file is damaged (" + what +
                        "); it will be set aside and every readable entry recovered");
}

Error Connection::error(const SQLite::Exception& exception, std::string_view while_doing) const {
  const std::string where = "the database " + options_.path + ", " + std::string(while_doing);
  if (options_.mode != Mode::in_memory && may_be_of_a_full_disk(exception.getErrorCode()) &&
      is_disk_full(options_.path)) {
    return make_error(ErrorCode::io, where + ": the disk is full; free some space on it");
  }
  const int code = misses_a_name(exception) ? SQLITE_CORRUPT : exception.getErrorCode() & 0xff;
  switch (code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      if (options_.file && options_.file->generation == generation_) {
        options_.file->damaged_generation = generation_;
      }
      return make_error(ErrorCode::corrupt,
                        where + ": the file is damaged (" + exception.what() +
                            "); it will be set aside and every readable entry recovered");
    case SQLITE_FULL:
      return make_error(ErrorCode::io, where + ": the disk is full; free some space on it");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make_error(ErrorCode::io, where +
                                           ": another program holds the file; close it (a "
                                           "backup, a database viewer)");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return make_error(ErrorCode::io, where + ": no right to write (" + exception.what() +
                                           "); check the owner and mode of the folder");
    default:
      return make_error(ErrorCode::io, where + ": " + exception.what() + " (SQLite " +
                                           std::to_string(exception.getExtendedErrorCode()) +
                                           "); if it comes back, check the disk");
  }
}

}  // namespace titan::mesh
