// The start of a terminal, read top to bottom: folder, key, journal, node, API, duties, neighbours,
// signals; and its polite end.
#include "pos-node/daemon.h"

#include <sodium.h>

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/host/crash_note.h"
#include "base/host/log.h"
#include "base/host/memory.h"
#include "base/host/open_files.h"
#include "base/version.h"
#include "discovery/system/card_watch.h"
#include "pos-node/config/config_advice.h"
#include "pos-node/config/exit_codes.h"
#include "pos-node/hosts/mesh_host.h"
#include "pos-node/hosts/mesh_settings.h"
#include "pos-node/hosts/neighbours.h"
#include "pos-node/hosts/store_database_host.h"
#include "pos-node/hosts/uplink_host.h"
#include "pos-node/http/server.h"
#include "pos-node/storage/data_folder.h"
#include "pos-node/storage/open_journal.h"
#include "pos-node/tables/tables_thread.h"
#include "pos-node/terminal/terminal_service.h"
#include "pos-node/watches/clock_watch.h"

namespace titan::pos {
namespace {

// A stop may take a second in all: leaving, then the last commits and the store database.
constexpr Duration leave_limit = milliseconds(450);
constexpr std::chrono::seconds look_at_clocks_every(5);
constexpr std::chrono::seconds look_at_stock_every(1);
// A store of 100 tills takes about 10 of them a till; 1,024 is what many systems begin with.
constexpr std::size_t open_files_wanted = 16'384;
// Below it a till runs with what it can, and says so: what dials and connections of strangers may
// take (TransportLimits, ServerLimits) and the tills of a usual store, with some to spare.
constexpr std::size_t open_files_needed = 512;

LogSettings log_settings(const Config& config) {
  return {"titan-pos",
          config.log_level,
          config.log_file,
          "%Y-%m-%d %H:%M:%S.%e",
          {{"TITAN_TENANT", config.tenant},
           {"TITAN_STORE", config.store},
           {"TITAN_TERMINAL", config.name},
           {"TITAN_VERSION", program_version}}};
}

template <class T>
T draw_id() {
  T id;
  randombytes_buf(id.bytes.data(), T::size);
  return id;
}

std::uint64_t draw_number() {
  std::uint64_t number = 0;
  randombytes_buf(&number, sizeof number);
  return number;
}

std::size_t check_open_files() {
  const OpenFiles open_files = raise_open_files(open_files_wanted);
  if (!open_files.problem.empty()) {
    spdlog::warn("the limit of open files cannot be raised: {}", open_files.problem);
  }
  if (open_files.limit < open_files_needed) {
    spdlog::warn(
        "only {} files and sockets may be open here, and a till needs {}: with many other "
        "tills it will not reach all of them; raise the limit (ulimit -n, LimitNOFILE)",
        open_files.limit, open_files_needed);
  }
  return open_files.limit;
}

class Daemon {
 public:
  Daemon(Config config, const mesh::Codec& codec) : config_(std::move(config)), codec_(codec) {}

  int run() {
    if (Status ready = start(); !ready) {
      spdlog::critical("{}", ready.error().message);
      stop();
      return exit_usage;
    }
    loop_.run();
    stop();
    spdlog::info("ended politely");
    return exit_done;
  }

 private:
  Status start();
  Result<mesh::StoredState> open_journal();
  void make_mesh(mesh::StoredState state);
  Result<StoreRules> store_rules() const;
  Status make_api();
  Result<ReloadReport> reload();
  Status make_uplink();
  void make_store_database();
  void tell_crashes();
  void watch_signals();
  void watch_clocks();
  void watch_stock();
  void on_event(const mesh::Event& event);
  void leave();
  void stop();

  Config config_;  // as it is in force: reload() changes it
  const mesh::Codec& codec_;
  boost::asio::io_context loop_{1};
  const ProcessClock clock_;
  std::string terminal_;
  std::optional<DataFolder> folder_;
  std::unique_ptr<mesh::SqliteStore> store_;  // until the storage thread takes it over
  Metrics metrics_;
  std::unique_ptr<MeshHost> mesh_;
  std::unique_ptr<TerminalService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<StoreDatabaseHost> store_database_;
  std::unique_ptr<UplinkHost> uplink_;
  std::unique_ptr<Neighbours> neighbours_;
  std::unique_ptr<mesh::SqliteReader> service_reader_;
  std::unique_ptr<mesh::SqliteReader> database_reader_;
  std::unique_ptr<mesh::SqliteReader> tables_reader_;
  std::unique_ptr<TablesThread> tables_;
  boost::asio::signal_set signals_{loop_};
  ClockWatch clock_watch_;
  boost::asio::steady_timer clock_timer_{loop_};
  boost::asio::steady_timer stock_timer_{loop_};
  std::size_t open_files_ = 0;  // that this process may have
  std::string damage_;          // of the journal's file at the start; for an alarm
  bool leaving_ = false;
};

Status Daemon::start() {
  for (const std::string& warning : config_warnings(config_)) spdlog::warn("{}", warning);
  give_back_large_blocks();
  open_files_ = check_open_files();
  if (sodium_init() < 0) return make_error(ErrorCode::io, "libsodium cannot be used here");
  auto folder = DataFolder::open(config_.data, config_.tenant, config_.store);
  if (!folder) return folder.error();
  folder_.emplace(std::move(*folder));
  leave_crash_notes(folder_->path(), "titan-pos", program_version);
  const DeviceId device = device_of(folder_->device_key().public_key);
  terminal_ = config_.name.empty() ? "T-" + device.hex().substr(0, 4) : config_.name;
  spdlog::info("{} of store {} ({}), device {}", terminal_, config_.store, config_.tenant,
               device.hex());

  auto state = open_journal();
  if (!state) return state.error();
  spdlog::info("journal open: {} entries of {} devices", state->vector.entry_count(),
               state->vector.devices().size());

  make_mesh(std::move(*state));
  if (Status ready = make_api(); !ready) return ready;
  if (!damage_.empty()) service_->raise_alarm("database_damaged", damage_);
  tell_crashes();
  if (Status ready = make_uplink(); !ready) return ready;
  make_store_database();
  tables_ = TablesThread::start(config_, terminal_, folder_->file(journal_file),
                                std::move(tables_reader_), codec_);
  if (Status ready = neighbours_->start(*mesh_); !ready) return ready;
  watch_signals();
  watch_clocks();
  watch_stock();
  return {};
}

Result<mesh::StoredState> Daemon::open_journal() {
  auto journal = open_or_recover(config_, *folder_, codec_);
  if (!journal) return journal.error();
  store_ = std::move(journal->store);
  damage_ = std::move(journal->damage);
  for (auto* reader : {&service_reader_, &database_reader_, &tables_reader_}) {
    auto opened = store_->open_reader();
    if (!opened) return opened.error();
    *reader = std::move(*opened);
  }
  return std::move(journal->state);
}

void Daemon::make_mesh(mesh::StoredState state) {
  MeshHost::Parts parts;
  parts.device_key = folder_->device_key();
  parts.process = draw_id<ProcessId>();
  parts.random_seed = draw_number();
  parts.node = node_config_of(config_, terminal_, clock_.now().wall);
  parts.transport =
      transport_config_of(config_, terminal_, parts.process, parts.device_key, open_files_);
  auto reader = store_->open_reader();
  parts.reader = std::move(reader.value());
  parts.state = std::move(state);
  parts.store = std::move(store_);
  neighbours_ = std::make_unique<Neighbours>(loop_, clock_, config_, parts.state.members,
                                             folder_->device_key().public_key,
                                             std::make_unique<discovery::SystemCardWatch>(loop_));
  MeshHost::Handlers handlers;
  handlers.neighbours = neighbours_->callbacks();
  handlers.on_event = [this](const mesh::Event& event) { on_event(event); };
  handlers.on_storage_reopened = [this] {
    if (uplink_) uplink_->on_storage_reopened();
    if (store_database_) store_database_->on_journal_opened();
  };
  handlers.on_committed = [this](Duration took) {
    metrics_.commit_seconds.Observe(std::chrono::duration<double>(took).count());
  };
  mesh_ = std::make_unique<MeshHost>(loop_, clock_, codec_, std::move(parts), std::move(handlers));
}

Result<StoreRules> Daemon::store_rules() const {
  return store_rules_of(config_, terminal_, mesh_->node().device(), mesh_->node().process());
}

Status Daemon::make_api() {
  auto rules = store_rules();
  if (!rules) return rules.error();
  service_ = std::make_unique<TerminalService>(
      std::move(*rules), *mesh_, std::move(service_reader_), metrics_, clock_.now().wall);
  service_->set_reload([this] { return reload(); });
  service_->set_move_in_folder(folder_->file("move-ins"));
  server_ = std::make_unique<Server>(loop_, *service_, metrics_);
  service_->set_events(server_->events());
  const auto address = parse_host_port(config_.api_listen);
  if (!address) return address.error();
  const auto listening = server_->listen(*address);
  if (!listening) return listening.error();
  spdlog::info("API on http://{}:{}", listening->host, listening->port);
  const bool is_v6 = listening->host.find(':') != std::string::npos;
  folder_->note_api_address((is_v6 ? "[" + listening->host + "]" : listening->host) + ":" +
                            std::to_string(listening->port));
  return {};
}

Status Daemon::make_uplink() {
  TerminalService::Reports reports;
  reports.store_database = [this] {
    return store_database_ ? store_database_->report() : StoreDatabaseReport{};
  };
  reports.refused_peers = [this] { return neighbours_->refused_peers(); };
  reports.has_network = [this] { return neighbours_->has_network(); };
  reports.mdns_problem = [this] { return neighbours_->mdns_problem(); };
  reports.last_met = [this](const DeviceId& device) { return neighbours_->last_met(device); };
  if (!config_.cloud_url.empty()) {
    auto made = UplinkHost::make(loop_, clock_, *mesh_, config_, folder_->device_key(), terminal_,
                                 cloud_key_of(config_), Random(draw_number()),
                                 {[this](const UplinkReport& report) {
                                    spdlog::info("uplink: {} {}", report.state, report.message);
                                    service_->publish(UplinkEvent{report.state, report.message});
                                  },
                                  [this](const std::string& code, const std::string& message) {
                                    service_->raise_alarm(code, message);
                                  }});
    if (!made) return made.error();
    uplink_ = std::move(*made);
    reports.uplink = [this] { return uplink_ ? uplink_->report() : UplinkReport{}; };
  }
  service_->set_reports(std::move(reports));
  return {};
}

void Daemon::make_store_database() {
  store_database_ = std::make_unique<StoreDatabaseHost>(
      loop_, *mesh_, config_, terminal_, std::move(database_reader_),
      [this](const std::string& code, const std::string& message) {
        service_->raise_alarm(code, message);
      });
}

void Daemon::tell_crashes() {
  for (const std::string& note : take_new_crash_notes(folder_->path())) {
    service_->raise_alarm("crashed",
                          "titan-pos crashed and was started again; no sale that it "
                          "acknowledged is lost. What it was doing is in " +
                              note + ": send that file to the makers.");
  }
}

void Daemon::watch_signals() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
    if (cancelled) return;
    if (signal != SIGHUP) return leave();
    // What came of it is in the log: nobody waits for an answer.
    if (const auto done = reload(); !done) spdlog::error("{}", done.error().message);
    watch_signals();
  });
}

void Daemon::watch_clocks() {
  clock_timer_.expires_after(look_at_clocks_every);
  clock_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || leaving_) return;
    if (const auto dead = clock_watch_.look_at_own(clock_.now().wall)) {
      service_->raise_alarm("clock_implausible", *dead);
    }
    for (const std::string& text : clock_watch_.look(mesh_->node().members())) {
      service_->raise_alarm("clock_skew", text);
    }
    watch_clocks();
  });
}

void Daemon::watch_stock() {
  stock_timer_.expires_after(look_at_stock_every);
  stock_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || leaving_) return;
    service_->look_at_stock();
    service_->look_at_waits();
    watch_stock();
  });
}

// ---- while it runs -----------------------------------------------------------------------------

void Daemon::on_event(const mesh::Event& event) {
  service_->on_event(event);
  if (uplink_) uplink_->on_event(event);
  neighbours_->on_event(event);
  if (!leaving_) store_database_->on_event(event);
}

// All of the new configuration or nothing: what is wrong with it leaves the terminal as it was.
Result<ReloadReport> Daemon::reload() {
  const auto fresh = load_config(config_.file);
  if (!fresh) {
    return make_error(
        ErrorCode::invalid,
        "The configuration was not taken, the terminal runs on with the one before:\n" +
            fresh.error().message);
  }
  ReloadReport report;
  for (const ConfigChange& change : config_changes(config_, *fresh)) {
    (change.needs_restart ? report.needs_restart : report.applied).push_back(change.key);
  }
  take_reloadable(*fresh, config_);
  auto rules = store_rules();
  if (!rules) return rules.error();
  service_->set_rules(std::move(*rules));
  service_->set_restart_needed_for(report.needs_restart);
  spdlog::set_level(spdlog::level::from_str(config_.log_level));
  neighbours_->seeds_changed();
  for (const std::string& key : report.applied) spdlog::info("reload: {} is in force", key);
  for (const std::string& key : report.needs_restart) {
    spdlog::warn("reload: {} takes a restart (systemctl restart titan-pos)", key);
  }
  for (const std::string& warning : config_warnings(config_)) spdlog::warn("{}", warning);
  return report;
}

// ---- the end -----------------------------------------------------------------------------------

void Daemon::leave() {
  spdlog::info("asked to stop: handing over and leaving");
  leaving_ = true;
  server_->stop_accepting();
  neighbours_->stop();
  store_database_->follow();  // its shutdown and the hand-over go on side by side
  mesh_->leave(leave_limit, [this] {
    server_->close();
    const auto end = [this] { boost::asio::post(loop_, [this] { loop_.stop(); }); };
    if (!uplink_) return end();
    uplink_->leave(end);
  });
}

// Also after a start that failed half-way.
void Daemon::stop() {
  tables_.reset();
  if (neighbours_) neighbours_->stop();
  if (uplink_) uplink_->stop();
  if (mesh_) mesh_->stop();
  store_database_.reset();
  uplink_.reset();
  server_.reset();
}

}  // namespace

int run_daemon(const Config& config, const mesh::Codec& codec) {
  try {
    if (Status ready = set_up_log(log_settings(config)); !ready) {
      std::fprintf(stderr, "titan-pos: %s\n", ready.error().message.c_str());
      return exit_usage;
    }
    return Daemon(config, codec).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "titan-pos: %s\n", error.what());
    return exit_failed;
  }
}

}  // namespace titan::pos
