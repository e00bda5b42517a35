#include "qa/bench/support/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qa/bench/support/namespaces.h"
#include "qa/bench/support/program.h"

namespace titan::bench {

Worker::Worker(const std::string& name_space, const Body& body) {
  int segments[2];
  int answers[2];
  if (pipe2(segments, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) fail_errno("pipe");
  process_ = fork();
  if (process_ < 0) fail_errno("cannot start a process");
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(segments[1]);
    close(answers[0]);
    enter_namespace(name_space);
    body(segments[0], answers[1]);
    _exit(0);
  }
  close(segments[0]);
  close(answers[1]);
  segments_ = segments[1];
  answers_ = answers[0];
}

Worker::~Worker() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  close(segments_);
  close(answers_);
}

void Worker::start(const Segment& segment) {
  if (write(segments_, &segment, sizeof segment) != sizeof segment) {
    fail_errno("a measuring process is gone");
  }
}

void Worker::wait(double seconds) {
  pollfd readable{answers_, POLLIN, 0};
  char byte = 0;
  if (poll(&readable, 1, static_cast<int>(seconds * 1000)) <= 0) {
    fail("a measuring process did not finish within " + std::to_string(seconds) + " s");
  }
  if (read(answers_, &byte, 1) != 1) fail("a measuring process ended; its reason stands above");
}

bool read_segment(int segments, Segment& segment) {
  return read(segments, &segment, sizeof segment) == sizeof segment;
}

void answer_segment(int answers) {
  const char byte = 1;
  if (write(answers, &byte, 1) != 1) _exit(0);
}

std::int64_t due_ns(const Segment& segment, std::int64_t start_ns, std::uint32_t i) {
  if (segment.per_second <= 0) return start_ns;
  return start_ns + static_cast<std::int64_t>(static_cast<double>(i) * 1e9 / segment.per_second);
}

}  // namespace titan::bench
