#include "pos-node/tables/tables_thread.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "pos-node/hosts/process_clock.h"

namespace titan::pos {
namespace {

constexpr Duration rest_min = milliseconds(2);

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
  const ProcessClock clock;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    Duration wait = tables_retry_after;
    const MonoTime begun = clock.now().mono;
    try {
      wait = keeper_->turn(clock.now());
    } catch (const std::exception& error) {
      spdlog::error("the tables for other programs: {}", error.what());
    }
    const Duration rest = (clock.now().mono - begun) * tables_rests_for_one_turn;
    lock.lock();
    wake_.wait_for(lock, std::max({wait, rest, rest_min}), [this] { return stopping_; });
  }
}

}  // namespace titan::pos
