// One SQLite connection with its kept statements; SQLiteCpp's exceptions stop here.
//
// Used by one thread at a time. A statement is prepared once and kept; a Use of it resets it at the
// end of its scope, since a statement left open holds a read lock that keeps the write-ahead log
// from starting over.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace titan::mesh {

inline constexpr int busy_wait_ms_max = 2000;  // for another program that holds the file's lock

// A kept statement in use: bound by position from 1, read by column from 0.
class Use {
 public:
  explicit Use(SQLite::Statement& statement) : statement_(statement) {}
  ~Use() { statement_.tryReset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  // Bound bytes and texts are not copied: they must live until the statement has run.
  Use& integer(int index, std::int64_t value);
  Use& number(int index, std::uint64_t value);  // modulo 2^64, as SQLite has no unsigned integers
  Use& blob(int index, BytesView value);
  Use& text(int index, const std::string& value);
  Use& null(int index);

  bool step() { return statement_.executeStep(); }
  int run();                            // rows changed
  void again() { statement_.reset(); }  // to bind anew and run once more

  std::int64_t integer_at(int column) const;
  std::uint64_t number_at(int column) const;
  Bytes bytes_at(int column) const;
  BytesView view_at(int column) const;  // until the next step
  bool is_null_at(int column) const;
  template <class Id>
  std::optional<Id> id_at(int column) const {
    return Id::from_bytes(view_at(column));
  }

 private:
  SQLite::Statement& statement_;
};

// The file as its writer and all readers see it, each on a thread of its own. The generation rises
// when another file may stand at the path; damage is reported for the generation it was found in,
// so that what a reader still finds in a file set aside is not taken for damage of the new one.
struct FileState {
  std::atomic<std::uint64_t> generation{1};
  std::atomic<std::uint64_t> damaged_generation{0};

  bool is_damaged() const { return damaged_generation == generation; }
};

class Connection {
 public:
  enum class Mode { read_write, read_only, in_memory };

  struct Options {
    std::string path;  // for messages also in memory
    Mode mode = Mode::read_write;
    int cache_kilobytes = 4096;
    // Read-only connections open the file anew when its generation rises. None: a file by itself.
    std::shared_ptr<FileState> file = nullptr;
  };

  static Result<std::unique_ptr<Connection>> open(Options options);

  Use use(std::string_view sql);  // `sql` must live as long as the connection: a literal
  void execute(const std::string& sql);
  // Makes durable what this connection reads of the write-ahead log.
  void sync_log();
  std::int64_t single_number(const std::string& sql);
  SQLite::Database& database() { return database_; }
  const std::string& path() const { return options_.path; }
  Mode mode() const { return options_.mode; }
  // Pages in the write-ahead log after the last commit of this connection.
  int log_pages() const { return log_pages_; }
  void set_log_pages(int pages) { log_pages_ = pages; }

  Error error(const SQLite::Exception& exception, std::string_view while_doing) const;
  // Damage that SQLite knows nothing of: `what` fits no file that we wrote.
  Error damage(const std::string& what) const;

  // Runs `work`, which answers with a Result, and turns SQLite's exceptions into its Error.
  template <class Work>
  auto guarded(std::string_view while_doing, Work&& work) -> std::invoke_result_t<Work> {
    try {
      if (depth_ == 0) follow_file();
      const Depth within(depth_);
      return work();
    } catch (const SQLite::Exception& exception) {
      return error(exception, while_doing);
    }
  }

 private:
  class Depth {
   public:
    explicit Depth(int& depth) : depth_(depth) { ++depth_; }
    ~Depth() { --depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    int& depth_;
  };

  explicit Connection(Options options);
  void configure();
  void follow_file();

  Options options_;
  std::uint64_t generation_ = 0;
  int depth_ = 0;  // calls of guarded() under way: their statements must not be taken from them
  SQLite::Database database_;
  std::map<std::string_view, std::unique_ptr<SQLite::Statement>> kept_;
  int log_pages_ = 0;
};

}  // namespace titan::mesh
