// How many files and sockets this process may have open, raised as far as it is allowed to.
#pragma once

#include <cstddef>
#include <string>

namespace titan {

struct OpenFiles {
  std::size_t limit = 0;  // what holds now
  std::string problem;    // why it could not be raised; empty: it could, or need not
};

// Raises the soft limit to `wanted`, or to the hard limit where that is lower.
OpenFiles raise_open_files(std::size_t wanted);

}  // namespace titan
