#include "pos-node/hosts/store_database_host.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace titan::pos {
namespace {

class JournalSource final : public uplink::EntrySource {
 public:
  explicit JournalSource(std::unique_ptr<mesh::SqliteReader> reader) : reader_(std::move(reader)) {}
  Result<std::vector<Bytes>> read(const JournalId& journal, const crdt::IntervalSet& numbers,
                                  std::size_t bytes_max) override {
    return reader_->read_entries({journal, numbers, {}, bytes_max});
  }

 private:
  std::unique_ptr<mesh::SqliteReader> reader_;
};

uplink::StoreDatabaseConfig database_config(const Config& config, const std::string& terminal) {
  uplink::StoreDatabaseConfig database;
  database.mode = config.store_database;
  database.data = config.data;
  database.tenant = config.tenant;
  database.store = config.store;
  database.terminal = terminal;
  if (const PublicKey key = cloud_key_of(config); !key.is_none()) {
    database.cloud_device = device_of(key);
  }
  return database;
}

}  // namespace

StoreDatabaseHost::StoreDatabaseHost(boost::asio::io_context& loop, MeshHost& mesh,
                                     const Config& config, const std::string& terminal,
                                     std::unique_ptr<mesh::SqliteReader> journal, Alarm alarm)
    : mesh_(mesh),
      alarm_(std::move(alarm)),
      database_(database_config(config, terminal),
                std::make_unique<JournalSource>(std::move(journal)), mesh.codec(),
                callbacks(loop)) {
  database_.learn_keys(mesh_.node().device_keys());
  on_journal_opened();
}

uplink::StoreDatabaseCallbacks StoreDatabaseHost::callbacks(boost::asio::io_context& loop) {
  uplink::StoreDatabaseCallbacks callbacks;
  callbacks.post = [&loop](std::function<void()> act) { boost::asio::post(loop, std::move(act)); };
  callbacks.on_lease_refused = [this](const election::Token& holder, bool gone) {
    mesh_.input([&](mesh::Node& node, Now now) { node.on_lease_refused(now, holder, gone); });
  };
  callbacks.on_status = [this](const uplink::StoreDatabaseStatus& status) { on_status(status); };
  callbacks.on_set_aside = [this](const std::string& note) {
    alarm_("store_database_set_aside", note);
  };
  callbacks.on_give_back = [this](const std::vector<Bytes>& entries,
                                  const std::vector<PublicKey>& keys) {
    mesh_.input([&](mesh::Node& node, Now now) { node.on_cloud_entries(now, entries, keys); });
  };
  callbacks.on_gave_back = [this](std::uint64_t taken, std::uint64_t refused) {
    on_gave_back(taken, refused);
  };
  return callbacks;
}

void StoreDatabaseHost::on_event(const mesh::Event& event) {
  if (const auto* changed = std::get_if<mesh::LeaderChanged>(&event)) {
    if (changed->is_self) {
      database_.learn_keys(mesh_.node().device_keys());
      database_.lead(*changed->leader, mesh_.node().vector());
    } else {
      database_.follow();
    }
  } else if (const auto* stored = std::get_if<mesh::EntriesStored>(&event)) {
    database_.on_stored(stored->entries);
  }
}

void StoreDatabaseHost::on_status(const uplink::StoreDatabaseStatus& status) {
  const std::string state = uplink::to_string(status.state);
  if (state == told_state_ && status.message.empty()) return;
  told_state_ = state;
  spdlog::info("store database: {} {}", state, status.message);
}

void StoreDatabaseHost::on_gave_back(std::uint64_t taken, std::uint64_t refused) {
  if (taken > 0) {
    spdlog::warn(
        "{} entries that this terminal's journal had lost were in the store database and are back",
        taken);
  }
  if (refused == 0) return;
  alarm_("store_database_differs",
         "the store database holds " + std::to_string(refused) +
             " entries that are in no journal and could not be proven; its reports count them, "
             "the terminals do not. Keep a copy of it and report this.");
}

StoreDatabaseReport StoreDatabaseHost::report() const {
  const uplink::StoreDatabaseStatus status = database_.status();
  StoreDatabaseReport report;
  report.state = uplink::to_string(status.state);
  report.complete_to = status.complete_to;
  report.behind = status.behind;
  report.progress_permille = static_cast<std::uint32_t>(status.progress * 1000);
  report.message = status.message;
  report.address = status.address;
  return report;
}

}  // namespace titan::pos
