#include "uplink/postgres/start_failure.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

namespace titan::uplink {
namespace {

// The words of strerror() behind PostgreSQL's own; "already exists" is said of a lock file.
constexpr std::array<std::string_view, 14> of_machine = {
    "No space left on device", "Disk quota exceeded",
    "Read-only file system",   "Input/output error",
    "Permission denied",       "Operation not permitted",
    "Cannot allocate memory",  "out of memory",
    "Too many open files",     "Resource temporarily unavailable",
    "failed to execute",       "already exists",
    "Address already in use",  "Interrupted system call"};

// The shell's and setpriv's: the program could not be started at all.
constexpr int exit_not_executable = 126;
constexpr int exit_not_found = 127;

}  // namespace

bool is_fault_of_cluster(int state, const std::string& said) {
  if (WIFEXITED(state)) {
    const int code = WEXITSTATUS(state);
    if (code == exit_not_executable || code == exit_not_found) return false;
  }
  // From outside: the kernel for want of memory, somebody, or the machine that goes down.
  // PostgreSQL itself ends by SIGABRT where its files make no sense.
  if (WIFSIGNALED(state)) {
    const int by = WTERMSIG(state);
    if (by == SIGKILL || by == SIGTERM || by == SIGINT || by == SIGQUIT || by == SIGHUP)
      return false;
  }
  return std::none_of(of_machine.begin(), of_machine.end(), [&](std::string_view words) {
    return said.find(words) != std::string::npos;
  });
}

}  // namespace titan::uplink
