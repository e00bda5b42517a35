// A program of the tests, its output line by line, and its end.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace titan::mesh::test {

class ChildProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& command);
  ~ChildProcess();  // SIGKILL, if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void signal(int number);
  int wait();  // its exit status; 128 + signal if it was killed
  // Reads what is there into `lines`.
  void read_output();
  // The rest of the first unread line that begins with `prefix`; lines before it are dropped.
  std::optional<std::string> await_line(const std::string& prefix,
                                        milliseconds limit = milliseconds(10000));

  std::deque<std::string> lines;

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string partial_;
};

// Runs a command to its end; its exit status.
int run_command(const std::vector<std::string>& command);

}  // namespace titan::mesh::test
