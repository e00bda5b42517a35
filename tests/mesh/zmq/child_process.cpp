#include "tests/mesh/zmq/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

namespace titan::mesh::test {

ChildProcess::ChildProcess(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for a child process");
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  output_ = ends[0];
  fcntl(output_, F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    signal(SIGKILL);
    wait();
  }
  close(output_);
}

void ChildProcess::signal(int number) {
  if (pid_ > 0) kill(pid_, number);
}

int ChildProcess::wait() {
  int status = 0;
  if (pid_ > 0) waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void ChildProcess::read_output() {
  char buffer[4096];
  for (ssize_t size; (size = read(output_, buffer, sizeof(buffer))) > 0;) {
    for (const char c : std::string(buffer, static_cast<std::size_t>(size))) {
      if (c != '\n') {
        partial_ += c;
      } else {
        lines.push_back(std::move(partial_));
        partial_.clear();
      }
    }
  }
}

std::optional<std::string> ChildProcess::await_line(const std::string& prefix, milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    read_output();
    while (!lines.empty()) {
      const std::string line = std::move(lines.front());
      lines.pop_front();
      if (line.starts_with(prefix)) return line.substr(prefix.size());
    }
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd waiting{output_, POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(left.count()));
    if ((waiting.revents & POLLIN) == 0 && (waiting.revents & POLLHUP) != 0) return std::nullopt;
  }
}

int run_command(const std::vector<std::string>& command) {
  return ChildProcess(command).wait();
}

}  // namespace titan::mesh::test
