#include "base/host/systemd.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace titan {

bool has_systemd() {
  std::error_code failed;
  return std::filesystem::exists("/run/systemd/system", failed);
}

bool start_service(const std::string& unit) {
  return run_program({"systemctl", "enable", "--quiet", unit}) == 0 &&
         run_program({"systemctl", "restart", unit}) == 0;
}

int run_program(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  if (child < 0) return 127;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

}  // namespace titan
