// A v0.1 file opened so that not a byte of it changes, checked to be whole and to be one.
//
// Where nothing was left beside it, it is read in place, as a file that nobody writes
// (SQLite's immutable=1). A write-ahead log or a journal beside it holds records, or undoes them:
// then a copy is read, of the file and of what is beside it, which is removed at the end.
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

  // What `config` says; empty where it says nothing.
  const std::string& terminal() const { return terminal_; }
  const std::string& store() const { return store_; }
  const std::string& currency() const { return currency_; }

  // Stands for what the file holds of products, stock and sales, however it lies on the disk: a
  // checkpoint or a VACUUM changes nothing of it.
  Result<Hash> identity();

 private:
  explicit FormerFile(std::string path) : path_(std::move(path)) {}
  Status open_database();
  Status copy_beside();
  Status check_pages();
  Status read_schema();
  Status read_config();

  const std::string path_;
  std::string copy_folder_;  // empty: read in place
  std::unique_ptr<SQLite::Database> database_;
  std::map<std::string, std::set<std::string>> columns_;
  std::vector<std::string> notes_;
  std::optional<long> held_by_;
  std::string terminal_, store_, currency_;
};

}  // namespace titan::pos::v01
