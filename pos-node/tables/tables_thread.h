// The thread that keeps the tables for other programs: its own reader of the journal, nothing that
// anybody waits for. It looks by itself whether entries arrived, so nothing has to tell it and
// nothing can be missed.
//
// It rests between turns instead of being of a low priority: SQLite's threads share locks within a
// process, and a commit would wait for one that was put aside while it held such a lock
// (docs/BENCHMARKS.md has the figures).
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "pos-node/config/config.h"
#include "pos-node/tables/tables_keeper.h"

namespace titan::pos {

class TablesThread {
 public:
  // Of the data folder in `config`. Null, and the file is removed, where the configuration wants no
  // tables.
  static std::unique_ptr<TablesThread> start(const Config& config, const std::string& terminal,
                                             const std::string& journal_path,
                                             std::unique_ptr<mesh::SqliteReader> journal,
                                             const mesh::Codec& codec);
  // Waits for the step that runs: some milliseconds, and tables_busy_wait_ms where another program
  // holds the file.
  ~TablesThread();

 private:
  explicit TablesThread(std::unique_ptr<TablesKeeper> keeper);
  void run();

  const std::unique_ptr<TablesKeeper> keeper_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace titan::pos
