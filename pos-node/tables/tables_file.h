// tables.sqlite3: the file of the tables that other programs read. All of it can be made again from
// the journal, so it is never repaired: whatever is not as this program left it is thrown away.
//
// One thread, which blocks at most tables_busy_wait_ms for another program's lock. WAL: readers
// hinder nobody, but one that stays in a transaction keeps the log from starting over; from
// tables_log_pages_max on the caller stops writing until that reader is gone.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "mesh/sqlite/file/connection.h"

namespace titan::pos {

inline constexpr const char* tables_file_name = "tables.sqlite3";  // in the data folder
inline constexpr int tables_schema_version = 1;
// Pages of 4 kB in the file's log: copied back from the first figure on, never more than the second
// and one step's.
inline constexpr int tables_log_pages_usual = 1000;
inline constexpr int tables_log_pages_max = 16'384;
inline constexpr int tables_cache_kilobytes = 2048;
inline constexpr int tables_busy_wait_ms = 200;  // a stop of the till may wait for it

class TablesFile {
 public:
  // Makes the file if there is none. `basis`: what else the tables depend on, besides the journal's
  // entries. `corrupt`: it is of another version, basis or program, or damaged: remove it.
  static Result<std::unique_ptr<TablesFile>> open(const std::string& path,
                                                  const std::string& basis);
  static void remove(const std::string& path);

  mesh::Connection& connection() { return *connection_; }

  // What another program did to the file since open(): replaced, removed or wrote it. Empty:
  // nothing.
  std::string interference();
  // Copies the log back where it is long. False: a reader keeps it from starting over, and it has
  // grown as far as it may.
  Result<bool> make_room(int log_pages_max = tables_log_pages_max);

 private:
  struct Seen {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Seen&) const = default;
  };
  struct Content {  // of the file itself, which only a checkpoint of ours changes
    off_t bytes = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Content&) const = default;
  };

  explicit TablesFile(std::string path) : path_(std::move(path)) {}
  Status check_or_make(const std::string& basis);
  void look();
  std::array<Seen, 3> files() const;  // itself, its log, its shared memory
  Content content() const;

  const std::string path_;
  std::unique_ptr<mesh::Connection> connection_;
  std::array<Seen, 3> files_;
  Content content_;
  std::int64_t data_version_ = 0;
  int pages_at_last_try_ = 0;
};

}  // namespace titan::pos
