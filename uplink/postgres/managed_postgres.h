// A private PostgreSQL of this terminal: a child process with small settings, reachable over a Unix
// socket only.
//
// Used by one thread, which must live as long as the server runs: the kernel ends the child when
// the thread that started it ends (parent-death signal), so a killed terminal leaves no server
// behind.
//
// PostgreSQL refuses to run as root; then it runs as the owner of the data folder, or as the system
// user `postgres`. Its cluster holds a projection only: one that cannot be started is set aside and
// made anew.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace titan::uplink {

// The newest installed PostgreSQL's folder of programs, such as /usr/lib/postgresql/15/bin.
std::optional<std::string> find_postgres_programs();

class ManagedPostgres {
 public:
  // Waits some milliseconds; false: give up, the owner wants to stop.
  using Pause = std::function<bool(int milliseconds)>;

  // Keeps its cluster in `folder` (DATA/postgres).
  ManagedPostgres(std::string folder, Pause pause);
  ~ManagedPostgres();
  ManagedPostgres(const ManagedPostgres&) = delete;
  ManagedPostgres& operator=(const ManagedPostgres&) = delete;

  // Makes the cluster where it is missing and starts the server; answers when it accepts
  // connections. Nothing to do if it runs.
  Status start();
  // Whether a cluster was made here before.
  bool has_cluster() const;
  // Like start(), but for one that was made before: it is neither made nor set aside.
  Status start_existing();
  // Whether the child still runs.
  bool is_running();
  // Fast shutdown, then harder ones; within about a second.
  void stop();

  void set_pause(Pause pause) { pause_ = std::move(pause); }

  // For libpq, valid after start().
  std::string url() const;

 private:
  struct Identity {
    bool change = false;  // we are root: run as `user`
    std::string user;
    uid_t uid = 0;
    gid_t gid = 0;
  };

  Result<Identity> prepare();
  Result<Identity> choose_identity() const;
  Status prepare_folders(const Identity& identity);
  Status choose_socket_folder(const Identity& identity);
  Status make_cluster(const Identity& identity);
  Status end_leftover();
  Status launch(const Identity& identity);
  Status wait_until_ready();
  std::vector<std::string> as_user(const Identity& identity,
                                   std::vector<std::string> command) const;
  Result<pid_t> spawn(const std::vector<std::string>& command) const;
  void end_child();
  bool wait_for_end(int milliseconds);
  void set_aside();
  std::string last_log_lines() const;

  const std::string folder_;
  Pause pause_;
  std::string programs_;
  std::string socket_folder_;
  pid_t child_ = 0;
};

}  // namespace titan::uplink
