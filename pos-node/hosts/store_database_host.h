// The store database's host in the daemon: tells it who leads and what was stored, and hands the
// node what it finds in there.
//
// Lives on the loop thread; the database works on a thread of its own, with a reader of its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "mesh/sqlite/journal/sqlite_reader.h"
#include "pos-node/config/config.h"
#include "pos-node/hosts/mesh_host.h"
#include "pos-node/service/status.h"
#include "uplink/postgres/store_database.h"

namespace titan::pos {

class StoreDatabaseHost {
 public:
  using Alarm = std::function<void(const std::string& code, const std::string& message)>;

  // `mesh` outlives it.
  StoreDatabaseHost(boost::asio::io_context& loop, MeshHost& mesh, const Config& config,
                    const std::string& terminal, std::unique_ptr<mesh::SqliteReader> journal,
                    Alarm alarm);
  StoreDatabaseHost(const StoreDatabaseHost&) = delete;
  StoreDatabaseHost& operator=(const StoreDatabaseHost&) = delete;

  void on_event(const mesh::Event& event);
  // At the start or anew: the journal may hold less than the database does.
  void on_journal_opened() { database_.on_journal_opened(mesh_.node().vector()); }
  // Gives it up, as when another terminal leads.
  void follow() { database_.follow(); }
  StoreDatabaseReport report() const;

 private:
  uplink::StoreDatabaseCallbacks callbacks(boost::asio::io_context& loop);
  void on_status(const uplink::StoreDatabaseStatus& status);
  void on_gave_back(std::uint64_t taken, std::uint64_t refused);

  MeshHost& mesh_;
  const Alarm alarm_;
  std::string told_state_;  // in the log, last
  uplink::StoreDatabase database_;
};

}  // namespace titan::pos
