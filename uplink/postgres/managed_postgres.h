// A private PostgreSQL of this terminal: a child process with small settings, reachable over a Unix
// socket only.
//
// Used by one thread, which must live as long as the server runs: the kernel ends the child when
// the thread that started it ends (parent-death signal), so a killed terminal leaves no server
// behind.
//
// PostgreSQL refuses to run as root; then it runs as the owner of the data folder, or as the system
// user `postgres`.
//
// Its cluster holds a projection, so one that is broken, or of a version that is not installed any
// more, is set aside and made anew. One that does not start for want of room, memory or its program
// is kept: it may hold what this disk's journal has lost, and what is lacking comes back.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "uplink/postgres/postgres_programs.h"

namespace titan::uplink {

class ManagedPostgres {
 public:
  // Waits some milliseconds; false: give up, the owner wants to stop.
  using Pause = std::function<bool(int milliseconds)>;

  // Keeps its cluster in `folder` (DATA/postgres). `installed`: a folder for each version.
  ManagedPostgres(std::string folder, Pause pause, std::string installed = postgres_root);
  ~ManagedPostgres();
  ManagedPostgres(const ManagedPostgres&) = delete;
  ManagedPostgres& operator=(const ManagedPostgres&) = delete;

  // Makes the cluster where it is missing and starts the server; answers when it accepts
  // connections. Nothing to do if it runs.
  Status start();
  // Whether a cluster was made here before.
  bool has_cluster() const;
  // Like start(), but for one that was made before. None is made, and only one that no installed
  // version reads is set aside: then has_cluster() is false.
  Status start_existing();
  // Whether the child still runs.
  bool is_running();
  // Fast shutdown, then harder ones; within about a second.
  void stop();

  void set_pause(Pause pause) { pause_ = std::move(pause); }

  // For libpq, valid after start().
  std::string url() const;

  // What was set aside since it was last asked: sentences for whoever looks after the machine.
  std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

 private:
  struct Identity {
    bool change = false;  // we are root: run as `user`
    std::string user;
    uid_t uid = 0;
    gid_t gid = 0;
  };

  Result<Identity> prepare();
  Status choose_programs();
  Result<Identity> choose_identity() const;
  Status prepare_folders(const Identity& identity);
  Status choose_socket_folder(const Identity& identity);
  Status make_cluster(const Identity& identity);
  Status end_leftover();
  Status end_leftover_server();
  Status launch(const Identity& identity);
  Status wait_until_ready();
  std::vector<std::string> as_user(const Identity& identity,
                                   std::vector<std::string> command) const;
  Result<pid_t> spawn(const std::vector<std::string>& command) const;
  void end_child();
  bool wait_for_end(int milliseconds);
  void set_aside(const std::string& name, const std::string& reason);
  std::string said_in_this_start() const;
  std::string last_log_lines() const;

  const std::string folder_;
  const std::string installed_;
  Pause pause_;
  std::string programs_;
  std::string socket_folder_;
  pid_t child_ = 0;
  int end_state_ = 0;        // of the last child, as waitpid() told it
  long long log_begin_ = 0;  // where the log of this start begins
  std::vector<std::string> notes_;
};

}  // namespace titan::uplink
