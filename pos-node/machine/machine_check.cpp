#include "pos-node/machine/machine_check.h"

#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "mesh/sqlite/file/schema.h"
#include "pos-node/config/config_advice.h"
#include "pos-node/storage/data_folder.h"
#include "pos-node/storage/open_journal.h"
#include "uplink/postgres/managed_postgres.h"

namespace titan::pos {
namespace {

constexpr const char* avahi_socket = "/run/avahi-daemon/socket";
constexpr const char* service_unit = "/lib/systemd/system/titan-pos.service";
constexpr const char* service_folder = "/var/lib/titan-pos";
constexpr std::uint16_t first_free_port = 1024;  // below: for whoever has the capability

// Why nobody can listen there; nothing if one can.
std::optional<std::string> bind_failure(const std::string& listen) {
  const auto address = parse_host_port(listen);
  if (!address) return address.error().message;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address->port);
  if (const int failed = ::getaddrinfo(address->host.c_str(), port.c_str(), &hints, &found)) {
    return std::string(::gai_strerror(failed));
  }
  std::optional<std::string> failure;
  const int file = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (file < 0 || ::bind(file, found->ai_addr, found->ai_addrlen) != 0 || ::listen(file, 1) != 0) {
    failure = errno == EADDRINUSE
                  ? "port " + port + " is taken by another program; `ss -ltnp sport = :" + port +
                        "` shows which: stop that one, or give the till another port"
                  : std::string(std::strerror(errno));
  }
  if (file >= 0) ::close(file);
  ::freeaddrinfo(found);
  return failure;
}

void check_ports(const Config& config, MachineReport& report) {
  if (DataFolder::is_in_use(config.data)) return;  // by this very till, which has its ports
  for (const auto& [key, listen] :
       {std::pair{"api.listen", config.api_listen}, std::pair{"mesh.listen", config.mesh_listen}}) {
    if (const auto failure = bind_failure(listen)) {
      report.problems.push_back(std::string(key) + " = \"" + listen + "\": " + *failure);
    }
  }
}

void check_data_folder(const Config& config, MachineReport& report) {
  const std::filesystem::path folder(config.data);
  std::error_code failed;
  if (!std::filesystem::exists(folder, failed)) {
    if (failed) report.problems.push_back(config.data + ": " + failed.message());
    return;  // it is made at the first start
  }
  if (!std::filesystem::is_directory(folder, failed)) {
    report.problems.push_back("terminal.data = \"" + config.data + "\" is no folder");
    return;
  }
  if (::access(config.data.c_str(), R_OK | X_OK) != 0) {
    report.warnings.push_back(config.data + " was not looked into: " + std::strerror(errno) +
                              " (run this as root)");
    return;
  }
  if (Status owned = DataFolder::check_owner(config.data, config.tenant, config.store); !owned) {
    report.problems.push_back(owned.error().message);
  }
  if (Status readable = mesh::check_version((folder / journal_file).string()); !readable) {
    report.problems.push_back(readable.error().message);
  }
}

// The configuration's own.
std::vector<std::string> files_of(const Config& config) {
  std::vector<std::string> files;
  if (!config.file.empty()) files.push_back(config.file);
  if (!config.file.empty() && !config.store_file.empty()) {
    files.push_back(std::filesystem::path(config.file).parent_path() / config.store_file);
  }
  return files;
}

void check_files(const Config& config, MachineReport& report) {
  if (!config.cloud_ca_file.empty() && ::access(config.cloud_ca_file.c_str(), R_OK) != 0) {
    report.problems.push_back("cloud.ca_file = \"" + config.cloud_ca_file +
                              "\": " + std::strerror(errno));
  }
  if (!config.log_file.empty()) {
    const auto folder = std::filesystem::path(config.log_file).parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder)) {
      report.problems.push_back("log.file = \"" + config.log_file + "\": there is no folder " +
                                folder.string());
    }
  }
  for (const std::string& file : files_of(config)) {
    struct stat facts {};
    if (::stat(file.c_str(), &facts) == 0 && (facts.st_mode & 07) != 0) {
      report.warnings.push_back(file +
                                " can be read by everybody on this machine, and may hold the "
                                "store's secret: chown root:titan-pos " +
                                file + " && chmod 0640 " + file);
    }
  }
}

// The package's unit runs the till as a user of its own, in a sandbox: what root can do here says
// nothing of that.
void check_service(const Config& config, MachineReport& report) {
  std::error_code none;
  if (!std::filesystem::exists(service_unit, none)) return;
  for (const auto& [key, path] :
       {std::pair{"terminal.data", config.data}, std::pair{"log.file", config.log_file}}) {
    if (path.empty() || (path + "/").starts_with(std::string(service_folder) + "/")) continue;
    const auto writes = key == std::string_view("log.file")
                            ? std::filesystem::path(path).parent_path().string()
                            : path;
    report.warnings.push_back(std::string(key) + " = \"" + path + "\": the service writes below " +
                              service_folder +
                              " only. Make the folder for the user titan-pos, and allow it with "
                              "`systemctl edit titan-pos`: [Service] ReadWritePaths=" +
                              writes);
  }
  for (const auto& [key, listen] :
       {std::pair{"api.listen", config.api_listen}, std::pair{"mesh.listen", config.mesh_listen}}) {
    const auto address = parse_host_port(listen);
    if (address && address->port != 0 && address->port < first_free_port) {
      report.problems.push_back(std::string(key) + " = \"" + listen +
                                "\": the service may not listen on a port below 1024");
    }
  }
  const struct group* readers = ::getgrnam("titan-pos");
  for (const std::string& file : files_of(config)) {
    struct stat facts {};
    if (!readers || ::stat(file.c_str(), &facts) != 0) continue;
    const bool readable = (facts.st_mode & 04) != 0 ||
                          (facts.st_gid == readers->gr_gid && (facts.st_mode & 040) != 0);
    if (!readable) {
      report.problems.push_back("the service cannot read " + file + ": chown root:titan-pos " +
                                file + " && chmod 0640 " + file);
    }
  }
}

void check_helpers(const Config& config, MachineReport& report) {
  if (config.mdns && ::access(avahi_socket, F_OK) != 0) {
    report.warnings.push_back(
        "no Avahi daemon runs here, so the other tills are not found by themselves: apt install "
        "avahi-daemon, or name one of them in mesh.seeds, or set mesh.mdns = false");
  }
  if (config.store_database == "auto" && config.may_lead && !uplink::find_postgres_programs()) {
    report.warnings.push_back(
        "no PostgreSQL is installed: when this till leads, the store has no store database. apt "
        "install postgresql-15, or set store_database.mode = \"none\"");
  }
}

}  // namespace

MachineReport check_machine(const Config& config) {
  MachineReport report;
  report.warnings = config_warnings(config);
  check_data_folder(config, report);
  check_ports(config, report);
  check_files(config, report);
  check_service(config, report);
  check_helpers(config, report);
  return report;
}

}  // namespace titan::pos
