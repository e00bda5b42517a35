// titan-cloud: `run` tells the story of its start from top to bottom; `keygen` and `check` prepare
// it. Exit codes: 0 ended politely, 1 failed at run time, 2 usage or configuration.
#include <sodium.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/host/crash_note.h"
#include "base/host/log.h"
#include "base/host/memory.h"
#include "base/host/open_files.h"
#include "base/version.h"
#include "cloud/config/cloud_key.h"
#include "cloud/config/config.h"
#include "cloud/config/setup.h"
#include "cloud/database/database_worker.h"
#include "cloud/database/store_news.h"
#include "cloud/gateway/gateway.h"
#include "cloud/lease/lease_service.h"
#include "cloud/ledger/entry_reader.h"
#include "cloud/ledger/nightly_folds.h"
#include "cloud/ledger/projector.h"
#include "cloud/rest/rest.h"
#include "cloud/server/server.h"
#include "mesh/wire/wire_codec.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {
namespace {

constexpr int failed = 1;
constexpr int unusable = 2;
// Closings are written, then the loop ends; whatever is not done by then is sent again by stores.
constexpr int stop_limit_ms = 400;
// How often the database is asked whether it is there, for /healthz, when nothing else asks.
constexpr int database_probe_ms = 1000;

Status begin_log(const Config& config) {
  return set_up_log({"titan-cloud",
                     config.log_level,
                     config.log_file,
                     "%Y-%m-%dT%H:%M:%S.%e",
                     {{"TITAN_VERSION", program_version}}});
}

void raise_limits() {
  give_back_large_blocks();
  // One for each connection, and the database's, the log's and the listener's.
  const OpenFiles open_files = raise_open_files(connections_max + 256);
  if (open_files.limit < connections_max + 256) {
    spdlog::warn(
        "only {} files and sockets may be open here: so many stores fewer than {} can "
        "connect; raise the limit (ulimit -n, LimitNOFILE)",
        open_files.limit, connections_max);
  }
}

void tell_former_crashes(const Config& config) {
  leave_crash_notes(config.data, "titan-cloud", program_version);
  for (const std::string& note : take_new_crash_notes(config.data)) {
    spdlog::error("titan-cloud crashed and was started again; {} says where", note);
  }
}

// For /healthz: whether the database is there must be known when nothing else asks it, too.
class DatabaseProbe {
 public:
  DatabaseProbe(boost::asio::io_context& loop, DatabaseWorker& worker, std::string tenant)
      : timer_(loop), worker_(worker), tenant_(std::move(tenant)) {}

  void start() {
    timer_.expires_after(std::chrono::milliseconds(database_probe_ms));
    timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      if (worker_.queued() == 0) worker_.probe(tenant_);
      start();
    });
  }

 private:
  boost::asio::steady_timer timer_;
  DatabaseWorker& worker_;
  const std::string tenant_;
};

int run(const Config& config) {
  if (const Status logs = begin_log(config); !logs) {
    std::cerr << logs.error().message << "\n";
    return unusable;
  }
  raise_limits();
  const auto key = load_or_make_key(config.data);
  if (!key) {
    spdlog::error("{}", key.error().message);
    return unusable;
  }
  tell_former_crashes(config);

  boost::asio::io_context loop(1);
  const mesh::WireCodec codec;
  const FeedWriter feed(codec, *key);
  const StoreNews news;
  Metrics metrics;

  Gateway* gateway_of_projector = nullptr;
  Projector projector(loop, config.database_url, codec, feed, news,
                      [&](const StoreKey& store, const StorePosition& position) {
                        gateway_of_projector->on_projected(store, position);
                      });
  InProcessEntryLog log(projector);
  DatabaseWorker uplink_worker("leases", config.database_url, lease_queue_max);
  LeaseService leases(loop, uplink_worker, feed, news);
  EntryReader entries(loop, uplink_worker);
  Gateway gateway(loop, config, codec, *key, uplink_worker, leases, entries, log, projector,
                  metrics);
  gateway_of_projector = &gateway;
  const StoreNewsListener listener(
      loop, config.database_url, news, [&](const StoreKey& store) { gateway.on_news(store); },
      [&] { gateway.on_news_missed(); });
  Rest rest(gateway, config.database_url);
  for (const auto& tenant : config.tenants) uplink_worker.probe(tenant.name);

  Server server(loop, gateway, rest);
  if (const Status listening = server.listen(config); !listening) {
    spdlog::error("{}", listening.error().message);
    return failed;
  }
  spdlog::info("titan-cloud listens on {}:{}{}; public key {}; database {}", config.listen_host,
               server.port(), config.tls_certificate.empty() ? "" : " with TLS",
               key->public_key.hex(), uplink::without_password(config.database_url));
  DatabaseProbe probe(loop, uplink_worker, config.tenants.front().name);
  probe.start();
  std::vector<std::string> tenants;
  for (const auto& tenant : config.tenants) tenants.push_back(tenant.name);
  NightlyFolds folds(loop, uplink_worker, projector, std::move(tenants), config.fold_minute);
  folds.start();

  boost::asio::steady_timer stop_limit(loop);
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (error) return;
    spdlog::info("stopping: stores are told and connect again later");
    server.stop();
    gateway.close_all();
    stop_limit.expires_after(std::chrono::milliseconds(stop_limit_ms));
    stop_limit.async_wait([&](boost::system::error_code) { loop.stop(); });
  });
  loop.run();
  spdlog::info("titan-cloud ended");
  spdlog::shutdown();
  // A worker may wait for a database that hangs. What is not committed was not acknowledged, so
  // nothing is owed to anyone: end without waiting for it.
  std::_Exit(0);
}

}  // namespace
}  // namespace titan::cloud

int main(int argc, char** argv) {
  if (sodium_init() < 0) return titan::cloud::failed;
  CLI::App app{"Head office's side of Titan Mesh: takes the stores' uplinks, answers REST"};
  app.require_subcommand(1);
  std::string path = "/etc/titan-cloud/titan-cloud.toml";
  titan::cloud::SetupWishes wishes;
  auto* setup = app.add_subcommand("setup", "Write the configuration, make the keys, start");
  setup->add_option("--tenant", wishes.tenant, "The company")->required();
  setup->add_option("--url", wishes.url, "Where its stores reach this: wss://host/v1/uplink");
  setup->add_option("--listen", wishes.listen, "Address and port")->capture_default_str();
  setup->add_option("--database", wishes.database, "PostgreSQL")->capture_default_str();
  setup->add_option("--data", wishes.data, "Folder of the key")->capture_default_str();
  setup->add_option("--tls-certificate", wishes.tls_certificate, "PEM file");
  setup->add_option("--tls-key", wishes.tls_key, "PEM file");
  setup->add_option("--folder", wishes.folder, "Of the configuration")->capture_default_str();
  setup->add_flag_callback(
      "--no-start", [&] { wishes.start = false; }, "Only write");
  auto* run = app.add_subcommand("run", "Start");
  run->add_option("--config", path, "Configuration file (TOML)")->capture_default_str();
  auto* check = app.add_subcommand(
      "check", "Say what is wrong with the configuration and this machine, and print it");
  check->add_option("--config", path, "Configuration file (TOML)")->capture_default_str();
  std::string data;
  auto* keygen = app.add_subcommand("keygen", "Make the cloud's key and print its public part");
  keygen->add_option("--data", data,
                     "Data folder: keep the key there; without it, print both parts");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : titan::cloud::unusable;
  }
  if (keygen->parsed()) {
    if (data.empty()) {
      const auto seed = titan::cloud::random_seed();
      std::cout << "secret " << seed.hex() << "\npublic "
                << titan::KeyPair::from_seed(seed).public_key.hex() << "\n";
      return 0;
    }
    const auto key = titan::cloud::load_or_make_key(data);
    if (!key) {
      std::cerr << key.error().message << "\n";
      return titan::cloud::unusable;
    }
    std::cout << key->public_key.hex() << "\n";
    return 0;
  }
  if (setup->parsed()) return titan::cloud::run_setup(wishes);
  const auto config = titan::cloud::load_config(path);
  if (!config) {
    std::cerr << config.error().message << "\n";
    return titan::cloud::unusable;
  }
  if (check->parsed()) {
    std::cout << titan::cloud::describe(*config);
    if (const titan::Status fits = titan::cloud::check_machine(*config); !fits) {
      std::cerr << "titan-cloud: " << fits.error().message << "\n";
      return titan::cloud::unusable;
    }
    return 0;
  }
  return titan::cloud::run(*config);
}
