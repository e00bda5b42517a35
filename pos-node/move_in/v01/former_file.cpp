#include "pos-node/move_in/v01/former_file.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/crypto.h"

namespace titan::pos::v01 {
namespace {

namespace fs = std::filesystem;

constexpr int copy_attempts_max = 5;
constexpr std::size_t header_bytes = 100;
constexpr int damages_told_max = 3;
// Of a program that is just writing.
constexpr int lock_wait_ms = 2000;

struct KnownTable {
  const char* name;
  bool required;  // in a file of v0.1
  std::vector<const char*> columns;
};

const std::vector<KnownTable>& known_tables() {
  static const std::vector<KnownTable> tables = {
      {"config", true, {"key", "value"}},
      {"products",
       true,
       {"id", "sku", "barcode", "name", "price_cents", "tax_rate", "tax_included", "stock",
        "active", "updated_at"}},
      {"sales",
       true,
       {"id", "receipt_no", "terminal_id", "cashier", "total_cents", "tax_cents", "currency",
        "status", "created_at"}},
      {"sale_items",
       true,
       {"id", "sale_id", "product_id", "sku", "name", "quantity", "unit_price_cents", "tax_rate",
        "total_cents"}},
      {"payments", true, {"id", "sale_id", "method", "amount_cents", "change_cents", "created_at"}},
      {"sync_outbox", true, {"id", "entity_type", "entity_id", "payload", "created_at", "sent_at"}},
      {"inventory_deltas",
       false,
       {"id", "product_id", "terminal_id", "delta", "reason", "reference", "created_at"}},
      {"sync_cursors", false, {"terminal_id", "last_id", "updated_at"}},
  };
  return tables;
}

// What products, stock and sales are made of; marks of sending may change without another file.
constexpr const char* identity_tables[] = {"products", "sales", "sale_items", "payments",
                                           "inventory_deltas"};

Error refused(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::refused, path + " " + what);
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + '"';
}

// SQLite's locks lie at the first gigabyte; a program in WAL mode holds one as long as it has the
// file open, one without during its transactions.
std::optional<long> lock_holder(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000;
  lock.l_len = 512;
  const bool asked = ::fcntl(file, F_GETLK, &lock) == 0;
  ::close(file);
  if (!asked || lock.l_type == F_UNLCK) return std::nullopt;
  return static_cast<long>(lock.l_pid);
}

bool has_content(const std::string& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  return !error && bytes > 0;
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

constexpr const char* file_ends[] = {"", "-wal", "-journal"};

// Of a file in WAL mode the header says so: SQLite would make files beside it to read it.
bool is_in_wal_mode(const std::string& header) {
  return header[18] == 2 || header[19] == 2;
}

}  // namespace

FormerFile::~FormerFile() {
  database_.reset();
  std::error_code ignored;
  if (!copy_folder_.empty()) fs::remove_all(copy_folder_, ignored);
}

FormerFile::FileState FormerFile::state_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_size, facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec,
          facts.st_ino};
}

Result<std::unique_ptr<FormerFile>> FormerFile::open(const std::string& path) {
  std::unique_ptr<FormerFile> file(new FormerFile(path));
  for (const char* end : file_ends) file->states_[end] = state_of(path + end);
  std::error_code error;
  if (fs::is_directory(path, error)) return refused(path, "is a folder; name the file in it.");
  std::string header(header_bytes, '\0');
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) {
    return refused(path, "cannot be opened: " + std::string(std::strerror(errno)) + ".");
  }
  stream.read(header.data(), static_cast<std::streamsize>(header.size()));
  const auto read = stream.gcount();
  // Closed later, it would take the lock away that SQLite holds for this process by then.
  stream.close();
  // All that a young file holds may still be in the log beside it.
  const bool is_in_log = read == 0 && has_content(path + "-wal");
  if (read == 0 && !is_in_log) return refused(path, "is empty: it holds nothing to move in.");
  constexpr std::string_view magic("SQLite format 3\0", 16);
  if (!header.starts_with(
          magic.substr(0, static_cast<std::size_t>(std::min<std::streamsize>(
                              read, static_cast<std::streamsize>(magic.size())))))) {
    return refused(path, "is no SQLite file, so no file of v0.1.");
  }
  const auto bytes = fs::file_size(path, error);
  const std::uint32_t stated = big_endian(header, 16, 2);
  const std::uint64_t page = stated == 1 ? 65536 : stated;
  const bool is_counted = big_endian(header, 24, 4) == big_endian(header, 92, 4);
  const std::uint64_t pages = big_endian(header, 28, 4);
  const bool is_cut = static_cast<std::size_t>(read) < header.size() || page < 512 ||
                      bytes % page != 0 || (is_counted && pages * page > bytes);
  // The end of a file that lost its power in the middle of a write is in the log or the journal
  // beside it, or is taken back by it: the check of the copy's pages decides.
  const bool has_beside = has_content(path + "-wal") || has_content(path + "-journal");
  if (is_cut && !has_beside) {
    return refused(path,
                   "is cut off: its end is missing. Take the file from the old till again, or from "
                   "a backup.");
  }
  file->is_in_wal_mode_ = is_in_wal_mode(header);
  file->held_by_ = lock_holder(path);
  Status done = file->open_database();
  if (done) done = file->check_pages();
  if (done) done = file->read_schema();
  if (done) done = file->read_config();
  if (!done) return done.error();
  return file;
}

Status FormerFile::open_database() {
  const bool has_beside = has_content(path_ + "-wal") || has_content(path_ + "-journal");
  if (!has_beside && !held_by_ && !is_in_wal_mode_) {
    // Where the folder's file system knows no locks, a copy is as good.
    if (open_at(path_, SQLite::OPEN_READONLY)) return {};
  }
  if (const Status copied = copy_beside(); !copied) return copied;
  return open_at(copy_folder_ + "/file", SQLite::OPEN_READWRITE);
}

// One transaction until the end: what is checked and what is sent is the same, and meanwhile no
// program writes into a file that is read in place.
Status FormerFile::open_at(const std::string& path, int flags) {
  try {
    database_ = std::make_unique<SQLite::Database>(path, flags, lock_wait_ms);
    database_->exec("BEGIN");
    database_->execAndGet("PRAGMA schema_version");  // takes the lock
  } catch (const SQLite::Exception& exception) {
    const int code = exception.getErrorCode();
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return damaged(exception.what());
    database_.reset();
    return refused(path_, std::string("cannot be opened: ") + exception.what() + ".");
  }
  return {};
}

bool FormerFile::has_changed() const {
  for (const auto& [end, state] : states_) {
    if (state_of(path_ + end) != state) return true;
  }
  return false;
}

// Copied again where somebody wrote meanwhile, for half of a write fits nothing.
Status FormerFile::copy_beside() {
  std::string folder = (fs::temp_directory_path() / "titan-v01-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    return make_error(ErrorCode::io, "No temporary folder can be made for a copy of " + path_ +
                                         ": " + std::strerror(errno) + ".");
  }
  copy_folder_ = folder;
  for (int attempt = 0; attempt < copy_attempts_max; ++attempt) {
    bool is_same = true;
    for (const char* end : file_ends) {
      const std::string from = path_ + end;
      const std::string to = copy_folder_ + "/file" + end;
      const auto before = state_of(from);
      std::error_code error;
      fs::remove(to, error);
      states_[end] = before;
      if (before.bytes >= 0 && !fs::copy_file(from, to, error)) {
        return make_error(ErrorCode::io, from + " cannot be copied to " + to + ": " +
                                             error.message() + ". Is there room for it?");
      }
      is_same = is_same && state_of(from) == before;
    }
    if (is_same) return {};
  }
  return refused(path_, "is being written all the time; stop the old program first.");
}

Status FormerFile::check_pages() {
  std::string damages;
  int told = 0;
  try {
    SQLite::Statement check(*database_, "PRAGMA integrity_check(20)");
    while (check.executeStep()) {
      const std::string answer = check.getColumn(0).getString();
      if (answer == "ok") continue;
      if (told++ < damages_told_max) damages += (damages.empty() ? "" : "; ") + answer;
    }
  } catch (const SQLite::Exception& exception) {
    damages = exception.what();
  }
  return damages.empty() ? Status{} : damaged(damages);
}

Status FormerFile::damaged(const std::string& what) const {
  return refused(path_, "is damaged, so nothing of it is taken (" + what +
                            "). Take the file from the old till again, or from a backup.");
}

Status FormerFile::read_schema() {
  try {
    std::set<std::string> tables;
    SQLite::Statement list(*database_,
                           "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE "
                           "'sqlite_%' ORDER BY name");
    while (list.executeStep()) tables.insert(list.getColumn(0).getString());
    if (tables.contains("entries") && tables.contains("journals")) {
      return refused(path_, "is the journal of a till of this version, not a file of v0.1.");
    }
    for (const KnownTable& known : known_tables()) {
      if (!tables.erase(known.name)) {
        if (!known.required) continue;
        return refused(path_, std::string("is the file of another program: it has no table ") +
                                  known.name + " (docs/V01.md names all).");
      }
      std::set<std::string>& columns = columns_[known.name];
      SQLite::Statement info(*database_, "PRAGMA table_info(" + quoted(known.name) + ")");
      while (info.executeStep()) columns.insert(info.getColumn(1).getString());
      for (const char* column : known.columns) {
        if (columns.contains(column)) continue;
        return refused(path_, std::string("is the file of another program: its table ") +
                                  known.name + " has no column " + column +
                                  " (docs/V01.md names all).");
      }
      for (const std::string& column : columns) {
        const bool is_known =
            column == "store_id" ||
            std::find(known.columns.begin(), known.columns.end(), column) != known.columns.end();
        if (!is_known) {
          notes_.push_back("column " + std::string(known.name) + "." + column +
                           " is not known here and stays behind");
        }
      }
    }
    for (const std::string& table : tables) {
      notes_.push_back("table " + table + " is not known here and stays behind");
    }
  } catch (const SQLite::Exception& exception) {
    return refused(path_, std::string("cannot be read: ") + exception.what() + ".");
  }
  return {};
}

Status FormerFile::read_config() {
  try {
    SQLite::Statement rows(*database_, "SELECT key, value FROM config ORDER BY key");
    while (rows.executeStep()) {
      const std::string key = rows.getColumn(0).getString();
      const std::string value = rows.getColumn(1).getString();
      if (key == "terminal_id") {
        terminal_ = value;
      } else if (key == "store_id") {
        store_ = value;
      } else if (key == "currency") {
        currency_ = value;
      } else if (key != "terminal_name" && key != "schema_version") {
        notes_.push_back("setting " + key + " is not known here and stays behind");
      }
    }
  } catch (const SQLite::Exception& exception) {
    return refused(path_, std::string("cannot be read: ") + exception.what() + ".");
  }
  return {};
}

bool FormerFile::has_column(const std::string& table, const std::string& column) const {
  const auto columns = columns_.find(table);
  return columns != columns_.end() && columns->second.contains(column);
}

Result<Hash> FormerFile::identity() {
  constexpr std::size_t piece_bytes = 64 * 1024;
  Hash chain = blake2b("v01-file");
  Bytes piece;
  const auto take = [&] {
    chain = blake2b(Bytes(chain.view()) + piece);
    piece.clear();
  };
  try {
    for (const KnownTable& known : known_tables()) {
      const bool counts = std::find(std::begin(identity_tables), std::end(identity_tables),
                                    std::string_view(known.name)) != std::end(identity_tables);
      if (!counts || !has_table(known.name)) continue;
      piece += known.name;
      std::string list;
      for (const char* column : known.columns) {
        list += (list.empty() ? "quote(" : ", quote(") + quoted(column) + ")";
      }
      SQLite::Statement rows(*database_, "SELECT " + list + " FROM " + known.name);
      while (rows.executeStep()) {
        for (int i = 0; i < rows.getColumnCount(); ++i) {
          piece += rows.getColumn(i).getString();
          piece += '\0';
        }
        if (piece.size() >= piece_bytes) take();
      }
      take();
    }
  } catch (const SQLite::Exception& exception) {
    return refused(path_, std::string("cannot be read: ") + exception.what() + ".");
  }
  return chain;
}

}  // namespace titan::pos::v01
