#include "qa/bench/support/program.h"

#include <unistd.h>

#include <cstdio>

namespace titan::bench {

void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::fflush(stderr);
  // A forked worker must not run what its parent registered for the end.
  _exit(1);
}

void fail_errno(const std::string& message) {
  fail(message + ": " + std::strerror(errno));
}

}  // namespace titan::bench
