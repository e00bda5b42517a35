// Stands between one client and a PostgreSQL on a Unix socket, and breaks connections at the very
// moment a test asks for: before a COMMIT reaches the server, after the server has carried it out,
// or while it is held back. Runs on a thread of its own; its functions may be called from any.
#pragma once

#include <sys/un.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "tests/uplink/postgres/test_postgres.h"

namespace titan::test {

class PostgresRelay {
 public:
  enum class Plan {
    pass,
    cut_before,  // the commit never arrives
    cut_after,   // the commit is done, its answer never arrives
    hold,        // the commit is kept back until the connection ends
  };

  // `server`: the folder of its socket.
  explicit PostgresRelay(const std::string& server);
  ~PostgresRelay();

  const std::string& folder() const { return folder_.path; }
  // For the next transaction that brings entries.
  void set(Plan plan) { plan_ = plan; }
  // It has happened.
  bool is_done() const { return done_; }
  void forget() { done_ = false; }
  // Ends all connections and takes no more.
  void break_off() { broken_off_ = true; }

 private:
  struct Line {
    int client = -1;
    int server = -1;
    bool brings_entries = false;
    bool holds = false;
    Bytes tail;  // of what the client sent, where a word may go on in the next piece
  };

  void run();
  void accept_one();
  // False: the line has ended.
  bool pass_to_server(Line& line);
  bool pass_to_client(Line& line);
  bool is_commit_of_entries(Line& line, BytesView piece);
  static void close(Line& line);

  const TemporaryFolder folder_;
  // Made by the test's thread: Catch's assertions are for that one alone.
  const sockaddr_un server_;
  int listener_ = -1;
  std::list<Line> lines_;
  std::atomic<Plan> plan_{Plan::pass};
  std::atomic<bool> done_{false};
  std::atomic<bool> broken_off_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace titan::test
