// A v0.1 file opened so that not a byte of it changes, checked to be whole and to be one.
//
// Where nothing was left beside it, it is read in place, in one transaction from here to the end,
// so that no program writes into it meanwhile. A write-ahead log or a journal beside it holds
// records, or undoes them, and a file in WAL mode gets one as soon as it is read: then a copy is
// read, of the file and of what is beside it, which is removed at the end. Of a copy has_changed()
// tells whether somebody wrote into the original since.
#pragma once

#include <SQLiteCpp/Database.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace titan::pos::v01 {

class FormerFile {
 public:
  // Refused with words for a person: not there, torn, no SQLite file, another program's.
  static Result<std::unique_ptr<FormerFile>> open(const std::string& path);
  ~FormerFile();
  FormerFile(const FormerFile&) = delete;
  FormerFile& operator=(const FormerFile&) = delete;

  SQLite::Database& database() { return *database_; }
  bool has_table(const std::string& table) const { return columns_.contains(table); }
  bool has_column(const std::string& table, const std::string& column) const;
  // Tables, columns and settings that are left alone because nobody knows what they mean.
  const std::vector<std::string>& notes() const { return notes_; }
  // A program that has the file open now: its process number.
  std::optional<long> held_by() const { return held_by_; }
  // Since it was opened the file, or what is beside it, was written, replaced or removed.
  bool has_changed() const;

  // What `config` says; empty where it says nothing.
  const std::string& terminal() const { return terminal_; }
  const std::string& store() const { return store_; }
  const std::string& currency() const { return currency_; }

  // Stands for what the file holds of products, stock and sales, however it lies on the disk: a
  // checkpoint or a VACUUM changes nothing of it.
  Result<Hash> identity();

 private:
  explicit FormerFile(std::string path) : path_(std::move(path)) {}
  // What is not there has no bytes.
  struct FileState {
    std::int64_t bytes = -1;
    std::int64_t changed_ns = 0;
    std::uint64_t inode = 0;
    bool operator==(const FileState&) const = default;
  };
  static FileState state_of(const std::string& path);
  Status open_database();
  Status open_at(const std::string& path, int flags);
  Status copy_beside();
  Status damaged(const std::string& what) const;
  Status check_pages();
  Status read_schema();
  Status read_config();

  const std::string path_;
  std::string copy_folder_;  // empty: read in place
  std::unique_ptr<SQLite::Database> database_;
  std::map<std::string, std::set<std::string>> columns_;
  std::vector<std::string> notes_;
  std::optional<long> held_by_;
  bool is_in_wal_mode_ = false;
  std::map<std::string, FileState> states_;  // by the end of the name, as it was read
  std::string terminal_, store_, currency_;
};

}  // namespace titan::pos::v01
