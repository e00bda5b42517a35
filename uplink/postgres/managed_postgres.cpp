#include "uplink/postgres/managed_postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>

#include "base/crypto.h"
#include "base/hex.h"
#include "uplink/postgres/start_failure.h"

extern char** environ;

namespace titan::uplink {

namespace fs = std::filesystem;

namespace {

constexpr const char* system_user = "postgres";
constexpr const char* database_user = "titan";
constexpr const char* done_marker = "titan-ready";         // initdb ran to its end
constexpr const char* unserved_marker = "titan-unserved";  // the cluster never accepted anybody
constexpr std::size_t socket_path_max = 107;               // sockaddr_un, without the closing NUL
constexpr const char* socket_name = "/.s.PGSQL.5432";
// One that reads its write-ahead log again takes as long as the disk takes.
constexpr int start_limit_ms = 600'000;
constexpr int poll_ms = 10;
constexpr int leftover_limit_ms = 5'000;
constexpr int fast_stop_ms = 500;
constexpr int immediate_stop_ms = 300;

// Small, since a till has other work; durable, though its content could be rebuilt.
constexpr const char* settings[] = {
    "listen_addresses=",
    "shared_buffers=16MB",
    "max_connections=12",
    "work_mem=1MB",
    "maintenance_work_mem=16MB",
    "max_wal_size=128MB",
    "min_wal_size=32MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_parallel_workers=0",
    "autovacuum_max_workers=1",
    "jit=off",
    "fsync=on",
    "huge_pages=off",
    "dynamic_shared_memory_type=mmap",
    "logging_collector=off",
    "log_min_messages=warning",
    "unix_socket_permissions=0700",
    "password_encryption=scram-sha-256",
};

bool exists(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0;
}

Error failure(const std::string& what) {
  return make_error(ErrorCode::io, "the private PostgreSQL: " + what);
}

// Others may pass through the folder, though not list it.
bool may_be_passed(const struct stat& facts, uid_t uid, gid_t gid) {
  if (facts.st_uid == uid) return (facts.st_mode & S_IXUSR) != 0;
  if (facts.st_gid == gid) return (facts.st_mode & S_IXGRP) != 0;
  return (facts.st_mode & S_IXOTH) != 0;
}

bool is_temporary(const fs::path& path) {
  const std::string text = path.string();
  return text.starts_with("/tmp/") || text.starts_with("/var/tmp/") || text.starts_with("/run/");
}

}  // namespace

ManagedPostgres::ManagedPostgres(std::string folder, Pause pause, std::string installed)
    : folder_(fs::absolute(folder).lexically_normal().string()),
      installed_(std::move(installed)),
      pause_(std::move(pause)) {}

ManagedPostgres::~ManagedPostgres() {
  stop();
}

std::string ManagedPostgres::url() const {
  std::string host;
  for (const char c : socket_folder_) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) || c == '/' || c == '-' || c == '.' || c == '_';
    host += plain ? std::string(1, c) : "%" + to_hex(BytesView(&c, 1));
  }
  return std::string("postgresql://") + database_user + "@/postgres?host=" + host +
         "&port=5432&connect_timeout=3";
}

// ---- before the start -----------------------------------------------------------------------

Result<ManagedPostgres::Identity> ManagedPostgres::choose_identity() const {
  Identity identity;
  identity.uid = ::geteuid();
  identity.gid = ::getegid();
  if (identity.uid != 0) return identity;
  struct stat facts {};
  const std::string parent = fs::path(folder_).parent_path().string();
  const bool owned = ::stat(parent.c_str(), &facts) == 0 && facts.st_uid != 0;
  const passwd* user = owned ? ::getpwuid(facts.st_uid) : ::getpwnam(system_user);
  if (!user) {
    return failure(
        "it must not run as root, and there is no user `postgres` to run it as; "
        "install the package postgresql, or set [store_database] mode = \"none\"");
  }
  identity.change = true;
  identity.user = user->pw_name;
  identity.uid = user->pw_uid;
  identity.gid = user->pw_gid;
  return identity;
}

Status ManagedPostgres::prepare_folders(const Identity& identity) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return failure("its folder " + folder_ + " cannot be made: " + error.message());
  ::chmod(folder_.c_str(), 0700);
  if (!identity.change) return {};
  // Every folder above must let that user through. Our own data folder, and temporary folders of
  // ours, are opened for passing (not for listing); for any other a person decides.
  const fs::path data = fs::path(folder_).parent_path();
  for (fs::path above = data; above != above.root_path(); above = above.parent_path()) {
    struct stat facts {};
    if (::stat(above.c_str(), &facts) != 0) break;
    if (may_be_passed(facts, identity.uid, identity.gid)) continue;
    const bool ours = facts.st_uid == ::geteuid() && (above == data || is_temporary(above));
    if (ours && ::chmod(above.c_str(), (facts.st_mode & 07777) | S_IXOTH) == 0) continue;
    return failure("it runs as user " + identity.user + ", who may not enter " + above.string() +
                   "; put [terminal] data elsewhere, or run chmod o+x on that folder");
  }
  if (::chown(folder_.c_str(), identity.uid, identity.gid) != 0) {
    return failure("its folder cannot be given to user " + identity.user + ": " +
                   std::strerror(errno));
  }
  return {};
}

// In the data folder where the path is short enough for a socket; else in a folder below /tmp that
// only we and PostgreSQL's user can have made.
Status ManagedPostgres::choose_socket_folder(const Identity& identity) {
  socket_folder_ = folder_ + "/socket";
  if (socket_folder_.size() + std::strlen(socket_name) > socket_path_max) {
    socket_folder_ = "/tmp/titan-pg-" + blake2b(folder_).hex().substr(0, 16);
  }
  if (::mkdir(socket_folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return failure("the folder of its socket " + socket_folder_ +
                   " cannot be made: " + std::strerror(errno));
  }
  if (identity.change) (void)!::lchown(socket_folder_.c_str(), identity.uid, identity.gid);
  struct stat facts {};
  const bool sound = ::lstat(socket_folder_.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) &&
                     facts.st_uid == identity.uid && (facts.st_mode & 077) == 0;
  if (!sound) {
    return failure("the folder " + socket_folder_ +
                   " belongs to somebody else; remove it and start again");
  }
  return {};
}

std::vector<std::string> ManagedPostgres::as_user(const Identity& identity,
                                                  std::vector<std::string> command) const {
  std::vector<std::string> full = {"/usr/bin/setpriv", "--pdeathsig", "QUIT"};
  if (identity.change) {
    full.insert(full.end(), {"--reuid=" + std::to_string(identity.uid),
                             "--regid=" + std::to_string(identity.gid), "--clear-groups"});
  }
  full.push_back("--");
  full.insert(full.end(), command.begin(), command.end());
  return full;
}

Result<pid_t> ManagedPostgres::spawn(const std::vector<std::string>& command) const {
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const std::string log = folder_ + "/titan-postgres.log";
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  // The server outlives a killed terminal by the time of its shutdown: with the terminal's sockets
  // in its hands, clients and the cloud would not see them closed and the API's port stayed taken.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawn_file_actions_addchdir_np(&files, folder_.c_str());
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  // A group of its own: a Ctrl-C at the terminal is for us, we stop the server in order.
  sigset_t none;
  sigset_t usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD, SIGPIPE}) {
    sigaddset(&usual, signal);
  }
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setsigdefault(&how, &usual);
  posix_spawnattr_setpgroup(&how, 0);
  posix_spawnattr_setflags(&how,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, arguments[0], &files, &how, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  if (error != 0) {
    return failure("the program " + command[0] + " cannot be started: " + std::strerror(error));
  }
  return pid;
}

Status ManagedPostgres::make_cluster(const Identity& identity) {
  const std::string cluster = folder_ + "/cluster";
  const std::string marker = folder_ + "/" + done_marker;
  if (has_cluster()) return {};
  std::error_code error;
  fs::remove_all(cluster, error);  // what an initdb cut short has left
  std::ofstream(folder_ + "/" + unserved_marker).flush();
  const auto pid = spawn(
      as_user(identity, {programs_ + "/initdb", "-D", cluster, "-U", database_user, "--auth=trust",
                         "--encoding=UTF8", "--no-locale", "--no-instructions"}));
  if (!pid) return pid.error();
  for (;;) {
    int state = 0;
    const pid_t ended = ::waitpid(*pid, &state, WNOHANG);
    if (ended == *pid) {
      if (WIFEXITED(state) && WEXITSTATUS(state) == 0) break;
      return failure("initdb failed: " + last_log_lines());
    }
    if (ended < 0) return failure("initdb cannot be waited for");
    if (!pause_(poll_ms)) {
      ::kill(*pid, SIGKILL);
      ::waitpid(*pid, &state, 0);
      return failure("it was told to stop");
    }
  }
  const int file = ::open(marker.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    return failure("its folder cannot be written: " + std::string(std::strerror(errno)));
  ::fsync(file);
  ::close(file);
  return {};
}

// A server that outlived its terminal is ended. What names one that is gone is removed, or
// PostgreSQL would take a stranger, or a thread of this program, with the same number for it: after
// a power cut numbers of processes come again. The socket's folder is this cluster's alone.
Status ManagedPostgres::end_leftover() {
  if (Status ended = end_leftover_server(); !ended) return ended;
  std::error_code error;
  fs::remove(socket_folder_ + socket_name, error);
  fs::remove(socket_folder_ + socket_name + ".lock", error);
  return {};
}

Status ManagedPostgres::end_leftover_server() {
  const std::string pid_file = folder_ + "/cluster/postmaster.pid";
  std::ifstream file(pid_file);
  long pid = 0;
  if (!(file >> pid) || pid <= 1) return {};
  file.close();
  std::error_code error;
  const auto works_here = [&] {
    const fs::path folder = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
    return !error && folder == fs::path(folder_ + "/cluster");
  };
  if (works_here()) {
    ::kill(static_cast<pid_t>(pid), SIGQUIT);
    for (int waited = 0; works_here(); waited += poll_ms) {
      if (waited >= leftover_limit_ms) ::kill(static_cast<pid_t>(pid), SIGKILL);
      if (waited >= 2 * leftover_limit_ms) {
        return failure("an older server (process " + std::to_string(pid) + ") does not end");
      }
      if (!pause_(poll_ms)) return failure("it was told to stop");
    }
  }
  fs::remove(pid_file, error);
  return {};
}

// ---- running --------------------------------------------------------------------------------

// A cluster goes on with its own version while that is installed, also beside a newer one. Without
// any the cluster stays as it is: its package may be in the middle of an upgrade.
Status ManagedPostgres::choose_programs() {
  const auto newest = find_programs(installed_);
  if (!newest) {
    return failure(
        "no PostgreSQL is installed; install the package postgresql, or set "
        "[store_database] mode to an address or to \"none\"");
  }
  programs_ = newest->folder;
  const int version = has_cluster() ? version_of_cluster(folder_ + "/cluster") : 0;
  if (version == 0 || version == newest->version) return {};
  if (const auto own = find_programs(installed_, version)) {
    programs_ = own->folder;
    return {};
  }
  set_aside("of-version-" + std::to_string(version),
            "the store database was made by PostgreSQL " + std::to_string(version) +
                ", and this machine has PostgreSQL " + std::to_string(newest->version));
  return {};
}

Result<ManagedPostgres::Identity> ManagedPostgres::prepare() {
  if (Status status = choose_programs(); !status) return status.error();
  auto identity = choose_identity();
  if (!identity) return identity;
  if (Status status = prepare_folders(*identity); !status) return status.error();
  if (Status status = choose_socket_folder(*identity); !status) return status.error();
  return identity;
}

Status ManagedPostgres::start() {
  if (is_running()) return {};
  const auto identity = prepare();
  if (!identity) return identity.error();
  Status status = failure("it was not tried");
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (status = make_cluster(*identity); !status) return status;
    if (status = end_leftover(); !status) return status;
    if (status = launch(*identity); !status) return status;
    if (status = wait_until_ready(); status) {
      std::error_code none;
      fs::remove(folder_ + "/" + unserved_marker, none);
      return status;
    }
    const bool hangs = is_running();
    if (hangs) end_child();
    if (!pause_(0) || attempt > 0) return status;
    if (!hangs && !is_fault_of_cluster(end_state_, said_in_this_start())) return status;
    set_aside("broken", "the store database could not be started: " + last_log_lines());
  }
  return status;
}

bool ManagedPostgres::has_cluster() const {
  return exists(folder_ + "/cluster") && exists(folder_ + "/" + done_marker);
}

Status ManagedPostgres::start_existing() {
  if (is_running()) return {};
  if (!has_cluster()) return failure("there is none yet");
  const auto identity = prepare();
  if (!identity) return identity.error();
  if (!has_cluster()) return failure("there is none that an installed version reads");
  if (Status status = end_leftover(); !status) return status;
  if (Status status = launch(*identity); !status) return status;
  Status ready = wait_until_ready();
  if (!ready && is_running()) end_child();
  return ready;
}

Status ManagedPostgres::launch(const Identity& identity) {
  std::error_code error;
  const auto size = fs::file_size(folder_ + "/titan-postgres.log", error);
  log_begin_ = error ? 0 : static_cast<long long>(size);
  // The port is only a part of the socket's name; without it PGPORT would choose another. What it
  // says is read (start_failure.h), so it says it in one language.
  std::vector<std::string> command = {"/usr/bin/env",
                                      "LC_ALL=C",
                                      programs_ + "/postgres",
                                      "-D",
                                      folder_ + "/cluster",
                                      "-k",
                                      socket_folder_,
                                      "-p",
                                      "5432"};
  for (const char* setting : settings) {
    command.push_back("-c");
    command.push_back(setting);
  }
  const auto pid = spawn(as_user(identity, command));
  if (!pid) return pid.error();
  child_ = *pid;
  return {};
}

Status ManagedPostgres::wait_until_ready() {
  for (int waited = 0; waited < start_limit_ms; waited += poll_ms) {
    if (!is_running()) return failure("it ended while starting: " + last_log_lines());
    if (exists(socket_folder_ + socket_name)) {
      try {
        const pqxx::connection probe(url());
        return {};
      } catch (const std::exception&) {  // still recovering
      }
    }
    if (!pause_(poll_ms)) return failure("it was told to stop");
  }
  return failure("it does not accept connections after " + std::to_string(start_limit_ms / 1000) +
                 " s: " + last_log_lines());
}

bool ManagedPostgres::is_running() {
  if (child_ == 0) return false;
  int state = 0;
  if (::waitpid(child_, &state, WNOHANG) == 0) return true;
  end_state_ = state;
  child_ = 0;
  return false;
}

bool ManagedPostgres::wait_for_end(int milliseconds) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (is_running()) {
    if (std::chrono::steady_clock::now() >= limit) return false;
    timespec moment{0, 2'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return true;
}

void ManagedPostgres::stop() {
  if (is_running()) end_child();
  const bool outside = !socket_folder_.empty() && !socket_folder_.starts_with(folder_);
  std::error_code ignored;
  if (outside) fs::remove_all(socket_folder_, ignored);
}

void ManagedPostgres::end_child() {
  ::kill(child_, SIGINT);
  if (wait_for_end(fast_stop_ms)) return;
  ::kill(child_, SIGQUIT);
  if (wait_for_end(immediate_stop_ms)) return;
  ::kill(child_, SIGKILL);
  int state = 0;
  ::waitpid(child_, &state, 0);
  child_ = 0;
}

// The last one of a name is kept for whoever wants to look into it; older ones are not. One that
// never served holds nothing, and must not take the place of one that did.
void ManagedPostgres::set_aside(const std::string& name, const std::string& reason) {
  std::error_code error;
  if (exists(folder_ + "/" + unserved_marker)) {
    fs::remove(folder_ + "/" + done_marker, error);  // it is made anew over what is there
    return;
  }
  const std::string aside = folder_ + "/" + name;
  fs::remove_all(aside, error);
  fs::rename(folder_ + "/cluster", aside, error);
  fs::remove(folder_ + "/" + done_marker, error);
  notes_.push_back(reason + ". It is made again from this till's journal; what it was is in " +
                   aside + " and can be deleted. Sales do not need it.");
}

std::string ManagedPostgres::said_in_this_start() const {
  std::ifstream log(folder_ + "/titan-postgres.log");
  log.seekg(log_begin_);
  return {std::istreambuf_iterator<char>(log), {}};
}

std::string ManagedPostgres::last_log_lines() const {
  constexpr std::size_t lines_max = 3;
  std::ifstream log(folder_ + "/titan-postgres.log");
  log.seekg(log_begin_);
  std::deque<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    lines.push_back(line);
    if (lines.size() > lines_max) lines.pop_front();
  }
  std::string text;
  for (const auto& line : lines) text += (text.empty() ? "" : " | ") + line;
  return text.empty() ? "it said nothing" : text;
}

}  // namespace titan::uplink
