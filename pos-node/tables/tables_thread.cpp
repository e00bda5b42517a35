#include "pos-node/tables/tables_thread.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "pos-node/mesh_host.h"

namespace titan::pos {
namespace {

// Between two steps while many are waiting: the disk is not the tables' alone.
constexpr Duration pause_between_steps = milliseconds(2);
constexpr int lowest_priority = 19;

}  // namespace

std::unique_ptr<TablesThread> TablesThread::start(const Config& config, const std::string& terminal,
                                                  const std::string& journal_path,
                                                  std::unique_ptr<mesh::SqliteReader> journal,
                                                  const mesh::Codec& codec) {
  TablesKeeper::Parts parts;
  parts.path = config.data + "/" + tables_file_name;
  if (!config.tables_write) {
    TablesFile::remove(parts.path);  // what is not kept up to date misleads
    return nullptr;
  }
  parts.journal_path = journal_path;
  parts.journal = std::move(journal);
  parts.facts = {config.store, terminal, config.currency, {}};
  if (!config.cloud_url.empty()) {
    parts.facts.cloud_key = PublicKey::from_hex_text(config.cloud_public_key).value_or(PublicKey{});
  }
  parts.say = [](const std::string& line) { spdlog::warn("{}", line); };
  return std::unique_ptr<TablesThread>(
      new TablesThread(std::make_unique<TablesKeeper>(std::move(parts), codec)));
}

TablesThread::TablesThread(std::unique_ptr<TablesKeeper> keeper) : keeper_(std::move(keeper)) {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "titan-tables");
}

TablesThread::~TablesThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TablesThread::run() {
  // Of this thread alone, as Linux counts it. Where a sandbox forbids it, it runs as the others do.
  (void)::setpriority(PRIO_PROCESS, 0, lowest_priority);
  const ProcessClock clock;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    Duration wait = tables_retry_after;
    try {
      wait = keeper_->turn(clock.now());
    } catch (const std::exception& error) {
      spdlog::error("the tables for other programs: {}", error.what());
    }
    lock.lock();
    wake_.wait_for(lock, std::max(wait, pause_between_steps), [this] { return stopping_; });
  }
}

}  // namespace titan::pos
